//! Which layer a run is about: `--environment` of one of them, and what is due at its own interval.

use std::fs;

use e2e::forge::name;
use serde_json::{Value, json};

use crate::layers::{Stack, layer};

#[test]
fn a_test_branch_of_one_layer_is_tried_beside_the_other() {
    let Some(stack) = Stack::converged() else { return };
    let config = stack.node.read("etc/stringless/agent.json");
    let mut branch = stack.release("client", 1, vec![stack.client.script("echo branch >>\"$OUT/said\"")]);
    branch.environment = name("feature_x");
    stack.client.publish(&branch);
    stack.run(&["--once", "--environment", "client/feature_x"]).expect(0);
    assert_eq!(stack.said(), "branch\n");
    let report = stack.report();
    let environments: Vec<&str> = report["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["environment"].as_str().unwrap())
        .collect();
    assert_eq!(environments, ["production", "feature_x"]);
    // The node's own environment was not changed, and is back with the next run.
    assert_eq!(stack.node.read("etc/stringless/agent.json"), config);
    stack.run(&["--once"]).expect(0);
    assert_eq!(stack.said(), "client 1\n");
    let current = fs::read_link(stack.state("layers/client/current")).unwrap();
    assert!(current.ends_with("production"), "{}", current.display());
}

#[test]
fn an_environment_of_no_layer_in_particular_is_asked_back() {
    let Some(stack) = Stack::converged() else { return };
    for (asked, why) in [
        ("feature_x", "this node follows several sites"),
        ("other/feature_x", "this node follows no site `other`"),
    ] {
        let run = stack.run(&["--once", "--environment", asked]).expect(64);
        assert!(run.err.contains(why), "{}", run.err);
        assert!(run.err.contains("`base/feature_x` or `client/feature_x`"), "{}", run.err);
    }
    assert_eq!(stack.said(), "");
}

#[test]
fn what_is_due_runs_at_its_own_interval() {
    let Some(stack) = Stack::converged() else { return };
    let mut config = json!({
        "format": 1,
        "rendered": "2026-11-20T18:00:00Z",
        "layers": [layer(&stack.base, "base"), layer(&stack.client, "client")],
    });
    // The client's is checked every ten seconds, the provider's once a day.
    config["layers"][0]["interval"] = json!(86_400);
    stack.node.configure(&config);
    stack.say("base", 2, "base");
    stack.say("client", 2, "client");
    let back = |site: &str, seconds: u64| {
        let file = stack.state(&format!("layers/{site}/checked"));
        let (at, floor) = {
            let text = fs::read_to_string(&file).unwrap();
            let (at, floor) = text.trim().split_once(' ').unwrap();
            (stringless_core::time::Timestamp::parse(at).unwrap(), floor.to_owned())
        };
        let at = stringless_core::time::Timestamp::from_seconds(at.seconds() - seconds);
        fs::write(file, format!("{at} {floor}\n")).unwrap();
    };
    back("client", 10);
    stack.run(&["--once", "--due"]).expect(0);
    assert_eq!(stack.said(), "client 2\n");
    // What was not due in this run still has its last word in the report.
    let report = stack.report();
    let sites: Vec<&Value> =
        report["layers"].as_array().unwrap().iter().map(|layer| &layer["site"]).collect();
    assert_eq!(sites, [&json!("client"), &json!("base")]);
    back("base", 86_400);
    stack.run(&["--once", "--due"]).expect(0);
    assert_eq!(stack.said(), "base 2\n");
    // A run without `--due` runs all layers.
    stack.say("base", 3, "base");
    stack.run(&["--once"]).expect(0);
    assert_eq!(stack.said(), "base 3\n");
    stack.run(&["--daemon", "--due"]).expect(64);
}
