//! Engines that misbehave: they run for ever, flood, leave children behind, die, tell secrets, fail again
//! and again. The node stays whole, says what happened, and keeps to its limits.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

#[path = "engine/failures.rs"]
mod failures;
#[path = "engine/limits.rs"]
mod limits;
#[path = "engine/output.rs"]
mod output;
#[path = "engine/retention.rs"]
mod retention;
#[path = "engine/secrets.rs"]
mod secrets;
#[path = "engine/together.rs"]
mod together;

use std::fs;

use e2e::pair::Pair;
use serde_json::Value;

/// The report of the node's last run.
fn report(pair: &Pair) -> Value {
    serde_json::from_slice(&fs::read(pair.state("last-run.json")).unwrap()).unwrap()
}

/// What is kept of the engine's output.
fn kept_output(pair: &Pair) -> String {
    report(pair)["layers"][0]["output"].as_str().unwrap().to_owned()
}
