//! What may replace what, and when an engine is due.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod support;

use agent_core::manifest::Manifest;
use agent_core::plan::{self, Floor, Reason};
use agent_core::refusal::Refusal;
use agent_core::state::{Applied, Release, Seen, State};
use agent_core::time::Timestamp;
use agent_core::verify::{self, Verified};
use agent_core::version::Version;
use minisign::KeyPair;
use support::*;

fn made(pair: &KeyPair, serial: u64, expires: &str) -> Verified<Manifest> {
    let bytes = signed(&[pair], manifest(serial, expires).as_bytes(), &manifest_comment(serial));
    verify::manifest(&bytes, &trusted(1, 1, &[pair]), &name("example"), &name("production")).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T18:00:00Z").unwrap()
}

fn seen(manifest: &Verified<Manifest>) -> Seen {
    Seen {
        serial: manifest.serial,
        trust_version: 1,
        sha256: manifest.sha256(),
        store: String::new(),
        etag: None,
    }
}

fn floor(seen: Option<&Seen>) -> Floor<'_> {
    let agent = Version::parse("0.1.0").unwrap();
    Floor { seen, bootstrap: 0, trust: 0, trust_version: 1, agent, now: now() }
}

#[test]
fn admits_a_newer_release_and_the_same_one_again() {
    let pair = key_pair();
    let (seven, eight) = (made(&pair, 7, "null"), made(&pair, 8, "null"));
    let known = seen(&seven);
    assert_eq!(plan::admit(&seven, &floor(None)), Ok(()));
    assert_eq!(plan::admit(&seven, &floor(Some(&known))), Ok(()));
    assert_eq!(plan::admit(&eight, &floor(Some(&known))), Ok(()));
}

#[test]
fn refuses_a_lower_serial() {
    let pair = key_pair();
    let known = seen(&made(&pair, 7, "null"));
    let six = made(&pair, 6, "null");
    assert!(matches!(plan::admit(&six, &floor(Some(&known))), Err(Refusal::Rollback { floor: 7, .. })));
    let lost = Floor { bootstrap: 7, ..floor(None) };
    assert!(matches!(plan::admit(&six, &lost), Err(Refusal::Rollback { floor: 7, .. })));
    let rotated = Floor { trust: 7, trust_version: 2, ..floor(None) };
    assert!(matches!(plan::admit(&six, &rotated), Err(Refusal::Rollback { floor: 7, .. })));
}

#[test]
fn a_rotation_resets_a_poisoned_serial() {
    let pair = key_pair();
    let poisoned = seen(&made(&pair, u64::MAX, "null"));
    let next = made(&pair, 8, "null");
    assert!(plan::admit(&next, &floor(Some(&poisoned))).is_err());
    let rotated = Floor { trust: 8, trust_version: 2, bootstrap: u64::MAX, ..floor(Some(&poisoned)) };
    assert_eq!(plan::admit(&next, &rotated), Ok(()));
    // A rotation that says nothing of the environment resets nothing.
    let silent = Floor { trust_version: 2, ..floor(Some(&poisoned)) };
    assert!(plan::admit(&next, &silent).is_err());
}

#[test]
fn refuses_other_bytes_under_a_known_serial() {
    let pair = key_pair();
    let known = seen(&made(&pair, 7, "null"));
    let other = made(&pair, 7, "\"2027-01-01T00:00:00Z\"");
    assert_eq!(plan::admit(&other, &floor(Some(&known))), Err(Refusal::SerialReused { serial: 7 }));
}

#[test]
fn expiry_blocks_what_is_new_and_never_what_runs() {
    let pair = key_pair();
    let old = made(&pair, 7, "\"2026-11-20T18:00:00Z\"");
    assert!(matches!(plan::admit(&old, &floor(None)), Err(Refusal::Expired { what: "manifest", .. })));
    assert_eq!(plan::admit(&old, &floor(Some(&seen(&old)))), Ok(()));
    let a_second_left = made(&pair, 7, "\"2026-11-20T18:00:01Z\"");
    assert_eq!(plan::admit(&a_second_left, &floor(None)), Ok(()));
}

#[test]
fn refuses_a_release_for_a_newer_agent() {
    let pair = key_pair();
    let release = made(&pair, 7, "null");
    let old = Floor { agent: Version::parse("0.0.9").unwrap(), ..floor(None) };
    assert!(matches!(plan::admit(&release, &old), Err(Refusal::AgentTooOld { .. })));
}

#[test]
fn an_engine_is_due_for_a_reason() {
    let release = |serial| Release { environment: name("production"), serial };
    let applied = |serial, ok| State {
        applied: Some(Applied { release: release(serial), at: now(), ok }),
        ..State::default()
    };
    let due = |state: &State, serial, reapply, later, force| {
        plan::due(state, &release(serial), reapply, now().plus(later), force)
    };
    assert_eq!(due(&State::default(), 7, None, 0, false), Some(Reason::NewRelease));
    assert_eq!(due(&applied(6, true), 7, None, 0, false), Some(Reason::NewRelease));
    assert_eq!(due(&applied(7, false), 7, None, 0, false), Some(Reason::Retry));
    assert_eq!(due(&applied(7, true), 7, None, 1 << 40, false), None);
    assert_eq!(due(&applied(7, true), 7, Some(100), 99, false), None);
    assert_eq!(due(&applied(7, true), 7, Some(100), 100, false), Some(Reason::Reapply));
    assert_eq!(due(&applied(7, true), 7, None, 0, true), Some(Reason::Forced));
    let earlier = Timestamp::from_seconds(now().seconds() - 1);
    let state = applied(7, true);
    assert_eq!(plan::due(&state, &release(7), Some(100), earlier, false), Some(Reason::Reapply));
}
