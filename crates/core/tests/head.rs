//! Tests heads: who may sign them, which are used, and what they need.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod support;

use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::fleet::admit::{HeadFloor, SeenHead, Standing, admit};
use stringless_core::fleet::duty::TrustedFleetKey;
use stringless_core::fleet::head::Head;
use stringless_core::refusal::Refusal;
use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::{self, Verified};
use support::*;

/// A head of site `example`, environment `production`.
fn head(version: u64) -> Value {
    json!({
        "type": "head", "format": 1, "site": "example", "environment": "production", "trust_version": 1,
        "version": version, "created": "2026-11-20T18:00:00Z", "expires": "2026-11-27T18:00:00Z",
        "stable": {"trust_version": 1, "serial": 42, "sha256": "0".repeat(64)},
        "next": {
            "trust_version": 1, "serial": 43, "sha256": "1".repeat(64), "since": "2026-11-20T18:00:00Z",
            "salt": 43, "state": "go", "waves": [{"share": 100, "from": "2026-11-20T18:00:00Z"}],
        },
    })
}

fn with(mut head: Value, pointer: &str, value: Value) -> Value {
    *head.pointer_mut(pointer).unwrap() = value;
    head
}

fn signed_by(pairs: &[&KeyPair], head: &Value) -> Vec<u8> {
    let comment = format!("head example production {}", head["version"]);
    signed(pairs, head.to_string().as_bytes(), &comment)
}

/// Release keys, and fleet keys with their duties.
fn keys(release: &[&KeyPair], threshold: usize, fleet: &[(&KeyPair, Option<&[&str]>)]) -> TrustedKeys {
    let of = |(pair, may): &(&KeyPair, Option<&[&str]>)| {
        let may = may.map(|names| names.iter().map(|name| String::from(*name)).collect());
        TrustedFleetKey { key: public(pair), may }
    };
    TrustedKeys { fleet: fleet.iter().map(of).collect(), ..trusted(1, threshold, release) }
}

fn check(bytes: &[u8], trusted: &TrustedKeys) -> Result<Verified<Head>, Refusal> {
    verify::head(bytes, trusted, &name("example"), &name("production"))
}

#[test]
fn a_fleet_key_with_the_duty_signs_heads_and_so_do_the_release_keys() {
    let (a, b, fleet) = (key_pair(), key_pair(), key_pair());
    for may in [None, Some(&["head"][..]), Some(&["sealed", "head"]), Some(&["head", "newer"])] {
        let trusted = keys(&[&a], 1, &[(&fleet, may)]);
        assert_eq!(check(&signed_by(&[&fleet], &head(7)), &trusted).unwrap().version, 7);
    }
    let trusted = keys(&[&a, &b], 2, &[(&fleet, None)]);
    assert!(check(&signed_by(&[&a, &b], &head(7)), &trusted).is_ok());
}

#[test]
fn nobody_else_signs_heads() {
    let (a, b, fleet, other) = (key_pair(), key_pair(), key_pair(), key_pair());
    let refused = |pairs: &[&KeyPair], trusted: &TrustedKeys| {
        assert_eq!(
            check(&signed_by(pairs, &head(7)), trusted).unwrap_err(),
            Refusal::FleetSignature { what: "head", version: 1 }
        );
    };
    let two = keys(&[&a, &b], 2, &[(&fleet, None)]);
    refused(&[&other], &two);
    // One release key below the threshold.
    refused(&[&a], &two);
    refused(&[&a, &a], &two);
    for may in [&[][..], &["record"], &["sealed", "launch"], &["heads"]] {
        refused(&[&fleet], &keys(&[&a], 1, &[(&fleet, Some(may))]));
    }
    // A key that the next trust no longer names.
    refused(&[&fleet], &keys(&[&a], 1, &[(&other, None)]));
}

#[test]
fn a_fleet_key_signs_no_release_and_no_trust() {
    let (a, fleet) = (key_pair(), key_pair());
    let trusted = keys(&[&a], 1, &[(&fleet, None)]);
    let bytes = signed(&[&fleet], manifest(7, "null").as_bytes(), &manifest_comment(7));
    let refusal = verify::manifest(&bytes, &trusted, &name("example"), &name("production")).unwrap_err();
    assert_eq!(refusal, Refusal::Signatures { valid: 0, threshold: 1, version: 1 });
    let bytes = signed(&[&fleet], trust(2, 1, &[&fleet], "null").as_bytes(), &trust_comment(2));
    let refusal = verify::next_trust(&bytes, &trusted, &name("example")).unwrap_err();
    assert_eq!(refusal, Refusal::Signatures { valid: 0, threshold: 1, version: 1 });
}

#[test]
fn documents_of_other_types_do_not_pass() {
    let (a, fleet) = (key_pair(), key_pair());
    let trusted = keys(&[&a], 1, &[(&fleet, None)]);
    let foreign = |found: &str, expected: &str| Refusal::Foreign {
        what: "type",
        found: found.into(),
        expected: expected.into(),
    };
    // A bare manifest would skip the rollout.
    let bytes = signed(&[&a], manifest(7, "null").as_bytes(), &manifest_comment(7));
    assert_eq!(check(&bytes, &trusted).unwrap_err(), foreign("manifest", "head"));
    let bytes = signed_by(&[&a], &head(7));
    let refusal = verify::manifest(&bytes, &trusted, &name("example"), &name("production")).unwrap_err();
    assert_eq!(refusal, foreign("head", "manifest"));
    for kind in ["record", "Head", ""] {
        let bytes = signed_by(&[&fleet], &with(head(7), "/type", kind.into()));
        assert_eq!(check(&bytes, &trusted).unwrap_err(), foreign(kind, "head"));
    }
    // A newer trust decides which type the object has.
    let newer = Refusal::TrustMissing { needed: 2, current: 1 };
    let bytes = signed(&[&a], manifest_under(2, 7, "null").as_bytes(), &manifest_comment(7));
    assert_eq!(check(&bytes, &trusted).unwrap_err(), newer);
    let bytes = signed_by(&[&a], &with(head(7), "/trust_version", 2.into()));
    let refusal = verify::manifest(&bytes, &trusted, &name("example"), &name("production")).unwrap_err();
    assert_eq!(refusal, newer);
}

#[test]
fn heads_of_other_places_do_not_pass() {
    let (a, fleet) = (key_pair(), key_pair());
    let trusted = keys(&[&a], 1, &[(&fleet, None)]);
    for (pointer, what) in [("/site", "site"), ("/environment", "environment")] {
        let other = with(head(7), pointer, "other".into());
        let bytes = signed(&[&fleet], other.to_string().as_bytes(), "head example production 7");
        assert!(
            matches!(check(&bytes, &trusted), Err(Refusal::Foreign { what: found, .. }) if found == what)
        );
    }
    for comment in
        ["head example production 8", "head other production 7", "manifest example production 7", "x"]
    {
        let bytes = signed(&[&fleet], head(7).to_string().as_bytes(), comment);
        assert!(matches!(check(&bytes, &trusted), Err(Refusal::Comment { .. })), "{comment}");
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let (a, fleet) = (key_pair(), key_pair());
    let trusted = keys(&[&a], 1, &[(&fleet, None)]);
    let bytes = signed_by(&[&fleet], &head(7));
    // The untrusted comment is not signed.
    let start = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    for at in start..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(check(&flipped, &trusted).is_err(), "byte {at}");
    }
}

#[test]
fn rules_of_the_format() {
    let (a, fleet) = (key_pair(), key_pair());
    let trusted = keys(&[&a], 1, &[(&fleet, None)]);
    let wave = |share: u64| json!({"share": share, "from": null});
    let waves: Vec<Value> = (0..33).map(wave).collect();
    for (pointer, value, expected) in [
        ("/version", json!(0), "version and trust_version start at 1"),
        ("/version", json!(u64::MAX), "version: expected 1 to"),
        ("/format", json!(2), "format 2 is not supported"),
        ("/stable/serial", json!(0), "stable.serial: expected 1 to"),
        ("/stable/serial", json!(u64::MAX), "stable.serial: expected 1 to"),
        ("/stable/trust_version", json!(2), "stable.trust_version: expected 1 to the head's, 1"),
        ("/next/serial", json!(42), "next is not newer than stable"),
        ("/next/serial", json!(41), "next is not newer than stable"),
        ("/next/waves", json!([]), "next.waves: expected 1 to 32"),
        ("/next/waves", json!(waves), "next.waves: expected 1 to 32"),
        ("/next/waves", json!([wave(10_001)]), "next.waves: a share is at most 10000"),
        ("/next/waves", json!([wave(5), wave(5)]), "each share must be greater than the one before"),
        ("/next/waves", json!([wave(5), wave(1)]), "each share must be greater than the one before"),
        ("/next/state", json!("pause"), "pause"),
        ("/next/since", json!("yesterday"), "not a time"),
        ("/stable/sha256", json!("00"), "SHA-256"),
        ("/stable", json!(null), "expected a map of settings"),
    ] {
        let bytes = signed_by(&[&fleet], &with(head(7), pointer, value.clone()));
        let refusal = check(&bytes, &trusted).unwrap_err();
        assert!(matches!(refusal, Refusal::Invalid(_) | Refusal::Payload(_)), "{refusal:?}");
        let text = refusal.to_string().to_lowercase();
        assert!(text.contains(&expected.to_lowercase()), "{pointer} {value}: {text}");
    }
    for (key, value) in [
        ("marks", json!([1, 2])),
        ("was", json!((0..65).collect::<Vec<u64>>())),
        ("first", json!("role")),
        ("window", json!({"days": ["mon"], "from": "08:00", "minutes": 0, "offset": 0})),
        ("window", json!({"days": ["moon"], "from": "08:00", "minutes": 60, "offset": 0})),
    ] {
        let mut head = head(7);
        let place = if key == "marks" { &mut head } else { &mut head["next"] };
        place[key] = value;
        assert!(check(&signed_by(&[&fleet], &head), &trusted).is_err(), "{head}");
    }
}

#[test]
fn what_is_not_understood_costs_the_rollout_and_never_the_stable_release() {
    let (a, fleet) = (key_pair(), key_pair());
    let trusted = keys(&[&a], 1, &[(&fleet, None)]);
    // Keys of newer versions are passed over.
    let mut newer = head(7);
    newer["calls"] = json!([{"id": "c-1", "do": "apply"}]);
    newer["next"]["colour"] = "blue".into();
    assert!(check(&signed_by(&[&fleet], &newer), &trusted).unwrap().next.is_some());
    newer["needs"] = json!(["colour"]);
    newer["next"]["state"] = "blue".into();
    let read = check(&signed_by(&[&fleet], &newer), &trusted).unwrap();
    assert_eq!((read.stable.serial, &read.next), (42, &None));
    // It still has to be a head.
    newer["stable"] = Value::Null;
    assert!(check(&signed_by(&[&fleet], &newer), &trusted).is_err());
}

fn verified(head: &Value) -> Verified<Head> {
    let (a, fleet) = (key_pair(), key_pair());
    check(&signed_by(&[&fleet], head), &keys(&[&a], 1, &[(&fleet, None)])).unwrap()
}

#[test]
fn the_newest_head_is_used_and_an_older_one_is_no_reason_to_refuse_the_store() {
    let seven = verified(&head(7));
    let seen = SeenHead::new(&seven, 1);
    let floor = HeadFloor { seen: Some(&seen), trust_version: 1, trust_expires: None, now: now() };
    assert_eq!(admit(&seven, &HeadFloor { seen: None, ..floor }), Ok(Standing::New));
    assert_eq!(admit(&seven, &floor), Ok(Standing::Same));
    assert_eq!(admit(&verified(&head(8)), &floor), Ok(Standing::New));
    assert_eq!(admit(&verified(&head(6)), &floor), Ok(Standing::Older));
    let other = verified(&with(head(7), "/next/state", "hold".into()));
    assert_eq!(admit(&other, &floor), Ok(Standing::Second));
}

#[test]
fn an_expired_head_is_no_news() {
    let seven = verified(&head(7));
    let seen = SeenHead::new(&seven, 1);
    let late = stringless_core::time::Timestamp::parse("2026-11-27T18:00:00Z").unwrap();
    let floor = HeadFloor { seen: Some(&seen), trust_version: 1, trust_expires: None, now: late };
    assert_eq!(admit(&seven, &floor), Ok(Standing::Same));
    for floor in [HeadFloor { seen: None, ..floor }, floor] {
        let refusal = admit(&verified(&head(8)), &floor).unwrap_err();
        assert!(matches!(refusal, Refusal::Expired { what: "head", .. }), "{refusal}");
    }
    let floor = HeadFloor { trust_expires: Some(now()), now: now(), ..floor };
    let refusal = admit(&verified(&head(8)), &floor).unwrap_err();
    assert!(matches!(refusal, Refusal::Expired { what: "trust", .. }), "{refusal}");
}

#[test]
fn a_rotation_resets_a_version_that_a_stolen_key_raised() {
    let poisoned = verified(&head((1 << 53) - 1));
    let seen = SeenHead::new(&poisoned, 1);
    let floor = HeadFloor { seen: Some(&seen), trust_version: 2, trust_expires: None, now: now() };
    let after = verified(&with(head(8), "/trust_version", 2.into()));
    assert_eq!(admit(&after, &floor), Ok(Standing::New));
    // A head of before the rotation does not come back.
    let seen = SeenHead::new(&after, 2);
    let floor = HeadFloor { seen: Some(&seen), ..floor };
    assert_eq!(admit(&poisoned, &floor), Err(Refusal::OlderTrust { found: 1, seen: 2 }));
    // The trust that it names has to be known.
    let floor = HeadFloor { seen: None, trust_version: 1, ..floor };
    assert_eq!(admit(&after, &floor), Err(Refusal::TrustMissing { needed: 2, current: 1 }));
}

#[test]
fn fleet_keys_stand_in_one_list_with_their_own_ids() {
    let (a, fleet) = (key_pair(), key_pair());
    let read = |list: Value| {
        let mut document: Value = serde_json::from_str(&trust(1, 1, &[&a], "null")).unwrap();
        document["fleet"] = list;
        serde_json::from_value::<Trust>(document).unwrap().check()
    };
    let entry = |pair: &KeyPair, id: &str| json!({"name": "tick", "id": id, "key": public(pair).as_str()});
    let own = entry(&fleet, &public(&fleet).id());
    assert_eq!(read(json!([])), Ok(()));
    assert_eq!(read(json!([own])), Ok(()));
    assert!(read(json!([own, own])).unwrap_err().contains("is listed twice"));
    assert!(read(json!([entry(&a, &public(&a).id())])).unwrap_err().contains("is listed twice"));
    assert!(read(json!([entry(&fleet, "0123456789ABCDEF")])).unwrap_err().contains("has the id"));
    let many: Vec<Value> =
        (0..17).map(|_| key_pair()).map(|pair| entry(&pair, &public(&pair).id())).collect();
    assert!(read(json!(many)).unwrap_err().contains("17 fleet keys"));
}
