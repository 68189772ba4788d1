//! The role and the labels of a node: what its engine, its report and its status say of them.

use e2e::pair::Pair;
use serde_json::{Value, json};

use crate::report;

const SCRIPT: &str = "echo \"$STRINGLESS_ROLE ${STRINGLESS_LABEL_DC:-none}\" >>\"$OUT/applied\"";

/// A node that has applied release 1 with this role and these labels.
fn applied(role: &Value, labels: &Value) -> Option<Pair> {
    let pair = Pair::new()?;
    configure(&pair, role, labels);
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(SCRIPT)]));
    let _ = pair.run(&["--once"]).expect(0);
    Some(pair)
}

fn configure(pair: &Pair, role: &Value, labels: &Value) {
    let mut config = pair.forge.config(&pair.forge.url());
    if role.is_string() {
        config["role"] = role.clone();
    }
    if labels.is_object() {
        config["labels"] = labels.clone();
    }
    pair.node.configure(&config);
}

#[test]
fn the_report_and_the_status_have_them() {
    let Some(pair) = applied(&json!("web"), &json!({"dc": "fra1", "rack": "7"})) else { return };
    assert_eq!(pair.applied().as_deref(), Some("web fra1\n"));
    let status: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    for said in [report(&pair), status] {
        assert_eq!((&said["role"], &said["role_from"]), (&json!("web"), &json!("configuration")), "{said}");
        assert_eq!(said["labels"], json!({"dc": "fra1", "rack": "7"}), "{said}");
    }
    let text = pair.run(&["status"]).expect(0).out;
    assert!(text.contains("role        web, from the configuration\n"), "{text}");
    assert!(text.contains("label       dc=fra1\nlabel       rack=7\n"), "{text}");
}

#[test]
fn another_role_or_label_makes_the_release_due() {
    let Some(pair) = applied(&Value::Null, &Value::Null) else { return };
    assert_eq!(report(&pair)["role"], Value::Null);
    for (role, labels) in [
        (json!("web"), Value::Null),
        (json!("db"), Value::Null),
        (json!("db"), json!({"dc": "fra1"})),
        (json!("db"), json!({"dc": "ams2"})),
        (Value::Null, Value::Null),
    ] {
        configure(&pair, &role, &labels);
        let noop = pair.run(&["--once", "--noop", "--json"]).expect(0);
        let noop: Value = serde_json::from_str(&noop.out).unwrap();
        assert_eq!(noop["layers"][0]["reason"], json!("role or labels changed"), "{noop}");
        let _ = pair.run(&["--once"]).expect(0);
        assert_eq!(report(&pair)["layers"][0]["reason"], json!("role or labels changed"));
        // Only once.
        let idle = pair.run(&["--once", "--json"]).expect(0);
        let idle: Value = serde_json::from_str(&idle.out).unwrap();
        assert_eq!(idle["layers"][0]["reason"], Value::Null, "{idle}");
    }
    assert_eq!(pair.applied().as_deref(), Some(" none\nweb none\ndb none\ndb fra1\ndb ams2\n none\n"));
}

#[test]
fn a_dry_run_has_them() {
    let Some(pair) = Pair::new() else { return };
    configure(&pair, &json!("web"), &json!({"dc": "fra1"}));
    let mut manifest = pair.forge.manifest(1, vec![pair.forge.script(SCRIPT)]);
    let script = stringless_core::manifest::ScriptEngine { run: "apply".into(), noop: true, root: true };
    manifest.apply.engine = stringless_core::manifest::Engine::Script(script);
    pair.forge.publish(&manifest);
    let _ = pair.run(&["--once", "--noop"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("web fra1\n"));
}

#[test]
fn a_release_that_failed_in_one_role_is_tried_in_another() {
    let Some(pair) = Pair::new() else { return };
    configure(&pair, &json!("db"), &Value::Null);
    let mut manifest = pair
        .forge
        .manifest(1, vec![pair.forge.script("test \"$STRINGLESS_ROLE\" = web && touch \"$OUT/well\"")]);
    manifest.apply.failure.tries = 1;
    pair.forge.publish(&manifest);
    let _ = pair.run(&["--once"]).expect(4);
    let left_alone = pair.run(&["--once"]).expect(4);
    assert!(left_alone.err.contains("is left alone"), "{}", left_alone.err);
    configure(&pair, &json!("web"), &Value::Null);
    let _ = pair.run(&["--once"]).expect(0);
    assert!(pair.node.root().join("well").exists());
}

#[test]
fn a_configuration_that_is_wrong_applies_nothing() {
    let Some(pair) = applied(&Value::Null, &Value::Null) else { return };
    let many: serde_json::Map<String, Value> = (0..33).map(|n| (format!("k{n}"), json!("v"))).collect();
    for (key, value, expected) in [
        ("role", json!("../web"), "name `../web` is not allowed"),
        ("role", json!("web\nSTRINGLESS_NODE=x"), "is not allowed"),
        ("labels", json!({"dc": "a\nb"}), "label `dc`: its value is not allowed"),
        ("labels", json!({"a=b": "c"}), "name `a=b` is not allowed"),
        ("labels", json!({"a-b": "c", "a.b": "c"}), "both would be the variable STRINGLESS_LABEL_A_B"),
        ("labels", json!(many), "33 labels, and at most 32 are allowed"),
        ("role_from", json!({"tag": "role", "path": "/tags/role"}), "role_from: `metadata` is required"),
    ] {
        let mut config = pair.forge.config(&pair.forge.url());
        config[key] = value;
        pair.node.configure(&config);
        let run = pair.run(&["--once", "--force"]).expect(78);
        assert!(run.err.contains(expected), "{key}: {}", run.err);
    }
    assert_eq!(pair.applied().as_deref(), Some(" none\n"));
}
