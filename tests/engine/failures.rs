//! A release whose engine fails: it is tried so often, then left alone; the last good one runs again
//! where the site asks for it.

use std::fs;

use e2e::agent::Run;
use e2e::pair::Pair;
use e2e::process::until;
use serde_json::Value;
use stringless_core::manifest::{Failure, Manifest};

use crate::report;

/// Counts its runs, and fails until the node is mended.
const FAILING: &str =
    "echo run >>\"$OUT/tries\"; echo why it failed; test -e \"$OUT/mended\"; echo mended >\"$OUT/applied\"";

fn manifest(pair: &Pair, serial: u64, script: &str, failure: Failure) -> Manifest {
    let mut manifest = pair.forge.manifest(serial, vec![pair.forge.script(script)]);
    manifest.apply.failure = failure;
    manifest
}

/// How often a script that counts was begun.
fn tries(pair: &Pair) -> usize {
    pair.node.read("tries").map_or(0, |text| text.lines().count())
}

/// One run, which tells that a release is quarantined and does not try it.
fn left_alone(pair: &Pair, serial: u64) -> Run {
    let before = tries(pair);
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains(&format!("release {serial} failed")), "{}", run.err);
    assert!(run.err.contains("is left alone until"), "{}", run.err);
    assert!(run.err.contains("hint: publish a newer release"), "{}", run.err);
    assert_eq!(tries(pair), before, "it was tried all the same");
    assert_eq!(report(pair)["exit_code"], 4);
    run
}

#[test]
fn is_left_alone_after_its_tries() {
    let Some(pair) = Pair::converged() else { return };
    let failure = Failure { tries: 3, quarantine: Some(3600), fall_back: false };
    pair.forge.publish(&manifest(&pair, 8, FAILING, failure));
    for _ in 0..3 {
        let run = pair.run(&["--once"]).expect(4);
        assert!(run.out.contains("why it failed") && run.err.contains("release 8 is live"), "{}", run.err);
    }
    assert_eq!(tries(&pair), 3);
    for _ in 0..3 {
        let run = left_alone(&pair, 8);
        assert!(run.err.contains("failed 3 times") && run.err.contains("release 8 is live"), "{}", run.err);
    }
    // `status` reports it.
    let text = pair.run(&["status"]).expect(0).out;
    assert!(text.contains("release 8 of production has failed 3 times"), "{text}");
    let json: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    assert_eq!(json["layers"][0]["state"]["failed"]["production"]["times"], 3);
    assert_eq!(json["layers"][0]["last_good"]["serial"], 7);
    // `--force` is a reason; it still fails, and is left alone again.
    pair.run(&["--once", "--force"]).expect(4);
    assert_eq!(tries(&pair), 4);
    left_alone(&pair, 8);
    // So is a mended node and `--force`.
    pair.node.write("mended", "");
    pair.run(&["--once", "--force"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("mended\n"));
    assert_eq!(pair.run(&["--once"]).expect(0).err, "", "what failed before is forgotten");
    let json: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    assert_eq!(json["layers"][0]["state"]["failed"], serde_json::json!({}));
}

#[test]
fn is_followed_by_a_newer_release_at_once() {
    let Some(pair) = Pair::converged() else { return };
    let failure = Failure { tries: 1, quarantine: None, fall_back: false };
    pair.forge.publish(&manifest(&pair, 8, FAILING, failure));
    pair.run(&["--once"]).expect(4);
    let run = left_alone(&pair, 8);
    assert!(run.err.contains("until there is a newer one"), "{}", run.err);
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("nine\n"));
    // A newer release that fails has all its tries.
    let failure = Failure { tries: 2, quarantine: None, fall_back: false };
    pair.forge.publish(&manifest(&pair, 10, FAILING, failure));
    let before = tries(&pair);
    for _ in 0..2 {
        pair.run(&["--once"]).expect(4);
    }
    assert_eq!(tries(&pair), before + 2);
    left_alone(&pair, 10);
}

#[test]
fn is_tried_again_when_its_time_has_come() {
    let Some(pair) = Pair::converged() else { return };
    let failure = Failure { tries: 1, quarantine: Some(600), fall_back: false };
    pair.forge.publish(&manifest(&pair, 8, FAILING, failure));
    pair.run(&["--once"]).expect(4);
    left_alone(&pair, 8);
    // Ten minutes pass: as far as the node can tell, its failure is so long ago.
    let path = pair.state("layers/example/state.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut state: Value = serde_json::from_str(&text).unwrap();
    state["failed"]["production"]["at"] = "2026-11-20T18:00:00Z".into();
    fs::write(&path, state.to_string()).unwrap();
    pair.run(&["--once"]).expect(4);
    assert_eq!(tries(&pair), 2);
    left_alone(&pair, 8);
}

#[test]
fn counts_a_run_that_took_the_agent_with_it() {
    let Some(pair) = Pair::converged() else { return };
    let failure = Failure { tries: 2, quarantine: Some(3600), fall_back: true };
    // The agent is the parent of its engine.
    let script = "echo run >>\"$OUT/tries\"; kill -9 $PPID; exit 1";
    pair.forge.publish(&manifest(&pair, 8, script, failure));
    // The engine may outlive its agent by a moment.
    for _ in 0..2 {
        assert!(until(e2e::process::PATIENCE, || pair.run(&["--once"]).expect_any(&[-1, 1]).code == -1));
    }
    assert!(until(e2e::process::PATIENCE, || {
        let run = pair.run(&["--once"]).expect_any(&[1, 4]);
        !run.err.contains("still running")
    }));
    let run = left_alone(&pair, 8);
    assert_eq!(tries(&pair), 2, "a release that takes the node down is not tried for ever");
    assert!(run.err.contains("release 7 is live"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn is_not_counted_when_the_agent_was_asked_to_stop() {
    let Some(pair) = Pair::converged() else { return };
    let failure = Failure { tries: 1, quarantine: None, fall_back: true };
    let script = "echo run >>\"$OUT/tries\"; test -e \"$OUT/mended\" || sleep 300";
    pair.forge.publish(&manifest(&pair, 8, script, failure));
    let mut command = pair.node.command(&["--once"]);
    let mut agent = command.env("OUT", pair.node.root()).spawn().unwrap();
    assert!(until(e2e::process::PATIENCE, || tries(&pair) == 1));
    rustix::process::kill_process(rustix::process::Pid::from_child(&agent), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(4));
    pair.node.write("mended", "");
    pair.run(&["--once"]).expect(0);
    assert_eq!(tries(&pair), 2);
}

#[test]
fn makes_way_for_the_last_good_one() {
    let Some(pair) = Pair::converged() else { return };
    let failure = Failure { tries: 2, quarantine: Some(3600), fall_back: true };
    pair.forge.publish(&manifest(&pair, 8, &format!("rm -f \"$OUT/applied\"; {FAILING}"), failure));
    for number in 1..=2 {
        let run = pair.run(&["--once"]).expect(4);
        assert!(run.err.contains("ended with status 1; release 7 is live again"), "{}", run.err);
        assert!(run.out.contains("why it failed"), "{}", run.out);
        assert_eq!((tries(&pair), pair.live().starts_with("releases/7-")), (number, true));
        assert_eq!(pair.applied().as_deref(), Some("seven\n"), "the last good one was applied again");
        let report = report(&pair);
        assert!(report["layers"][0]["output"].as_str().unwrap().contains("why it failed"), "{report}");
        assert_eq!(report["layers"][0]["live"]["serial"], 7);
    }
    // While the bad one is left alone, the good one is not run at each check.
    fs::remove_file(pair.node.root().join("applied")).unwrap();
    let run = left_alone(&pair, 8);
    assert!(run.err.contains("release 7 is live"), "{}", run.err);
    assert_eq!(pair.applied(), None);
    // What somebody took away of it comes back, though.
    fs::remove_file(pair.state("layers/example/current")).unwrap();
    left_alone(&pair, 8);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    pair.node.write("mended", "");
    pair.run(&["--once", "--force"]).expect(0);
    assert!(pair.live().starts_with("releases/8-"), "{}", pair.live());
}

#[test]
fn lets_the_last_good_one_undo_drift_meanwhile() {
    let Some(pair) = Pair::new() else { return };
    let mut good = pair.forge.manifest(1, vec![pair.forge.script("echo good >\"$OUT/applied\"")]);
    good.apply.reapply = Some(1);
    pair.forge.publish(&good);
    pair.run(&["--once"]).expect(0);
    let failure = Failure { tries: 1, quarantine: None, fall_back: true };
    pair.forge.publish(&manifest(&pair, 2, FAILING, failure));
    pair.run(&["--once"]).expect(4);
    pair.node.write("applied", "drift\n");
    assert!(until(e2e::process::PATIENCE, || {
        left_alone(&pair, 2);
        pair.applied().as_deref() == Some("good\n")
    }));
    assert_eq!(tries(&pair), 1);
}

#[test]
fn has_nothing_to_make_way_for() {
    let Some(pair) = Pair::new() else { return };
    let failure = Failure { tries: 1, quarantine: Some(3600), fall_back: true };
    pair.forge.publish(&manifest(&pair, 1, FAILING, failure));
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("release 1 is live: no other release was ever good here"), "{}", run.err);
    let run = left_alone(&pair, 1);
    assert!(run.err.contains("release 1 is live"), "{}", run.err);
    pair.forge.release(2, "two");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("two\n"));
}

#[test]
fn makes_way_for_one_that_fails_too() {
    let Some(pair) = Pair::new() else { return };
    let good = "test ! -e \"$OUT/broken\" || { echo run >>\"$OUT/second\"; exit 5; }";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(good)]));
    pair.run(&["--once"]).expect(0);
    pair.node.write("broken", "");
    let failure = Failure { tries: 1, quarantine: Some(3600), fall_back: true };
    pair.forge.publish(&manifest(&pair, 2, FAILING, failure));
    let run = pair.run(&["--once"]).expect(4);
    assert!(
        run.err.contains("ended with status 1") && run.err.contains("ended with status 5"),
        "{}",
        run.err
    );
    assert!(pair.live().starts_with("releases/1-"), "{}", pair.live());
    // Not at each check: that is no mending.
    for _ in 0..3 {
        left_alone(&pair, 2);
    }
    assert_eq!(pair.node.read("second").as_deref(), Some("run\n"));
}
