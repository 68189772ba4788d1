//! The built agent on a node that is a folder: `--root` keeps it away from this machine's own paths.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::netns::Net;
use crate::process::{Running, run};
use crate::schema::fault_of;
use crate::tools;

/// A node; dropping it removes its folder.
#[derive(Debug)]
pub struct Node {
    agent: PathBuf,
    net: Net,
    folder: tempfile::TempDir,
    /// Whether the folder stands for `/`; otherwise it only holds the configuration and the state.
    rooted: bool,
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
    /// When it takes longer than ten minutes.
    pub fn of(command: &mut Command) -> Self {
        let start = Instant::now();
        let output = run(command, crate::process::PATIENCE);
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
        self.expect_any(&[code])
    }

    /// The same, when it ended with one of these codes.
    ///
    /// # Panics
    /// When it did not.
    pub fn expect_any(self, codes: &[i32]) -> Self {
        assert!(
            codes.contains(&self.code),
            "exit status {}, not {codes:?}\n{}{}",
            self.code,
            self.out,
            self.err
        );
        self
    }
}

impl Node {
    /// A node on `net` with this `agent.json`; `None` after saying that there is no agent.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn new(net: &Net, config: &Value) -> Option<Self> {
        Some(Self::with(tools::agent()?, net, config))
    }

    /// This machine as a node, for an engine that cannot keep to a folder: only its configuration and its
    /// state are in one.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn on_this_machine(config: &Value) -> Option<Self> {
        let (agent, net) = (tools::agent()?, Net::host());
        let node = Self { agent, net, folder: tempfile::tempdir().unwrap(), rooted: false };
        node.configure(config);
        Some(node)
    }

    /// The same, with this agent.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn with(agent: PathBuf, net: &Net, config: &Value) -> Self {
        Self::below(&std::env::temp_dir(), agent, net, config)
    }

    /// The same, with its folder below that one.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn below(below: &Path, agent: PathBuf, net: &Net, config: &Value) -> Self {
        let folder = tempfile::tempdir_in(below).unwrap();
        let node = Self { agent, net: net.clone(), folder, rooted: true };
        node.configure(config);
        node
    }

    /// Another node whose disk holds the same.
    ///
    /// # Panics
    /// When its disk cannot be copied.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir_in(self.root().parent().unwrap()).unwrap();
        copy(self.root(), folder.path()).unwrap_or_else(|e| panic!("copying a node: {e}"));
        Self { agent: self.agent.clone(), net: self.net.clone(), folder, rooted: self.rooted }
    }

    /// Replaces its `agent.json`, which only its owner may read.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, config: &Value) {
        let file = self.root().join(CONFIG);
        let mut config = config.clone();
        if !self.rooted {
            config["state_dir"] = self.root().join("var/lib/stringless").display().to_string().into();
        }
        self.write(CONFIG, &config.to_string());
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// `stringless-agent --root … ARGS`, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.net.command(&self.agent);
        match self.rooted {
            true => command.arg("--root").arg(self.root()),
            false => command.arg("--config").arg(self.root().join(CONFIG)),
        };
        command.args(args);
        command
    }

    /// Runs the agent to its end. What it prints with `--json` is as its schema says.
    ///
    /// # Panics
    /// When it is not.
    pub fn run(&self, args: &[&str]) -> Run {
        let run = Run::of(&mut self.command(args));
        let fault = fault_of(&format!("stringless-agent {}", args.join(" ")), &run.out);
        assert_eq!(fault, None, "{args:?}\n{}", run.out);
        run
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

/// The bytes of an agent that calls itself another version of the same length.
///
/// # Panics
/// When the file does not say its version in one place.
#[must_use]
pub fn of_version(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mark = |version: &str| format!("version of this agent: {version}\n").into_bytes();
    let (old, new) = (mark(from), mark(to));
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(&old)).collect();
    assert!(places.len() == 1 && old.len() == new.len(), "{from} in {places:?}, {to}");
    let mut file = file.to_vec();
    file[places[0]..places[0] + new.len()].copy_from_slice(&new);
    file
}

const CONFIG: &str = "etc/stringless/agent.json";

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(source)?, target)?;
        } else if kind.is_dir() {
            fs::create_dir(&target)?;
            fs::set_permissions(&target, entry.metadata()?.permissions())?;
            copy(&source, &target)?;
        } else {
            fs::copy(source, target)?;
        }
    }
    Ok(())
}
