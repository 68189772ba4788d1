//! The built agent on a node that is a folder: `--root` keeps it away from this machine's own paths.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::netns::Net;
use crate::process::{Running, run};
use crate::tools;

/// A node; dropping it removes its folder.
#[derive(Debug)]
pub struct Node {
    agent: PathBuf,
    net: Net,
    folder: tempfile::TempDir,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Run {
    /// The exit status; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// Runs `command` to its end, bounded.
    ///
    /// # Panics
    /// When it takes longer than two minutes.
    pub fn of(command: &mut Command) -> Self {
        let start = Instant::now();
        let output = run(command, Duration::from_secs(120));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
            took: start.elapsed(),
        }
    }

    /// The same, when it ended with this code.
    ///
    /// # Panics
    /// When it did not: with all that it printed.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit status\n{}{}", self.out, self.err);
        self
    }
}

impl Node {
    /// A node on `net` with this `agent.json`; `None` after saying that there is no agent.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn new(net: &Net, config: &Value) -> Option<Self> {
        let node = Self { agent: tools::agent()?, net: net.clone(), folder: tempfile::tempdir().unwrap() };
        node.configure(config);
        Some(node)
    }

    /// Replaces its `agent.json`, which only its owner may read.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, config: &Value) {
        self.write("etc/stringless/agent.json", &config.to_string());
        let file = self.root().join("etc/stringless/agent.json");
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// `stringless-agent --root … ARGS`, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.net.command(&self.agent);
        command.arg("--root").arg(self.root()).args(args);
        command
    }

    /// Runs the agent to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// One run, as at boot or by the timer.
    pub fn once(&self) -> Run {
        self.run(&["--once"])
    }

    /// The agent in the background.
    pub fn daemon(&self) -> Running {
        Running::start(&mut self.command(&["--daemon"]), &self.root().join("daemon.log"))
    }

    /// The folder that stands for `/`.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// What the node has at `path` (no leading slash).
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root().join(path)).ok()
    }

    /// Puts a file into the node (no leading slash).
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.root().join(path);
        fs::create_dir_all(file.parent().unwrap_or(&file)).unwrap();
        fs::write(file, text).unwrap();
    }
}
