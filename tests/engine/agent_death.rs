//! An engine and its agent: what ends the one ends the other, or is found by the next run; and what an
//! engine does to its release reaches no other.

use std::fs;
use std::process::Stdio;

use e2e::agent::Run;
use e2e::forge::Entry;
use e2e::pair::Pair;
use e2e::process::until;
use rustix::process::{Pid, Signal, kill_process};

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
    // The script is at work a moment before the agent has written down its process.
    let recorded = || fs::read_to_string(pair.state("engine")).is_ok_and(|text| text.ends_with('\n'));
    wait_for(|| pair.node.read("runs").is_some() && recorded());
    agent.kill().unwrap();
    agent.wait().unwrap();
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("still running"), "{}", run.err);
    pair.node.write("go", "");
    // Its end is seen, and the run that was cut off is done again.
    wait_for(|| Run::of(pair.node.command(&["--once"]).env("OUT", pair.node.root())).code == 0);
    assert_eq!(pair.node.read("runs").as_deref(), Some("run\nrun\n"));
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

/// Waits ten minutes at most.
fn wait_for(holds: impl FnMut() -> bool) {
    assert!(until(e2e::process::PATIENCE, holds), "it did not come");
}
