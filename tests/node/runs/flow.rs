//! What a run does: apply, apply again, fail and recover, look, wait, and go on for ever.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use e2e::forge::{Entry, name, sign, trust};
use minisign::KeyPair;
use serde_json::{Value, json};

use crate::runs::{Pair, wait_for};

#[test]
fn applies_a_release_and_the_next_one() {
    let Some(pair) = Pair::converged() else { return };
    assert!(pair.live().starts_with("releases/7-"), "{}", pair.live());
    let before = fs::metadata(pair.state("layers/example/state.json")).unwrap().modified().unwrap();
    let idle = pair.run(&["--once"]).expect(0);
    assert_eq!(idle.err, "", "an idle check says nothing");
    let after = fs::metadata(pair.state("layers/example/state.json")).unwrap().modified().unwrap();
    assert_eq!(before, after, "an idle check writes nothing but the time");
    pair.forge.release(8, "eight");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    assert!(pair.live().starts_with("releases/8-"), "{}", pair.live());
    // The last good release stays; what came before it goes, with its packs.
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    let mut kept: Vec<_> = fs::read_dir(pair.state("layers/example/releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.split('-').next().unwrap().to_owned())
        .collect();
    kept.sort();
    assert_eq!(kept, ["8", "9"]);
    assert_eq!(fs::read_dir(pair.state("packs")).unwrap().count(), 2);
}

#[test]
fn builds_a_real_tree_of_packs() {
    let Some(pair) = Pair::new() else { return };
    let forge = &pair.forge;
    let packs = vec![
        forge.script(
            "cd \"$STRINGLESS_RELEASE\"; cat data/a modules/m/lib/b >\"$OUT/applied\"; test ! -L data",
        ),
        forge.pack("data", &[Entry::file("a", 0o644, "one\n"), Entry::link("l", b'2', "a")]),
        forge.pack("modules", &[Entry::file("README", 0o644, "loose\n")]),
        forge.pack("modules/m", &[Entry::folder("lib/"), Entry::file("lib/b", 0o755, "two\n")]),
    ];
    forge.publish(&forge.manifest(1, packs));
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("one\ntwo\n"));
    let release = pair.state("layers/example/current");
    assert_eq!(fs::read_link(release.join("data/l")).unwrap().to_str(), Some("a"));
    assert_eq!(fs::read_to_string(release.join("modules/README")).unwrap(), "loose\n");
}

#[test]
fn follows_a_rotation_and_refuses_the_old_key_after_it() {
    let Some(pair) = Pair::converged() else { return };
    let (next, trust) = rotation(&pair, 3);
    pair.forge.put("trust/2.json", &trust);
    let mut manifest = pair.forge.manifest(4, vec![pair.forge.script("echo four >\"$OUT/applied\"")]);
    manifest.trust_version = 2;
    pair.forge.publish_by(&next, &manifest);
    let run = pair.run(&["--once"]).expect(0);
    assert!(run.err.contains("trust version 2 accepted"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("four\n"), "the rotation reset the serial");
    pair.forge.release(9, "nine");
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("[signatures]"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("four\n"));
}

#[test]
fn a_rotation_replaces_a_poisoned_release_under_its_own_serial() {
    let Some(pair) = Pair::converged() else { return };
    let (next, trust) = rotation(&pair, 7);
    pair.forge.put("trust/2.json", &trust);
    let mut manifest = pair.forge.manifest(7, vec![pair.forge.script("echo good >\"$OUT/applied\"")]);
    manifest.trust_version = 2;
    pair.forge.publish_by(&next, &manifest);
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("good\n"));
}

#[test]
fn a_failing_engine_is_said_and_tried_again() {
    let Some(pair) = Pair::converged() else { return };
    let packs =
        vec![pair.forge.script("echo why it failed; test -e \"$OUT/mended\"; echo ok >\"$OUT/applied\"")];
    pair.forge.publish(&pair.forge.manifest(8, packs));
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.out.contains("why it failed") && run.err.contains("release 8 is live"), "{}", run.err);
    let report: Value =
        serde_json::from_str(&fs::read_to_string(pair.state("last-run.json")).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 4);
    assert!(report["layers"][0]["output"].as_str().unwrap().contains("why it failed"));
    pair.run(&["--once"]).expect(4);
    pair.node.write("mended", "");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("ok\n"));
}

#[test]
fn noop_changes_nothing_and_force_runs_again() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(8, "eight");
    let run = pair.run(&["--once", "--noop"]).expect(0);
    assert!(run.err.contains("would run `apply` of release 8"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    assert!(pair.live().starts_with("releases/7-"), "{}", pair.live());
    pair.run(&["--once", "--detailed-exitcodes"]).expect(2);
    fs::remove_file(pair.node.root().join("applied")).unwrap();
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied(), None);
    pair.run(&["--once", "--force"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn another_environment_for_one_run() {
    let Some(pair) = Pair::converged() else { return };
    let mut test = pair.forge.manifest(3, vec![pair.forge.script("echo test >\"$OUT/applied\"")]);
    test.environment = name("feature_x");
    pair.forge.publish(&test);
    pair.run(&["--once", "--environment", "feature_x"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("test\n"));
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"), "the node's own environment comes back");
    let run = pair.run(&["--once", "--environment", "missing"]).expect(1);
    assert!(run.err.contains("no such object"), "{}", run.err);
}

#[test]
fn two_runs_do_not_meet() {
    let Some(pair) = Pair::new() else { return };
    let packs =
        vec![pair.forge.script("echo x >\"$OUT/started\"; while test ! -e \"$OUT/go\"; do sleep 0.1; done")];
    pair.forge.publish(&pair.forge.manifest(1, packs));
    let mut first = pair.node.command(&["--once"]).env("OUT", pair.node.root()).spawn().unwrap();
    wait_for(|| pair.node.read("started").is_some());
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("another run holds the lock"), "{}", run.err);
    pair.node.write("go", "");
    assert!(first.wait().unwrap().success());
}

#[test]
fn the_daemon_takes_a_change_and_stops_cleanly() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(1, "one");
    let mut daemon = pair.node.command(&["--daemon"]).env("OUT", pair.node.root()).spawn().unwrap();
    wait_for(|| pair.applied().as_deref() == Some("one\n"));
    pair.forge.release(2, "two");
    wait_for(|| pair.applied().as_deref() == Some("two\n"));
    let end = |daemon: &mut Child| {
        let id = rustix::process::Pid::from_child(daemon);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(daemon.wait().unwrap().success());
    };
    end(&mut daemon);
    // Nor does it wait for its next run, which is a day away here.
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["interval"] = json!(86_400);
    pair.node.configure(&config);
    pair.forge.release(3, "three");
    let mut daemon = pair.node.command(&["--daemon"]).env("OUT", pair.node.root()).spawn().unwrap();
    wait_for(|| pair.applied().as_deref() == Some("three\n"));
    let start = Instant::now();
    end(&mut daemon);
    assert!(start.elapsed() < Duration::from_secs(120), "it waited for its next run");
}

#[test]
fn environments_whose_names_differ_after_a_dot_do_not_meet() {
    let Some(pair) = Pair::converged() else { return };
    for (environment, text) in [("v1.0", "zero"), ("v1.1", "one"), ("v1.new", "new")] {
        let script = pair.forge.script(&format!("echo {text} >\"$OUT/applied\""));
        let mut manifest = pair.forge.manifest(1, vec![script]);
        manifest.environment = name(environment);
        pair.forge.publish(&manifest);
    }
    for (environment, text) in
        [("v1.0", "zero\n"), ("v1.1", "one\n"), ("v1.new", "new\n"), ("v1.0", "zero\n")]
    {
        pair.run(&["--once", "--environment", environment]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some(text), "{environment}");
    }
}

#[test]
fn what_a_power_cut_left_of_a_download_is_fetched_again() {
    let Some(pair) = Pair::converged() else { return };
    let next = pair.forge.release(8, "eight");
    let file = pair.state("packs").join(next.packs[0].sha256.to_string());
    for rest in [vec![0; 20], vec![0; next.packs[0].size as usize], vec![0; 1000]] {
        fs::write(&file, rest).unwrap();
        pair.run(&["--once", "--force"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    }
}

/// A key that takes over, and the trust document that says so.
fn rotation(pair: &Pair, min_serial: u64) -> (KeyPair, Vec<u8>) {
    let next = KeyPair::generate_unencrypted_keypair().unwrap();
    let trust = trust(&[&next], 2, &json!({"production": min_serial}));
    let document = sign(&[&pair.forge.key, &next], trust.to_string().as_bytes(), "trust example keys 2");
    (next, document)
}
