//! Each layer is a run of its own: one that fails keeps no other from its releases, and the worst of them is
//! the exit code.

use std::fs;

use serde_json::{Value, json};

use crate::layers::Stack;

/// What each layer's run ended with.
fn outcomes(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let layers = report["layers"].as_array().unwrap();
    layers.iter().map(|layer| (text(&layer["site"]), text(&layer["outcome"]))).collect()
}

#[test]
fn layers_are_applied_in_their_order_each_from_its_own_bucket() {
    let Some(stack) = Stack::converged() else { return };
    assert_eq!((stack.live("base"), stack.live("client")), ("1".into(), "1".into()));
    // Nothing new: nothing runs. One that is new runs alone.
    stack.run(&["--once"]).expect(0);
    assert_eq!(stack.said(), "");
    stack.say("client", 2, "client");
    stack.run(&["--once"]).expect(0);
    assert_eq!(stack.said(), "client 2\n");
    stack.say("base", 2, "base");
    stack.run(&["--once"]).expect(0);
    assert_eq!(stack.said(), "base 2\n");
    stack.run(&["--once", "--force"]).expect(0);
    assert_eq!(stack.said(), "base 2\nclient 2\n");
}

#[test]
fn a_failing_layer_does_not_keep_the_other_from_applying() {
    for (site, other) in [("base", "client"), ("client", "base")] {
        let Some(stack) = Stack::converged() else { return };
        stack.script(site, 2, "echo broken; exit 1");
        stack.say(other, 2, other);
        let run = stack.run(&["--once"]).expect(4);
        assert!(run.err.contains("the script engine ended with status 1"), "{}", run.err);
        assert_eq!(stack.said(), format!("{other} 2\n"));
        let report = stack.report();
        let mut ended = outcomes(&report);
        ended.sort_by_key(|(name, _)| name != site);
        assert_eq!(ended, [(site.into(), "engine_failed".into()), (other.into(), "changed".into())]);
        assert_eq!(report["exit_code"], 4);
    }
}

#[test]
fn a_layer_without_a_store_does_not_keep_the_other_from_applying() {
    for (site, other) in [("base", "client"), ("client", "base")] {
        let Some(stack) = Stack::converged() else { return };
        fs::remove_dir_all(stack.forge(site).bucket().join("env")).unwrap();
        stack.say(other, 2, other);
        stack.run(&["--once"]).expect(1);
        assert_eq!(stack.said(), format!("{other} 2\n"));
        assert_eq!((stack.live(site), stack.live(other)), ("1".into(), "2".into()));
    }
}

#[test]
fn the_worst_outcome_is_the_exit_code() {
    let Some(stack) = Stack::converged() else { return };
    // Refused (3) is worse than a failed engine (4): what is not trusted is looked at first.
    stack.script("base", 2, "exit 1");
    let foreign = stack.release("client", 2, Vec::new());
    stack.client.publish_by(&stack.base.key, &foreign);
    stack.run(&["--once"]).expect(3);
    let report = stack.report();
    assert_eq!(
        outcomes(&report),
        [("base".into(), "engine_failed".into()), ("client".into(), "refused".into())]
    );
    assert_eq!((&report["outcome"], &report["exit_code"]), (&json!("refused"), &json!(3)));
}

#[test]
fn status_and_report_tell_of_each_layer() {
    let Some(stack) = Stack::converged() else { return };
    stack.script("client", 2, "echo why it failed; exit 1");
    stack.run(&["--once"]).expect(4);
    let status: Value = serde_json::from_str(&stack.run(&["status", "--json"]).expect(0).out).unwrap();
    let [base, client] = &status["layers"].as_array().unwrap()[..] else { panic!("{status}") };
    assert_eq!((&base["site"], &base["live"]["serial"]), (&json!("base"), &json!(1)));
    assert_eq!((&client["site"], &client["live"]["serial"]), (&json!("client"), &json!(2)));
    assert_eq!(client["last_good"]["serial"], 1);
    let warned = client["warnings"].to_string();
    assert!(warned.contains("release 2 of production has failed"), "{warned}");
    assert_eq!(base["warnings"], json!([]));
    let text = stack.run(&["status"]).expect(0).out;
    assert!(text.contains("base / production") && text.contains("client / production"), "{text}");
}
