//! Heads that somebody forged, replayed or moved: the node goes on with what it has.

use serde_json::{Value, json};
use std::fs;

use e2e::forge::{head, public, sign, trust};
use minisign::KeyPair;
use stringless_core::json as text;
use stringless_core::layout;
use stringless_core::time::Timestamp;

use super::{Fleet, next};

/// Puts `head`, signed by this key, and expects that it is refused for this reason.
fn refused(fleet: &Fleet, key: &KeyPair, head: &Value, code: &str) {
    fleet.pair.forge.lead(key, head);
    let _ = fleet.pair.refuses(code);
}

#[test]
fn a_head_by_another_key_is_refused() {
    let Some(fleet) = Fleet::converged() else { return };
    let other = KeyPair::generate_unencrypted_keypair().unwrap();
    let led = head(2, &fleet.release(8, "eight"));
    refused(&fleet, &other, &led, "signatures");
}

#[test]
fn a_head_of_another_site_or_environment_is_refused() {
    let Some(fleet) = Fleet::converged() else { return };
    let eight = fleet.release(8, "eight");
    for key in ["site", "environment"] {
        let mut led = head(2, &eight);
        led[key] = "other".into();
        refused(&fleet, &fleet.key, &led, "foreign");
    }
}

#[test]
fn a_key_without_the_duty_signs_no_head() {
    let Some(fleet) = Fleet::converged() else { return };
    let mut config = fleet.pair.forge.config(&fleet.pair.forge.url());
    config["layers"][0]["trust"]["fleet"] =
        json!([{"key": public(&fleet.key).as_str(), "may": ["record", "sealed", "launch"]}]);
    fleet.pair.node.configure(&config);
    let led = head(2, &fleet.release(8, "eight"));
    refused(&fleet, &fleet.key, &led, "signatures");
}

#[test]
fn a_release_that_the_fleet_key_signed_is_refused() {
    let Some(fleet) = Fleet::converged() else { return };
    let forge = &fleet.pair.forge;
    let forged = forge.manifest(8, vec![forge.script("touch \"$OUT/escaped\"")]);
    let document = sign(&[&fleet.key], &text::write(&forged), &forged.comment());
    forge.put(&layout::history(&forged.environment, 8), &document);
    fleet.put(&head(2, &forged));
    let _ = fleet.pair.refuses("signatures");
}

#[test]
fn a_manifest_other_than_the_heads_is_refused() {
    let Some(fleet) = Fleet::converged() else { return };
    let forge = &fleet.pair.forge;
    let named = fleet.release(8, "eight");
    // The release keys have signed both.
    fleet.pair.forge.keep(&forge.manifest(8, vec![forge.script("touch \"$OUT/escaped\"")]));
    fleet.put(&head(2, &named));
    let _ = fleet.pair.refuses("hash");
}

#[test]
fn a_stable_release_that_is_older_than_the_one_seen_is_not_taken() {
    let Some(fleet) = Fleet::converged() else { return };
    fleet.put(&head(2, &fleet.release(6, "six")));
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();
}

#[test]
fn a_fresh_node_takes_no_release_below_its_bootstrap() {
    let Some(fleet) = Fleet::new() else { return };
    let mut config = fleet.pair.forge.config(&fleet.pair.forge.url());
    config["layers"][0]["min_serial"] = 7.into();
    config["layers"][0]["trust"]["fleet"] = json!([{"key": public(&fleet.key).as_str()}]);
    fleet.pair.node.configure(&config);
    fleet.put(&head(1, &fleet.release(6, "six")));
    let run = fleet.run().expect(3);
    assert!(run.err.contains("[rollback]"), "{}", run.err);
    assert_eq!(fleet.pair.applied(), None);
}

#[test]
fn an_older_head_changes_nothing_and_refuses_nothing() {
    let Some(fleet) = Fleet::converged() else { return };
    let eight = fleet.release(8, "eight");
    let seven = fleet.release(7, "seven");
    let mut held = head(3, &seven);
    held["next"] = next(&eight, 10_000);
    held["next"]["state"] = "hold".into();
    fleet.put(&held);
    let _ = fleet.run().expect(0);
    // The head of before the hold.
    held["version"] = 2.into();
    held["next"]["state"] = "go".into();
    fleet.put(&held);
    let run = fleet.run().expect(0);
    assert!(run.err.contains("has version 2 of the head, but 3 is the newest"), "{}", run.err);
    fleet.pair.goes_on();
    // The same version with other bytes.
    held["version"] = 3.into();
    fleet.put(&held);
    let run = fleet.run().expect(0);
    assert!(run.err.contains("other bytes for version 3 of the head"), "{}", run.err);
    fleet.pair.goes_on();
    // It still counts if the state is lost.
    fs::remove_file(fleet.pair.state("layers/example/state.json")).unwrap();
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();
}

#[test]
fn an_expired_head_is_no_news() {
    let Some(fleet) = Fleet::converged() else { return };
    let mut led = head(2, &fleet.release(8, "eight"));
    led["expires"] = "2026-11-21T18:00:00Z".into();
    refused(&fleet, &fleet.key, &led, "expired");
    // The one in use goes on, and its end is announced.
    let Some(fleet) = Fleet::new() else { return };
    let seven = fleet.release(7, "seven");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut led = head(1, &seven);
    led["expires"] = Timestamp::from_seconds(now + 3600).to_string().into();
    fleet.put(&led);
    let run = fleet.run().expect(0);
    assert!(run.err.contains("the head expires at "), "{}", run.err);
    let status = fleet.pair.run(&["status"]).expect(0);
    assert!(
        status.out.contains(", expires ") && status.out.contains("the head expires at"),
        "{}",
        status.out
    );
}

#[test]
fn a_rotation_ends_a_fleet_key_and_the_version_that_it_raised() {
    let Some(fleet) = Fleet::converged() else { return };
    let forge = &fleet.pair.forge;
    // A thief of the fleet key takes the last version.
    let seven = fleet.release(7, "seven");
    fleet.put(&head(LAST, &seven));
    let _ = fleet.run().expect(0);
    let own = KeyPair::generate_unencrypted_keypair().unwrap();
    let mut two = trust(&[&forge.key], 2, &json!({}));
    two["fleet"] = json!([{"name": "tick", "id": public(&own).id(), "key": public(&own).as_str()}]);
    forge.put(&layout::trust(2), &sign(&[&forge.key], two.to_string().as_bytes(), "trust example keys 2"));
    let mut led = head(2, &fleet.release(8, "eight"));
    led["trust_version"] = 2.into();
    forge.lead(&own, &led);
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));
    // What the thief signs counts no more.
    let mut forged = head(LAST, &fleet.release(9, "nine"));
    forged["trust_version"] = 2.into();
    fleet.put(&forged);
    let run = fleet.run().expect(3);
    assert!(run.err.contains("[signatures]"), "{}", run.err);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));
}

/// The last version that a head may have.
const LAST: u64 = (1 << 53) - 1;

#[test]
fn what_a_removed_release_key_signed_is_not_run_once_more() {
    let Some(fleet) = Fleet::converged() else { return };
    let forge = &fleet.pair.forge;
    // Trust 2 has another release key; the head still names the release that the old one signed.
    let own = KeyPair::generate_unencrypted_keypair().unwrap();
    let mut two = trust(&[&own], 2, &json!({}));
    two["fleet"] =
        json!([{"name": "tick", "id": public(&fleet.key).id(), "key": public(&fleet.key).as_str()}]);
    let two = sign(&[&forge.key, &own], two.to_string().as_bytes(), "trust example keys 2");
    forge.put(&layout::trust(2), &two);
    let mut led = head(2, &fleet.release(7, "seven"));
    led["trust_version"] = 2.into();
    fleet.put(&led);
    fs::remove_file(fleet.pair.node.root().join("applied")).unwrap();
    for _ in 0..2 {
        let run = fleet.pair.run(&["--once", "--force"]).expect(3);
        assert!(run.err.contains("[signatures]"), "{}", run.err);
        assert_eq!(fleet.pair.applied(), None);
    }
}

#[test]
fn a_head_with_a_lower_number_that_was_made_later_is_a_warning_at_once() {
    let Some(fleet) = Fleet::new() else { return };
    let seven = fleet.release(7, "seven");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let made = |version, ago| {
        let mut led = head(version, &seven);
        led["created"] = Timestamp::from_seconds(now - ago).to_string().into();
        led
    };
    fleet.put(&made(9, 20));
    let _ = fleet.run().expect(0);
    // What a cache has kept for a while is no news.
    fleet.put(&made(8, 30));
    let run = fleet.run().expect(0);
    assert!(!run.err.contains("head"), "{}", run.err);
    fleet.put(&made(8, 10));
    let run = fleet.run().expect(0);
    assert!(run.err.contains("its head 8 was made after head 9, which was seen here"), "{}", run.err);
}

#[test]
fn a_store_with_another_manifest_is_reported_although_the_next_one_has_the_right_one() {
    let Some(fleet) = Fleet::new() else { return };
    let seven = fleet.release(7, "seven");
    fleet.put(&head(1, &seven));
    let copy = tempfile::tempdir().unwrap();
    let cp = std::process::Command::new("cp")
        .arg("-a")
        .arg(fleet.pair.forge.bucket().join("."))
        .arg(copy.path())
        .status();
    assert!(cp.unwrap().success());
    fs::write(fleet.pair.forge.bucket().join("env/production/history/7"), "x").unwrap();
    let mut config = fleet.pair.forge.config(&fleet.pair.forge.url());
    config["layers"][0]["trust"]["fleet"] = json!([{"key": public(&fleet.key).as_str()}]);
    let other = format!("file://{}", copy.path().display());
    config["layers"][0]["stores"].as_array_mut().unwrap().push(json!({"url": other}));
    fleet.pair.node.configure(&config);
    let run = fleet.run().expect(0);
    assert!(run.err.contains("ignored store") && run.err.contains("history/7"), "{}", run.err);
    assert_eq!(fleet.pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn a_history_that_lacks_the_release_is_waited_for() {
    let Some(fleet) = Fleet::converged() else { return };
    let eight = fleet.release(8, "eight");
    fs::remove_file(fleet.pair.forge.bucket().join("env/production/history/8")).unwrap();
    fleet.put(&head(2, &eight));
    let run = fleet.run().expect(1);
    assert!(run.err.contains("fetching `env/production/history/8`"), "{}", run.err);
    fleet.pair.goes_on();
    fleet.pair.forge.keep(&eight);
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));
}
