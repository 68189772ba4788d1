//! The agent follows its pin: the new one is tried, has its first run, and takes the place of the one before.
//! Whatever fails leaves the old one at work.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod failures;
mod kills;
mod places;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::Run;
use e2e::forge::{Forge, name};
use e2e::{process, tools};
use serde_json::{Value, json};
use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::{AgentFile, Manifest};
use stringless_core::version::Version;

/// The version of the agents that are built here, and the one after it.
const OLD: &str = env!("CARGO_PKG_VERSION");
const NEW: &str = "0.9.9";

/// A site, and a node whose agent is a file of its own.
struct World {
    forge: Forge,
    folder: tempfile::TempDir,
    config: Value,
}

impl World {
    /// A node with this agent, which has not run yet.
    fn new(agent: &Path) -> Self {
        let (forge, folder) = (Forge::new(), tempfile::tempdir().unwrap());
        let mut config = forge.config(&forge.url());
        config["state_dir"] = json!(folder.path().join("state"));
        let world = Self { forge, folder, config };
        world.configure(&world.config.clone());
        fs::create_dir(world.path("bin")).unwrap();
        fs::copy(agent, world.agent()).unwrap();
        world
    }

    fn configure(&self, config: &Value) {
        fs::write(self.path("agent.json"), config.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The installed agent.
    fn agent(&self) -> PathBuf {
        self.path("bin/stringless-agent")
    }

    /// The files beside it, without it.
    fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("bin")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name != "stringless-agent");
        names.sort();
        names
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.agent());
        command.arg("--config").arg(self.path("agent.json")).args(args).env("OUT", self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    fn once(&self) -> Run {
        self.run(&["--once"])
    }

    /// What the installed agent calls itself.
    fn version(&self) -> String {
        version_of(&self.agent())
    }

    fn applied(&self) -> String {
        fs::read_to_string(self.path("applied")).unwrap_or_default()
    }

    /// What the node remembers of its agents.
    fn record(&self) -> Value {
        let bytes = fs::read(self.path("state/upgrade.json")).unwrap_or_else(|_| b"null".to_vec());
        serde_json::from_slice(&bytes).unwrap()
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("state/last-run.json")).unwrap()).unwrap()
    }

    /// A release that pins this file, which the store has.
    fn publish(&self, serial: u64, version: &str, file: &[u8]) -> Manifest {
        self.publish_as(serial, version, file, |_| {})
    }

    fn publish_as(&self, serial: u64, version: &str, file: &[u8], edit: impl Fn(&mut Manifest)) -> Manifest {
        self.forge.put(&key(version), file);
        let mut manifest = self.manifest(serial, version, file);
        edit(&mut manifest);
        self.forge.publish(&manifest);
        manifest
    }

    fn manifest(&self, serial: u64, version: &str, file: &[u8]) -> Manifest {
        let script = self.forge.script(&format!("echo {serial} >\"$OUT/applied\""));
        let mut manifest = self.forge.manifest(serial, vec![script]);
        manifest.agent.version = Version::parse(version).unwrap();
        let file = AgentFile { size: file.len() as u64, sha256: Sha256::of(file) };
        manifest.agent.targets.insert(name(&target()), file);
        manifest
    }
}

fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

fn key(version: &str) -> String {
    layout::agent(&Version::parse(version).unwrap(), &name(&target()))
}

fn version_of(agent: &Path) -> String {
    let run = Run::of(Command::new(agent).arg("version")).expect(0);
    run.out.trim().trim_start_matches("stringless-agent ").to_owned()
}

/// The same agent, which calls itself another version.
fn renamed(agent: &Path, version: &str) -> Vec<u8> {
    e2e::agent::of_version(&fs::read(agent).unwrap(), OLD, version)
}

/// An agent that is a script, and says that it is the new one: `$1` is `check` or `--once`.
fn fake(script: &str) -> Vec<u8> {
    let version = format!("[ \"$1\" != version ] || {{ echo 'stringless-agent {NEW}'; exit 0; }}");
    format!("#!/bin/sh\n{version}\n{script}\n").into_bytes()
}

#[test]
fn an_agent_installs_the_newer_one_that_is_pinned() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    world.publish(7, OLD, &fs::read(&agent).unwrap());
    world.once().expect(0);
    assert_eq!((world.version(), world.applied(), world.record()), (OLD.into(), "7\n".into(), Value::Null));

    world.publish(8, NEW, &renamed(&agent, NEW));
    let noop = world.run(&["--once", "--noop"]).expect(0);
    assert!(world.version() == OLD && world.beside().is_empty(), "{}", noop.err);
    let run = world.once().expect(0);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (NEW, "8\n"), "{}", run.err);
    assert!(run.err.contains(&format!("agent {NEW} is in place")), "{}", run.err);
    assert_eq!(world.beside(), ["stringless-agent.previous"]);
    assert_eq!(version_of(&world.path("bin/stringless-agent.previous")), OLD);
    let mode = fs::metadata(world.agent()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    assert_eq!(world.record()["starts"], 0);

    // The next run is the new one's, and ends its probation.
    world.run(&["--once", "--force"]).expect(0);
    assert_eq!(world.record()["starts"], Value::Null);
    let report = world.report();
    assert_eq!((&report["agent"], &report["previous"]), (&json!(NEW), &json!(OLD)));
    let status = world.run(&["status"]).expect(0).out;
    assert!(status.contains(&format!("agent       {NEW} (before: {OLD})\n")), "{status}");
    let requests = |world: &World| {
        world.run(&["--once", "--json"]).expect(0);
        let run = world.run(&["--once", "--json"]).expect(0);
        serde_json::from_str::<Value>(&run.out).unwrap()["layers"][0]["requests"].clone()
    };
    assert_eq!(requests(&world), 0, "a store in a folder is asked without requests");
}

#[test]
fn a_release_that_needs_the_newer_agent_is_applied_in_the_same_run() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    world.forge.release(7, "seven");
    world.once().expect(0);
    let newest = Version::parse(NEW).unwrap();
    world.publish_as(8, NEW, &renamed(&agent, NEW), |manifest| manifest.agent.minimum = newest);
    let run = world.run(&["--once", "--json", "--detailed-exitcodes"]).expect(2);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (NEW, "8\n"), "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&report["agent"], &report["layers"][0]["live"]["serial"]), (&json!(NEW), &json!(8)));
    world.once().expect(0);
}

/// No agent knows this name: the node tries the pinned one, which knows no more, and says so.
#[test]
fn a_release_that_needs_something_unknown_leads_to_the_pinned_agent() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    world.forge.release(7, "seven");
    world.once().expect(0);
    world.publish_as(8, NEW, &renamed(&agent, NEW), |manifest| manifest.needs = vec!["tides".into()]);
    let run = world.once().expect(3);
    assert!(
        run.err.contains("this needs a newer agent: `tides` is unknown to this one [needs]"),
        "{}",
        run.err
    );
    assert!(run.err.contains("hint: `stringless agent push`"), "{}", run.err);
    assert!(
        run.err.contains(&format!(
            "agent {NEW} is not installed, and left alone: its check ended with status 3"
        ))
    );
    assert_eq!((world.version().as_str(), world.applied().as_str()), (OLD, "seven\n"));
    // Unsigned, or signed for another environment, it leads nowhere.
    let mut forged = world.manifest(9, "0.9.8", b"x");
    forged.needs = vec!["tides".into()];
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    world.forge.publish_by(&stranger, &forged);
    let run = world.once().expect(3);
    assert!(!run.err.contains("0.9.8"), "{}", run.err);
}

#[test]
fn an_older_agent_comes_only_on_purpose_and_by_a_newer_release() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    let old = fs::read(&agent).unwrap();
    world.publish(8, NEW, &renamed(&agent, NEW));
    world.once().expect(0);
    world.once().expect(0);
    assert_eq!(world.version(), NEW);
    world.publish(9, OLD, &old);
    world.once().expect(0);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (NEW, "9\n"), "not asked for");
    world.publish_as(10, OLD, &old, |manifest| manifest.agent.allow_downgrade = true);
    let run = world.once().expect(0);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (OLD, "10\n"), "{}", run.err);
    world.once().expect(0);
    assert_eq!(version_of(&world.path("bin/stringless-agent.previous")), NEW);
}

#[test]
fn an_agent_that_does_not_follow_stays() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    let mut config = world.config.clone();
    config["agent"] = json!({"follow": false});
    world.configure(&config);
    world.publish(8, NEW, &renamed(&agent, NEW));
    world.once().expect(0);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (OLD, "8\n"));
    assert!(world.beside().is_empty() && world.record().is_null());
}

/// The daemon stays the same process, and becomes the new agent.
#[test]
fn a_daemon_becomes_the_new_agent() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    world.publish(8, NEW, &renamed(&agent, NEW));
    let log = world.path("log");
    let mut daemon = process::Running::start(&mut world.command(&["--daemon"]), &log);
    let pid = daemon.id();
    let lines = |text: &str| daemon_lines(&log, text);
    super::runs::wait_for(|| lines("daemon: following") == 2);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (NEW, "8\n"));
    let running = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(running, world.agent().canonicalize().unwrap());
    world.publish(9, NEW, &renamed(&agent, NEW));
    super::runs::wait_for(|| world.applied() == "9\n");
    super::runs::wait_for(|| world.record()["starts"].is_null());
    assert_eq!(daemon.id(), pid);
    daemon.stop(process::PATIENCE);
}

fn daemon_lines(log: &Path, text: &str) -> usize {
    fs::read_to_string(log).unwrap_or_default().lines().filter(|line| line.contains(text)).count()
}
