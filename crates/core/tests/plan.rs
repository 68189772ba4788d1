//! Which manifests may replace which.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod support;

use minisign::KeyPair;
use stringless_core::manifest::Manifest;
use stringless_core::plan;
use stringless_core::plan::Floor;
use stringless_core::refusal::Refusal;
use stringless_core::state::Seen;
use stringless_core::verify;
use stringless_core::verify::Verified;
use stringless_core::version::Version;
use support::*;

fn made(pair: &KeyPair, serial: u64, expires: &str) -> Verified<Manifest> {
    made_under(pair, 1, serial, expires)
}

fn made_under(pair: &KeyPair, trust: u64, serial: u64, expires: &str) -> Verified<Manifest> {
    let payload = manifest_under(trust, serial, expires);
    let bytes = signed(&[pair], payload.as_bytes(), &manifest_comment(serial));
    verify::manifest(&bytes, &trusted(trust, 1, &[pair]), &name("example"), &name("production")).unwrap()
}

fn seen(manifest: &Verified<Manifest>) -> Seen {
    Seen::new(manifest, 1)
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
    // A rotation that does not mention the environment resets nothing.
    let silent = Floor { trust_version: 2, ..floor(Some(&poisoned)) };
    assert!(matches!(plan::admit(&next, &silent), Err(Refusal::Rollback { .. })));
    // A bootstrap that was rendered after the rotation sets the lowest serial too.
    let rerendered = Floor { bootstrap: 8, bootstrap_version: 2, trust_version: 2, ..floor(Some(&poisoned)) };
    assert_eq!(plan::admit(&next, &rerendered), Ok(()));
    let six = made_under(&pair, 2, 6, "null");
    assert!(matches!(plan::admit(&six, &rerendered), Err(Refusal::Rollback { floor: 8, .. })));
}

#[test]
fn a_rotation_does_not_let_an_older_release_come_back() {
    // The key stays in the new trust, so its signatures from before the rotation are still valid.
    let pair = key_pair();
    let known = seen(&made(&pair, 10, "null"));
    let rotated = Floor { trust: 3, trust_version: 2, ..floor(Some(&known)) };
    let old = made(&pair, 4, "null");
    assert!(matches!(plan::admit(&old, &rotated), Err(Refusal::Rollback { floor: 10, .. })));
}

#[test]
fn the_bootstrap_limit_holds_if_the_state_is_lost() {
    let pair = key_pair();
    let five = made_under(&pair, 2, 5, "null");
    let lost = Floor { bootstrap: 50, bootstrap_version: 2, trust: 3, trust_version: 2, ..floor(None) };
    assert!(matches!(plan::admit(&five, &lost), Err(Refusal::Rollback { floor: 50, .. })));
}

#[test]
fn refuses_a_release_if_its_trust_is_missing() {
    let pair = key_pair();
    let next = made_under(&pair, 2, 8, "null");
    let missing = Err(Refusal::TrustMissing { needed: 2, current: 1 });
    assert_eq!(plan::admit(&next, &floor(None)), missing);
    // The same if the node lost the newer trust: the last manifest seen still requires it.
    let known = Seen { trust_version: 2, ..seen(&made(&pair, 7, "null")) };
    assert_eq!(plan::admit(&made(&pair, 8, "null"), &floor(Some(&known))), missing);
}

#[test]
fn a_missing_trust_is_reported_before_a_low_serial() {
    // A second rotation with the same key: what it resets is known only from its document.
    let pair = key_pair();
    let poisoned = seen(&made(&pair, u64::MAX, "null"));
    let next = made_under(&pair, 3, 8, "null");
    let before = Floor { trust_version: 2, ..floor(Some(&poisoned)) };
    assert_eq!(plan::admit(&next, &before), Err(Refusal::TrustMissing { needed: 3, current: 2 }));
    let after = Floor { trust: 8, trust_version: 3, ..floor(Some(&poisoned)) };
    assert_eq!(plan::admit(&next, &after), Ok(()));
    // The running release does not need a trust that was lost later.
    let running = made_under(&pair, 2, 7, "null");
    let lost = seen(&running);
    assert_eq!(plan::admit(&running, &Floor { trust_version: 1, ..floor(Some(&lost)) }), Ok(()));
}

#[test]
fn refuses_other_bytes_under_a_known_serial() {
    let pair = key_pair();
    let known = seen(&made(&pair, 7, "null"));
    let other = made(&pair, 7, "\"2027-01-01T00:00:00Z\"");
    assert_eq!(plan::admit(&other, &floor(Some(&known))), Err(Refusal::SerialReused { serial: 7 }));
}

#[test]
fn expiry_blocks_a_new_release_but_not_the_running_one() {
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
fn a_manifest_of_an_older_trust_may_not_follow_one_of_a_newer_trust() {
    // A key that the rotation kept signed a poisoned manifest, and a mirror replays it later.
    let pair = key_pair();
    let known = Seen::new(&made_under(&pair, 2, 8, "null"), 2);
    let after = Floor { trust: 8, trust_version: 2, ..floor(Some(&known)) };
    let poisoned = made(&pair, u64::MAX, "null");
    assert_eq!(plan::admit(&poisoned, &after), Err(Refusal::OlderTrust { found: 1, seen: 2 }));
    assert!(plan::freshness(&poisoned) < plan::freshness(&made_under(&pair, 2, 8, "null")));
    // The node accepted the new trust while the poisoned manifest was still in use.
    let walked = Seen::new(&poisoned, 2);
    let after = Floor { trust: 8, trust_version: 2, ..floor(Some(&walked)) };
    assert_eq!(plan::admit(&made_under(&pair, 2, 8, "null"), &after), Ok(()));
}

#[test]
fn the_clock_floor_is_never_after_an_expiry() {
    let pair = key_pair();
    let open = made(&pair, 7, "null");
    let closed = made(&pair, 7, "\"2027-01-01T00:00:00Z\"");
    let ahead = now().plus(10 * 365 * 86_400);
    assert_eq!(plan::clock_floor(&open, None, ahead), open.created);
    assert_eq!(plan::clock_floor(&closed, None, now()), now());
    assert_eq!(plan::clock_floor(&closed, None, ahead), closed.created.plus(30 * 86_400));
    let short = made(&pair, 7, "\"2026-11-30T00:00:00Z\"");
    assert_eq!(Some(plan::clock_floor(&short, None, ahead)), short.expires);
    let trust = now().plus(100);
    assert_eq!(plan::clock_floor(&closed, Some(trust), ahead), trust);
}

#[test]
fn warns_before_an_expiry() {
    let month = now().plus(30 * 86_400);
    assert!(!plan::expires_soon(Some(now()), month, now().plus(22 * 86_400)));
    assert!(plan::expires_soon(Some(now()), month, now().plus(23 * 86_400)));
    let day = now().plus(86_400);
    assert!(!plan::expires_soon(Some(now()), day, now()));
    assert!(plan::expires_soon(Some(now()), day, now().plus(60_000)));
    assert!(plan::expires_soon(None, month, now()));
    assert!(!plan::expires_soon(None, month.plus(1), now()));
}
