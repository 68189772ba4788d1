//! Engines that misbehave: they run for ever, flood, leave children behind, die, tell secrets, fail again
//! and again. The node stays whole, says what happened, and keeps to its limits. And engines that behave: what
//! `docs/guides/apply-script.md` promises to a script.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod agent_death;
mod contract_end;
mod contract_given;
mod contract_root;
mod contract_unchanged;
mod failures;
mod limits;
mod migration;
mod output;
mod puppet;
mod retention;
mod role;
mod secrets;

use std::fs;

use e2e::pair::Pair;
use e2e::tools;
use serde_json::Value;

/// The report of the node's last run.
fn report(pair: &Pair) -> Value {
    serde_json::from_slice(&fs::read(pair.state("last-run.json")).unwrap()).unwrap()
}

/// What is kept of the engine's output.
fn kept_output(pair: &Pair) -> String {
    report(pair)["layers"][0]["output"].as_str().unwrap().to_owned()
}

/// The contract of scripts.
const PAGE: &str = "docs/guides/apply-script.md";

/// Each section of the page has a test here that is named for it.
#[test]
fn each_section_of_the_page_is_tested() {
    let page = fs::read_to_string(tools::root().join(PAGE)).unwrap();
    let files = fs::read_dir(tools::root().join("tests/engine")).unwrap();
    let tests: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    // The first one is a session in a shell, which the tests of the documents run.
    let sections: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .skip(1)
        .map(|heading| heading.to_lowercase().replace(' ', "_"))
        .collect();
    assert!(sections.len() >= 16, "{sections:?}");
    let untested: Vec<_> =
        sections.iter().filter(|section| !tests.contains(&format!("#[test]\nfn {section}"))).collect();
    assert!(untested.is_empty(), "{PAGE} has sections without a test: {untested:?}");
}
