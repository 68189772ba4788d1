//! A node that was harmed: a full disk, files that are gone, signals, an engine that outlived its agent.

use std::fs;
use std::process::{Command, Stdio};

use e2e::agent::Run;
use e2e::forge::{Entry, name};
use e2e::tools;
use rustix::process::{Pid, Signal, kill_process};

use crate::{Pair, wait_for};

#[test]
fn what_is_gone_from_disk_comes_back() {
    let Some(pair) = Pair::converged() else { return };
    let release = pair.state("layers/example").join(pair.live());
    type Harm<'a> = (&'a str, &'a [&'a str], Box<dyn Fn() + 'a>);
    let harms: [Harm<'_>; 5] = [
        (
            "releases",
            &["--once"],
            Box::new(|| fs::remove_dir_all(pair.state("layers/example/releases")).unwrap()),
        ),
        ("current", &["--once"], Box::new(|| fs::remove_file(pair.state("layers/example/current")).unwrap())),
        ("packs", &["--once", "--force"], Box::new(|| fs::remove_dir_all(pair.state("packs")).unwrap())),
        ("content", &["--once", "--force"], Box::new(|| fs::remove_file(release.join("apply")).unwrap())),
        (
            "state",
            &["--once"],
            Box::new(|| fs::remove_file(pair.state("layers/example/state.json")).unwrap()),
        ),
    ];
    for (what, args, harm) in harms {
        fs::remove_file(pair.node.root().join("applied")).unwrap();
        harm();
        pair.run(args).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\n"), "{what}");
        assert!(release.join("apply").is_file(), "{what}");
        assert_eq!(pair.run(&["--once"]).expect(0).err, "", "{what}: then idle");
    }
    // The manifest alone: it comes back, so that the next check is a condition again.
    let manifest = pair.state("layers/example/manifests/production");
    fs::remove_file(&manifest).unwrap();
    pair.run(&["--once"]).expect(0);
    assert!(manifest.is_file());
}

#[test]
fn an_engine_does_not_reach_the_verified_packs() {
    let Some(pair) = Pair::new() else { return };
    let publish = |serial, script: &str| {
        let shared = pair.forge.pack("data", &[Entry::file("f", 0o644, "as published\n")]);
        let packs = vec![pair.forge.script(script), shared];
        pair.forge.publish(&pair.forge.manifest(serial, packs));
        pair.run(&["--once"]).expect(0);
    };
    publish(1, "echo tampered >data/f");
    publish(2, "cat data/f >\"$OUT/applied\"");
    assert_eq!(pair.applied().as_deref(), Some("as published\n"));
}

#[test]
fn a_full_disk_takes_the_release_that_mends_it() {
    let Some(pair) = Pair::new() else { return };
    if tools::superuser().is_none() {
        return;
    }
    let state = pair.node.root().join("var/lib/stringless");
    fs::create_dir_all(&state).unwrap();
    let mount =
        |args: &[&str]| assert!(Command::new("mount").args(args).arg(&state).status().unwrap().success());
    mount(&["-t", "tmpfs", "-o", "size=3m", "none"]);
    let _unmount = Unmount(state.clone());
    pair.forge.release(1, "one");
    pair.run(&["--once"]).expect(0);
    let noise: String = (0..4_000_000u32)
        .map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 90))
        .collect();
    let huge = pair.forge.pack("data", &[Entry::file("noise", 0o644, &noise)]);
    pair.forge.publish(&pair.forge.manifest(2, vec![pair.forge.script("true"), huge]));
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("No space left"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("one\n"));
    // To the last byte, by somebody else.
    let mut fill = fs::File::create(state.join("layers/fill")).unwrap();
    while std::io::Write::write_all(&mut fill, &[7; 512]).is_ok() {}
    pair.run(&["--once"]).expect(1);
    fs::remove_file(state.join("layers/fill")).unwrap();
    pair.forge.release(3, "three");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("three\n"));
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_fifo_in_the_stores_folder_does_not_hold_the_agent_up() {
    let Some(pair) = Pair::converged() else { return };
    let object = pair.forge.bucket().join("env/production/manifest");
    fs::remove_file(&object).unwrap();
    assert!(Command::new("mkfifo").arg(&object).status().unwrap().success());
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("no such object"), "{}", run.err);
}

#[test]
fn sigterm_ends_the_engine_with_the_agent() {
    let Some(pair) = Pair::new() else { return };
    let script = "echo $$ >\"$OUT/engine\"; trap 'echo ended >\"$OUT/ended\"; exit 1' TERM; sleep 300 & wait";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    let mut command = pair.node.command(&["--once"]);
    let mut agent = command.env("OUT", pair.node.root()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| pair.node.read("engine").is_some_and(|text| text.ends_with('\n')));
    kill_process(Pid::from_child(&agent), Signal::TERM).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(4));
    assert_eq!(pair.node.read("ended").as_deref(), Some("ended\n"));
}

#[test]
fn an_engine_that_outlived_its_agent_is_not_joined_by_a_second_one() {
    let Some(pair) = Pair::new() else { return };
    let script = "echo run >>\"$OUT/runs\"; while test ! -e \"$OUT/go\"; do sleep 0.1; done";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    let mut command = pair.node.command(&["--once"]);
    let mut agent = command.env("OUT", pair.node.root()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| pair.node.read("runs").is_some());
    agent.kill().unwrap();
    agent.wait().unwrap();
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("still at work"), "{}", run.err);
    pair.node.write("go", "");
    // Its end is seen, and the run that was cut off is done again.
    wait_for(|| Run::of(pair.node.command(&["--once"]).env("OUT", pair.node.root())).code == 0);
    assert_eq!(pair.node.read("runs").as_deref(), Some("run\nrun\n"));
}

#[test]
fn a_test_environment_costs_the_node_nothing_of_its_own() {
    let Some(pair) = Pair::converged() else { return };
    let own = pair.state("layers/example").join(pair.live());
    for serial in [3, 4, 5] {
        let mut test =
            pair.forge.manifest(serial, vec![pair.forge.script(&format!("echo {serial} >\"$OUT/applied\""))]);
        test.environment = name("feature_x");
        pair.forge.publish(&test);
        pair.run(&["--once", "--environment", "feature_x"]).expect(0);
    }
    assert!(own.join("apply").is_file(), "the last good release stays");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}
