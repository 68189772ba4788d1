//! Heads that somebody forged, replayed or moved: the node goes on with what it has.

use serde_json::{Value, json};
use std::fs;

use e2e::forge::{head, public, sign, trust};
use minisign::KeyPair;
use stringless_core::json as text;
use stringless_core::layout;

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
}

#[test]
fn a_rotation_ends_a_fleet_key_and_the_version_that_it_raised() {
    let Some(fleet) = Fleet::converged() else { return };
    let forge = &fleet.pair.forge;
    // A thief of the fleet key takes the last version.
    let seven = fleet.release(7, "seven");
    fleet.put(&head(u64::MAX, &seven));
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
    let mut forged = head(u64::MAX, &fleet.release(9, "nine"));
    forged["trust_version"] = 2.into();
    fleet.put(&forged);
    let run = fleet.run().expect(3);
    assert!(run.err.contains("[signatures]"), "{}", run.err);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));
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
