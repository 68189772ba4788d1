//! Old releases, well signed: rollback, also after the state is lost, and freeze.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use e2e::forge::{sign, trust};
use e2e::pair::Pair;
use serde_json::{Value, json};
use stringless_core::manifest::Manifest;
use stringless_core::time::Timestamp;

const POINTER: &str = "env/production/head";

#[test]
fn rollback() {
    let Some(pair) = Pair::new() else { return };
    // Every release that was ever published, replayed by somebody who kept it.
    let old: Vec<Vec<u8>> = (1..7).map(|serial| publish(&pair, serial)).collect();
    pair.forge.release(7, "seven");
    let newest = fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    let _ = pair.run(&["--once"]).expect(0);
    for document in &old {
        pair.forge.put(POINTER, document);
        let _ = pair.refuses("rollback");
    }
    pair.forge.put(POINTER, &newest);
    let _ = pair.run(&["--once"]).expect(0);
    // Other bytes under the serial that runs.
    pair.forge.release(7, "other");
    let _ = pair.refuses("serial_reused");
}

#[test]
fn rollback_of_a_release_that_was_only_seen() {
    let Some(pair) = Pair::converged() else { return };
    // Accepted, and never applied: its pack is missing.
    let next = pair.forge.manifest(8, vec![pair.forge.script("true")]);
    pair.forge.publish(&next);
    fs::remove_dir_all(pair.forge.bucket().join("packs")).unwrap();
    let _ = pair.run(&["--once"]).expect(1);
    pair.forge.release(7, "seven");
    let _ = pair.refuses("rollback");
}

#[test]
fn rollback_after_the_state_is_lost() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["min_serial"] = json!(7);
    pair.node.configure(&config);
    let six = publish(&pair, 6);
    fs::remove_dir_all(pair.node.root().join("var")).unwrap();
    let refused = pair.run(&["--once"]).expect(3);
    assert!(refused.err.contains("[rollback]") && refused.err.contains("bootstrap"), "{}", refused.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    // By the trust as well: what a rotation says is below its serial does not come back.
    config["layers"][0]["min_serial"] = json!(1);
    pair.node.configure(&config);
    put_trust(&pair, 2, Value::Null, &json!({"production": 7}));
    let mut six_again: Manifest = payload(&six);
    six_again.trust_version = 2;
    pair.forge.publish(&six_again);
    let refused = pair.run(&["--once"]).expect(3);
    assert!(refused.err.contains("[rollback]") && refused.err.contains("trust document"), "{}", refused.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn rollback_across_a_rotation_that_kept_the_key() {
    let Some(pair) = Pair::new() else { return };
    let old = publish(&pair, 4);
    pair.forge.release(7, "seven");
    let _ = pair.run(&["--once"]).expect(0);
    put_trust(&pair, 2, Value::Null, &json!({"production": 3}));
    // A broken manifest makes the node walk to the new trust; the old one is well signed by it.
    let mut broken = fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    let end = broken.len() - 3;
    broken[end] ^= 1;
    pair.forge.put(POINTER, &broken);
    let _ = pair.refuses("signatures");
    pair.forge.put(POINTER, &old);
    let _ = pair.refuses("rollback");
}

#[test]
fn rollback_of_the_trust() {
    let Some(pair) = Pair::converged() else { return };
    let release = |serial, version| {
        let mut next = pair.forge.manifest(serial, vec![pair.forge.script("echo seven >\"$OUT/applied\"")]);
        next.trust_version = version;
        pair.forge.publish(&next);
    };
    // Held back: the release names a trust that the store does not hand out.
    release(8, 2);
    let _ = pair.refuses("trust_missing");
    put_trust(&pair, 2, Value::Null, &json!({}));
    let _ = pair.run(&["--once"]).expect(0);
    // Replayed: an older version, or the same one, under the next number.
    let two = fs::read(pair.forge.bucket().join("trust/2.json")).unwrap();
    pair.forge.put("trust/3.json", &two);
    release(9, 3);
    assert!(pair.run(&["--once"]).expect(3).err.contains("[trust_order]"));
    // Skipped: three after two, and what comes is four.
    put_trust(&pair, 4, Value::Null, &json!({}));
    fs::rename(pair.forge.bucket().join("trust/4.json"), pair.forge.bucket().join("trust/3.json")).unwrap();
    assert!(pair.run(&["--once"]).expect(3).err.contains("[trust_order]"));
    // Lost on the node: what was seen under it keeps its rank.
    fs::remove_file(pair.state("layers/example/trust")).unwrap();
    fs::remove_dir_all(pair.forge.bucket().join("trust")).unwrap();
    release(9, 1);
    assert_eq!(pair.run(&["--once"]).code, 3);
    assert!(pair.live().starts_with("releases/8-"), "{}", pair.live());
}

#[test]
fn freeze() {
    let Some(pair) = Pair::new() else { return };
    let now = now();
    // A short life, and drift undone at each check.
    let script = "echo run >>\"$OUT/runs\"; echo seven >\"$OUT/applied\"";
    let mut seven = pair.forge.manifest(7, vec![pair.forge.script(script)]);
    seven.created = Timestamp::from_seconds(now - 86_400);
    seven.expires = Some(Timestamp::from_seconds(now + 86_400));
    seven.apply.reapply = Some(1);
    pair.forge.publish(&seven);
    let first = pair.run(&["--once"]).expect(0);
    assert!(!first.err.contains("expires"), "half of its life is left: {}", first.err);
    // Its last hours: announced, by the run, the report and the status.
    let mut config = pair.forge.config(&pair.forge.url());
    config["rendered"] = json!(Timestamp::from_seconds(now + 80_000));
    pair.node.configure(&config);
    let soon = pair.run(&["--once"]).expect(0);
    assert!(soon.err.contains("expires at"), "{}", soon.err);
    let report: Value = serde_json::from_slice(&fs::read(pair.state("last-run.json")).unwrap()).unwrap();
    assert!(report["layers"][0]["warnings"].to_string().contains("expires at"), "{report}");
    assert!(pair.run(&["status"]).expect(0).out.contains("expires"));
    // Over: what runs goes on, and drift is undone still.
    config["rendered"] = json!(Timestamp::from_seconds(now + 100_000));
    pair.node.configure(&config);
    let runs = || pair.node.read("runs").unwrap().lines().count();
    let before = runs();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let _ = pair.run(&["--once"]).expect(0);
    assert_eq!(runs(), before + 1, "the running release is applied again");
    // Frozen: a release that is as old is no news, whatever its serial; nor on a fresh node.
    let mut eight = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    eight.expires = seven.expires;
    pair.forge.publish(&eight);
    let _ = pair.refuses("expired");
    fs::remove_dir_all(pair.node.root().join("var")).unwrap();
    assert!(pair.run(&["--once"]).expect(3).err.contains("[expired]"));
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn freeze_of_the_trust() {
    let Some(pair) = Pair::converged() else { return };
    let publish = |serial, version, text: &str| {
        let script = pair.forge.script(&format!("echo {text} >\"$OUT/applied\""));
        let mut next = pair.forge.manifest(serial, vec![script]);
        next.trust_version = version;
        pair.forge.publish(&next);
    };
    put_trust(&pair, 2, json!("2020-01-01T00:00:00Z"), &json!({}));
    publish(8, 2, "bad");
    let _ = pair.refuses("expired");
    // A step of the chain may be long past its date, when the chain goes on.
    put_trust(&pair, 3, json!(Timestamp::from_seconds(now() + 3600)), &json!({}));
    publish(9, 3, "good");
    let run = pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("good\n"));
    assert!(run.err.contains("the trust expires at"), "announced: {}", run.err);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Publishes a release; returns its signed manifest.
fn publish(pair: &Pair, serial: u64) -> Vec<u8> {
    pair.forge.release(serial, &format!("release {serial}"));
    fs::read(pair.forge.bucket().join(POINTER)).unwrap()
}

fn payload(document: &[u8]) -> Manifest {
    let start = document.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
    serde_json::from_slice(&document[start..]).unwrap()
}

/// A rotation that keeps the key.
fn put_trust(pair: &Pair, version: u64, expires: Value, min_serial: &Value) {
    let mut payload = trust(&[&pair.forge.key], version, min_serial);
    payload["expires"] = expires;
    let comment = format!("trust example keys {version}");
    let signed = sign(&[&pair.forge.key], payload.to_string().as_bytes(), &comment);
    pair.forge.put(&format!("trust/{version}.json"), &signed);
}
