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
    made_under(pair, 1, serial, expires)
}

fn made_under(pair: &KeyPair, trust: u64, serial: u64, expires: &str) -> Verified<Manifest> {
    let payload = manifest_under(trust, serial, expires);
    let bytes = signed(&[pair], payload.as_bytes(), &manifest_comment(serial));
    verify::manifest(&bytes, &trusted(trust, 1, &[pair]), &name("example"), &name("production")).unwrap()
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
    Floor {
        seen,
        bootstrap: 0,
        bootstrap_version: 1,
        trust: 0,
        trust_version: 1,
        trust_expires: None,
        agent,
        now: now(),
    }
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
    let next = made_under(&pair, 2, 8, "null");
    let rotated = Floor { trust: 8, trust_version: 2, bootstrap: u64::MAX, ..floor(Some(&poisoned)) };
    assert_eq!(plan::admit(&next, &rotated), Ok(()));
    // A rotation that says nothing of the environment resets nothing.
    let silent = Floor { trust_version: 2, ..floor(Some(&poisoned)) };
    assert!(matches!(plan::admit(&next, &silent), Err(Refusal::Rollback { .. })));
    // A bootstrap that was rendered after the rotation states the floor as well.
    let anew = Floor { bootstrap: 8, bootstrap_version: 2, trust_version: 2, ..floor(Some(&poisoned)) };
    assert_eq!(plan::admit(&next, &anew), Ok(()));
    let six = made_under(&pair, 2, 6, "null");
    assert!(matches!(plan::admit(&six, &anew), Err(Refusal::Rollback { floor: 8, .. })));
}

#[test]
fn a_rotation_does_not_let_an_older_release_come_back() {
    // The key stays in the new trust: what it signed before the rotation is still well signed.
    let pair = key_pair();
    let known = seen(&made(&pair, 10, "null"));
    let rotated = Floor { trust: 3, trust_version: 2, ..floor(Some(&known)) };
    let old = made(&pair, 4, "null");
    assert!(matches!(plan::admit(&old, &rotated), Err(Refusal::Rollback { floor: 10, .. })));
}

#[test]
fn a_bootstrap_holds_when_the_state_is_lost_and_the_trust_is_not_newer() {
    let pair = key_pair();
    let five = made_under(&pair, 2, 5, "null");
    let lost = Floor { bootstrap: 50, bootstrap_version: 2, trust: 3, trust_version: 2, ..floor(None) };
    assert!(matches!(plan::admit(&five, &lost), Err(Refusal::Rollback { floor: 50, .. })));
}

#[test]
fn refuses_a_release_whose_trust_is_held_back() {
    let pair = key_pair();
    let next = made_under(&pair, 2, 8, "null");
    let missing = Err(Refusal::TrustMissing { needed: 2, current: 1 });
    assert_eq!(plan::admit(&next, &floor(None)), missing);
    // Or was lost on the node: what was seen under it keeps its rank.
    let known = Seen { trust_version: 2, ..seen(&made(&pair, 7, "null")) };
    assert_eq!(plan::admit(&made(&pair, 8, "null"), &floor(Some(&known))), missing);
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
    let trust_over = Floor { trust_expires: Some(now()), ..floor(None) };
    assert!(matches!(
        plan::admit(&made(&pair, 7, "null"), &trust_over),
        Err(Refusal::Expired { what: "trust", .. })
    ));
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
    let release = |serial| Release { environment: name("production"), serial, id: format!("{serial:016x}") };
    let applied = |serial, ok| State {
        applied: Some(Applied { release: release(serial), at: now(), ok }),
        ..State::default()
    };
    let due = |state: &State, serial, reapply, later, force| {
        plan::due(state, Some(&release(7)), &release(serial), reapply, now().plus(later), force)
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
    let live = Some(release(7));
    assert_eq!(
        plan::due(&state, live.as_ref(), &release(7), Some(100), earlier, false),
        Some(Reason::Reapply)
    );
    // Another release is live, or none is whole: the one that was applied is switched to again.
    for live in [None, Some(release(6))] {
        let due = plan::due(&state, live.as_ref(), &release(7), None, now(), false);
        assert_eq!(due, Some(Reason::NewRelease));
    }
    // The same serial with other bytes, after a rotation.
    let other = Release { id: "f".repeat(16), ..release(7) };
    assert_eq!(plan::due(&state, Some(&release(7)), &other, None, now(), false), Some(Reason::NewRelease));
}
