//! `kill -9` at every named point of a run: the node holds one complete release, and the next run
//! finishes the work.
//!
//! Needs the agent with its feature `checkpoints`: `AGENT_CHECKPOINTS_BIN`, which `make` sets.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

use std::fs;
use std::path::Path;
use std::process::Command;

use agent_core::pack::Pack;
use e2e::agent::Run;
use e2e::forge::{Entry, Forge, name, sign, trust};
use e2e::tools;
use serde_json::json;

/// The points, read from the code: a new one cannot be forgotten here.
fn checkpoints() -> Vec<&'static str> {
    let source = include_str!("../agent/src/checkpoint.rs");
    let body = source.split("pub enum Checkpoint {").nth(1).unwrap().split('}').next().unwrap();
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    variants.map(|line| line.trim_end_matches(',')).collect()
}

/// Whether the agent that can be killed is not there, which fails under CI.
fn missing() -> bool {
    std::env::var_os("AGENT_CHECKPOINTS_BIN").is_none()
        && tools::skip::<()>("no AGENT_CHECKPOINTS_BIN").is_none()
}

struct Node<'a> {
    root: &'a Path,
}

impl<'a> Node<'a> {
    /// A node in `root` that follows the forge's folder.
    fn following(forge: &Forge, root: &'a Path) -> Self {
        let config = root.join("etc/stringless/agent.json");
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, forge.config(&forge.url()).to_string()).unwrap();
        Self { root }
    }

    fn run(&self, kill_at: &str) -> Run {
        self.run_with(&[], kill_at)
    }

    fn run_with(&self, args: &[&str], kill_at: &str) -> Run {
        let agent = std::env::var_os("AGENT_CHECKPOINTS_BIN").unwrap();
        let mut command = Command::new(agent);
        command.arg("--root").arg(self.root).arg("--once").args(args);
        Run::of(command.env("OUT", self.root).env("STRINGLESS_KILL_AT", kill_at))
    }

    fn live(&self) -> Option<String> {
        let release = self.root.join("var/lib/stringless/layers/example/current");
        let one = fs::read_to_string(release.join("data/one")).ok()?;
        let two = fs::read_to_string(release.join("more/two")).ok()?;
        assert!(release.join("apply").is_file());
        assert_eq!(one, two, "half of one release and half of another");
        Some(one)
    }

    fn applied(&self) -> Option<String> {
        fs::read_to_string(self.root.join("applied")).ok()
    }
}

fn packs(forge: &Forge, text: &str) -> Vec<Pack> {
    vec![
        forge.script(&format!("cat data/one more/two >\"$OUT/applied\" # {text}")),
        forge.pack("data", &[Entry::file("one", 0o644, text)]),
        forge.pack("more", &[Entry::file("two", 0o644, text)]),
    ]
}

fn publish(forge: &Forge, serial: u64, text: &str) {
    publish_to(forge, "production", serial, text);
}

fn publish_under(forge: &Forge, trust: u64, serial: u64, text: &str) {
    let mut manifest = forge.manifest(serial, packs(forge, text));
    manifest.trust_version = trust;
    forge.publish(&manifest);
}

fn publish_to(forge: &Forge, environment: &str, serial: u64, text: &str) {
    let mut manifest = forge.manifest(serial, packs(forge, text));
    manifest.environment = name(environment);
    forge.publish(&manifest);
}

#[test]
fn a_kill_at_each_checkpoint_leaves_one_whole_release() {
    if missing() {
        return;
    }
    let points = checkpoints();
    assert!(points.contains(&"Staged") && points.contains(&"Switched"), "{points:?}");
    for point in &points {
        let forge = Forge::new();
        let folder = tempfile::tempdir().unwrap();
        let node = Node::following(&forge, folder.path());
        publish(&forge, 1, "old");
        node.run("").expect(0);
        assert_eq!((node.live(), node.applied()), (Some("old".into()), Some("oldold".into())), "{point}");
        // With a rotation on the way, and a release that is to be swept.
        publish(&forge, 2, "mid");
        node.run("").expect(0);
        let rotated = trust(&[&forge.key], 2, &json!({})).to_string();
        forge.put("trust/2.json", &sign(&[&forge.key], rotated.as_bytes(), "trust example keys 2"));
        publish_under(&forge, 2, 3, "new");
        node.run(point).expect(-1);
        let live = node.live();
        assert!(live.as_deref() == Some("mid") || live.as_deref() == Some("new"), "{point}: {live:?}");
        node.run("").expect(0);
        assert_eq!((node.live(), node.applied()), (Some("new".into()), Some("newnew".into())), "{point}");
        // No litter: nothing half-done is left, and a third run has nothing to say.
        let idle = node.run("").expect(0);
        assert_eq!(idle.err, "", "{point}");
        let litter = find(folder.path(), |name| name.ends_with(".new"));
        assert!(litter.is_empty(), "{point}: {litter:?}");
        println!("killed at {point}: {} was live, the next run converged", live.unwrap_or_default());
    }
}

#[test]
fn a_kill_in_another_environment_leaves_the_nodes_own_to_come_back() {
    if missing() {
        return;
    }
    for point in checkpoints() {
        let forge = Forge::new();
        let folder = tempfile::tempdir().unwrap();
        let node = Node::following(&forge, folder.path());
        publish(&forge, 1, "own");
        node.run("").expect(0);
        for serial in [1, 2, 3] {
            publish_to(&forge, "feature_x", serial, &format!("test{serial}"));
            node.run_with(&["--environment", "feature_x"], if serial == 3 { point } else { "" });
        }
        node.run("").expect(0);
        assert_eq!((node.live(), node.applied()), (Some("own".into()), Some("ownown".into())), "{point}");
    }
}

#[test]
fn a_kill_at_each_checkpoint_of_the_first_run_is_mended_by_the_second() {
    if missing() {
        return;
    }
    for point in checkpoints() {
        let forge = Forge::new();
        let folder = tempfile::tempdir().unwrap();
        let node = Node::following(&forge, folder.path());
        publish(&forge, 1, "first");
        // There is nothing to sweep, and no rotation, in a first run.
        node.run(point).expect(if matches!(point, "Gone" | "TrustKept") { 0 } else { -1 });
        node.run("").expect(0);
        assert_eq!(
            (node.live(), node.applied()),
            (Some("first".into()), Some("firstfirst".into())),
            "{point}"
        );
    }
}

fn find(folder: &Path, odd: impl Fn(&str) -> bool + Copy) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if odd(&name) {
            found.push(entry.path().display().to_string());
        }
        if entry.file_type().unwrap().is_dir() {
            found.extend(find(&entry.path(), odd));
        }
    }
    found
}
