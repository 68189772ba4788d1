//! `kill -9` at every passage of every checkpoint, in every kind of run: the node holds one whole release,
//! and the next run finishes the work.
//!
//! Needs the agent with its feature `checkpoints`: `AGENT_CHECKPOINTS_BIN`, which `make` sets.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use e2e::agent::Run;
use e2e::scenario::{Scenario, again, each};
use e2e::tools;

type Making = fn(PathBuf) -> Scenario;

/// Each makes changes to the disk that no other makes.
const SCENARIOS: [Making; 8] = [
    Scenario::first_run,
    Scenario::update,
    Scenario::head,
    Scenario::other_environment,
    Scenario::forced,
    Scenario::resumed,
    Scenario::damaged,
    Scenario::fallen_back,
];

#[test]
fn every_checkpoint_is_passed_in_some_scenario() {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    let known: BTreeSet<String> = checkpoints().into_iter().collect();
    let mut passed = BTreeSet::new();
    for making in SCENARIOS {
        let scenario = making(agent.clone());
        let passages = scenario.passages();
        println!("{}: {} passages", scenario.title, passages.len());
        passed.extend(passages);
    }
    assert!(known.len() > 10, "{known:?}");
    assert_eq!(passed, known, "passed, and in the source");
}

#[test]
fn a_kill_in_a_first_run() {
    kill_everywhere(Scenario::first_run);
}

#[test]
fn a_kill_in_an_update_with_a_rotation_and_a_sweep() {
    kill_everywhere(Scenario::update);
}

#[test]
fn a_kill_while_a_head_comes() {
    kill_everywhere(Scenario::head);
}

#[test]
fn a_kill_in_another_environment() {
    kill_everywhere(Scenario::other_environment);
}

#[test]
fn a_kill_in_a_forced_run() {
    kill_everywhere(Scenario::forced);
}

#[test]
fn a_kill_while_a_download_is_taken_up() {
    kill_everywhere(Scenario::resumed);
}

#[test]
fn a_kill_while_damage_is_mended() {
    kill_everywhere(Scenario::damaged);
}

#[test]
fn a_kill_while_a_failed_release_makes_way() {
    kill_everywhere(Scenario::fallen_back);
}

/// Kills the run at each passage, each time on a node that has not seen the others.
fn kill_everywhere(making: Making) {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    let scenario = making(agent);
    let passages = scenario.passages();
    each(passages.len(), |number| kill_at(&scenario, number + 1, &passages[number]));
    println!("{}: killed at each of {} passages", scenario.title, passages.len());
}

fn kill_at(scenario: &Scenario, number: usize, passage: &str) {
    let when = format!("killed at passage {number}, {passage}");
    let node = again(&when, || {
        let node = scenario.node();
        let run = Run::of(scenario.command(&node).env("STRINGLESS_KILL_AT", number.to_string()));
        (run.code == -1).then_some(node)
    });
    scenario.assert_whole(&node, &when);
    scenario.assert_converges(&node, &when);
}

/// The checkpoints, read from the code: a new one cannot be forgotten here.
fn checkpoints() -> Vec<String> {
    let source = include_str!("../../agent/src/checkpoint.rs");
    let body = source.split("pub enum Checkpoint {").nth(1).unwrap().split('}').next().unwrap();
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    variants.map(|line| line.trim_end_matches(',').to_owned()).collect()
}
