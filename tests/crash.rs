//! `kill -9` at every named point of a run: the node holds one complete release, and the next run
//! finishes the work.
//!
//! Needs the agent with its feature `checkpoints`: `AGENT_CHECKPOINTS_BIN`, which `make` sets.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::agent::Run;
use e2e::forge::{Entry, Forge};
use e2e::tools;

/// The points, read from the code: a new one cannot be forgotten here.
fn checkpoints() -> Vec<&'static str> {
    let source = include_str!("../agent/src/checkpoint.rs");
    let body = source.split("pub enum Checkpoint {").nth(1).unwrap().split('}').next().unwrap();
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    variants.map(|line| line.trim_end_matches(',')).collect()
}

struct Node<'a> {
    root: &'a Path,
}

impl Node<'_> {
    fn run(&self, kill_at: &str) -> Run {
        let agent = std::env::var_os("AGENT_CHECKPOINTS_BIN").unwrap();
        let mut command = Command::new(agent);
        command.arg("--root").arg(self.root).arg("--once");
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

fn publish(forge: &Forge, serial: u64, text: &str) {
    let packs = vec![
        forge.script(&format!("cat data/one more/two >\"$OUT/applied\" # {text}")),
        forge.pack("data", &[Entry::file("one", 0o644, text)]),
        forge.pack("more", &[Entry::file("two", 0o644, text)]),
    ];
    forge.publish(&forge.manifest(serial, packs));
}

#[test]
fn a_kill_at_each_checkpoint_leaves_one_whole_release() {
    if std::env::var_os("AGENT_CHECKPOINTS_BIN").is_none() {
        tools::skip::<()>("no AGENT_CHECKPOINTS_BIN");
        return;
    }
    let points = checkpoints();
    assert!(points.contains(&"Staged") && points.contains(&"Switched"), "{points:?}");
    for point in &points {
        let forge = Forge::new();
        let folder = tempfile::tempdir().unwrap();
        let node = Node { root: folder.path() };
        let config = folder.path().join("etc/stringless/agent.json");
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, forge.config(&forge.url()).to_string()).unwrap();
        publish(&forge, 1, "old");
        node.run("").expect(0);
        assert_eq!((node.live(), node.applied()), (Some("old".into()), Some("oldold".into())), "{point}");
        publish(&forge, 2, "new");
        node.run(point).expect(-1);
        let live = node.live();
        assert!(live.as_deref() == Some("old") || live.as_deref() == Some("new"), "{point}: {live:?}");
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
fn a_kill_at_each_checkpoint_of_the_first_run_is_mended_by_the_second() {
    if std::env::var_os("AGENT_CHECKPOINTS_BIN").is_none() {
        tools::skip::<()>("no AGENT_CHECKPOINTS_BIN");
        return;
    }
    for point in checkpoints() {
        let forge = Forge::new();
        let folder = tempfile::tempdir().unwrap();
        let node = Node { root: folder.path() };
        let config = folder.path().join("etc/stringless/agent.json");
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, forge.config(&forge.url()).to_string()).unwrap();
        publish(&forge, 1, "first");
        node.run(point).expect(-1);
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
