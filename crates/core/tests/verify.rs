//! Tests the verifier with documents signed by the reference implementation of minisign.

mod support;

use serde_json::{Map, Value, json};
use stringless_core::document::Document;
use stringless_core::key::PublicKey;
use stringless_core::refusal::Refusal;
use stringless_core::trust::TrustedKeys;
use stringless_core::verify;
use support::*;

fn check(bytes: &[u8], trusted: &TrustedKeys) -> Result<u64, Refusal> {
    verify::manifest(bytes, trusted, &name("example"), &name("production")).map(|manifest| manifest.serial)
}

#[test]
fn accepts_a_document_with_enough_signatures() {
    let (a, b, c) = (key_pair(), key_pair(), key_pair());
    let payload = manifest(7, "null");
    let by = |pairs: &[&_]| signed(pairs, payload.as_bytes(), &manifest_comment(7));
    assert_eq!(check(&by(&[&a]), &trusted(1, 1, &[&a])), Ok(7));
    assert_eq!(check(&by(&[&c, &a]), &trusted(1, 2, &[&a, &b, &c])), Ok(7));
    // A signature by an unknown key does not count, and does no harm.
    assert_eq!(check(&by(&[&b, &a]), &trusted(1, 1, &[&a])), Ok(7));
}

#[test]
fn refuses_an_unknown_key() {
    let (a, b) = (key_pair(), key_pair());
    let bytes = signed(&[&b], manifest(7, "null").as_bytes(), &manifest_comment(7));
    let refusal = check(&bytes, &trusted(1, 1, &[&a])).unwrap_err();
    assert_eq!(refusal, Refusal::Signatures { valid: 0, threshold: 1, version: 1 });
}

#[test]
fn two_signatures_by_one_key_count_once() {
    let (a, b) = (key_pair(), key_pair());
    let bytes = signed(&[&a, &a], manifest(7, "null").as_bytes(), &manifest_comment(7));
    let refusal = check(&bytes, &trusted(1, 2, &[&a, &b])).unwrap_err();
    assert_eq!(refusal, Refusal::Signatures { valid: 1, threshold: 2, version: 1 });
}

#[test]
fn refuses_one_key_under_two_ids() {
    let a = key_pair();
    let mut raw = a.pk.to_bytes();
    raw[2] ^= 1;
    let other = {
        use base64ct::Base64;
        use base64ct::Encoding;
        PublicKey::parse(&Base64::encode_string(&raw)).unwrap()
    };
    let twice = TrustedKeys { version: 1, threshold: 2, keys: vec![public(&a), other], fleet: Vec::new() };
    assert!(twice.check().unwrap_err().contains("is listed twice"));
}

#[test]
fn refuses_every_flipped_byte() {
    let a = key_pair();
    let trusted = trusted(1, 1, &[&a]);
    let bytes = signed(&[&a], manifest(7, "null").as_bytes(), &manifest_comment(7));
    let untrusted = bytes.iter().position(|&b| b == b'\n').unwrap();
    for at in untrusted..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert!(check(&bad, &trusted).is_err(), "byte {at} of {}", bytes.len());
    }
    for cut in 0..bytes.len() {
        assert!(check(&bytes[..cut], &trusted).is_err(), "cut at {cut}");
    }
}

#[test]
fn refuses_a_comment_of_another_document() {
    let a = key_pair();
    let bytes = signed(&[&a], manifest(7, "null").as_bytes(), &manifest_comment(8));
    assert!(matches!(check(&bytes, &trusted(1, 1, &[&a])), Err(Refusal::Comment { .. })));
}

#[test]
fn refuses_another_site_or_environment() {
    let a = key_pair();
    let trusted = trusted(1, 1, &[&a]);
    let bytes = signed(&[&a], manifest(7, "null").as_bytes(), &manifest_comment(7));
    for (site, environment) in [("example", "staging"), ("other", "production")] {
        let refusal = verify::manifest(&bytes, &trusted, &name(site), &name(environment)).unwrap_err();
        assert!(matches!(refusal, Refusal::Foreign { .. }), "{refusal}");
    }
}

#[test]
fn refuses_a_trust_document_as_a_manifest_and_the_reverse() {
    let a = key_pair();
    let keys = trusted(1, 1, &[&a]);
    let trust = signed(&[&a], trust(2, 1, &[&a], "null").as_bytes(), &trust_comment(2));
    assert!(matches!(check(&trust, &keys), Err(Refusal::Foreign { what: "type", .. })));
    let manifest = signed(&[&a], manifest(7, "null").as_bytes(), &manifest_comment(7));
    assert!(matches!(verify::next_trust(&manifest, &keys, &name("example")), Err(Refusal::Payload(_))));
}

#[test]
fn refuses_signed_but_invalid_manifests() {
    let a = key_pair();
    let trusted = trusted(1, 1, &[&a]);
    let good = manifest(7, "null");
    for (from, to) in [
        ("\"format\": 1", "\"format\": 2"),
        ("\"trust_version\": 1", "\"trust_version\": 0"),
        ("\"serial\": 7", "\"serial\": 7.5"),
        ("\"timeout\": 60", "\"timeout\": 0"),
        ("\"type\": \"manifest\"", "\"type\": \"trust\""),
        ("\"format\": 1", "\"format\": 1, \"needs\": \"x\""),
        ("\"reapply\": null", "\"reapply\": 0"),
        ("\"run\": \"apply\"", "\"run\": \"../apply\""),
        ("\"run\": \"apply\"", "\"run\": \"/bin/sh\""),
        ("\"minimum\": \"0.1.0\"", "\"minimum\": \"newest\""),
        ("\"created\": \"2026-11-20T18:00:00Z\"", "\"created\": \"yesterday\""),
    ] {
        assert!(good.contains(from), "{from}");
        let payload = good.replace(from, to);
        let bytes = signed(&[&a], payload.as_bytes(), &manifest_comment(7));
        let refusal = check(&bytes, &trusted).unwrap_err();
        let foreign = matches!(refusal, Refusal::Foreign { what: "type", .. });
        assert_eq!(foreign, to.contains("type"), "{to}: {refusal}");
        assert!(foreign || matches!(refusal, Refusal::Payload(_) | Refusal::Invalid(_)), "{to}: {refusal}");
    }
}

#[test]
fn passes_over_unknown_keys_at_every_level() {
    let a = key_pair();
    let good = manifest(7, "null")
        .replace("\"targets\": {}", "\"targets\": {\"t\": {\"size\": 1, \"sha256\": \"HASH\"}}")
        .replace(
            "\"packs\": []",
            "\"packs\": [{\"path\": \"\", \"sha256\": \"HASH\", \"size\": 1, \"unpacked\": 1, \"files\": 1}]",
        )
        .replace("HASH", &"0".repeat(64));
    let plain: Value = serde_json::from_str(&good).unwrap();
    let mut places = 0;
    each_object(&mut plain.clone(), &mut |_| places += 1);
    assert!(places >= 9, "{places} objects in {good}");
    for place in 0..places {
        let (mut payload, mut number) = (plain.clone(), 0);
        each_object(&mut payload, &mut |object| {
            if number == place && !object.contains_key("t") && !object.contains_key("script") {
                object.insert("colour".into(), json!({"deep": [1, null]}));
            }
            number += 1;
        });
        let bytes = signed(&[&a], payload.to_string().as_bytes(), &manifest_comment(7));
        assert_eq!(check(&bytes, &trusted(1, 1, &[&a])), Ok(7), "{payload}");
    }
    let trust = trust(2, 1, &[&a], "null")
        .replace("\"name\"", "\"colour\": 1, \"name\"")
        .replace("\"keys\"", "\"of\": {}, \"keys\"");
    let bytes = signed(&[&a], trust.as_bytes(), &trust_comment(2));
    assert!(verify::next_trust(&bytes, &trusted(1, 1, &[&a]), &name("example")).is_ok());
}

/// Calls `change` for each object of a document.
fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|value| each_object(value, change));
            change(object);
        }
        Value::Array(list) => list.iter_mut().for_each(|value| each_object(value, change)),
        _ => {}
    }
}

#[test]
fn refuses_what_needs_something_unknown() {
    let a = key_pair();
    let needy = |payload: String| payload.replacen('{', "{\"needs\": [\"tides\", \"moon\"], ", 1);
    let keys = trusted(1, 1, &[&a]);
    // The rest of such a document may have any form.
    let payload = needy(manifest(7, "null")).replace("\"script\"", "\"dance\"");
    let refusal = check(&signed(&[&a], payload.as_bytes(), &manifest_comment(7)), &keys).unwrap_err();
    assert_eq!(refusal, Refusal::Needs(vec!["tides".into(), "moon".into()]));
    assert_eq!(
        refusal.to_string(),
        "signed, but this needs a newer agent: `tides`, `moon` is unknown to this one"
    );
    let trust = needy(trust(2, 1, &[&a], "null"));
    let bytes = signed(&[&a], trust.as_bytes(), &trust_comment(2));
    let refusal = verify::next_trust(&bytes, &keys, &name("example")).unwrap_err();
    assert!(matches!(refusal, Refusal::Needs(_)), "{refusal}");
    let newer = trust.replacen("\"needs\": [\"tides\", \"moon\"]", "\"format\": 2", 1);
    let bytes = signed(&[&a], newer.as_bytes(), &trust_comment(2));
    let refusal = verify::next_trust(&bytes, &keys, &name("example")).unwrap_err();
    assert!(matches!(refusal, Refusal::Invalid(_)), "{refusal}");
    // A document that is not signed is not asked for its needs.
    let b = key_pair();
    let bytes = signed(&[&b], needy(manifest(7, "null")).as_bytes(), &manifest_comment(7));
    assert!(matches!(check(&bytes, &keys), Err(Refusal::Signatures { .. })));
}

#[test]
fn refuses_a_legacy_signature() {
    // It signs the message itself, not its hash: minisign's form before 0.10. It is valid in every other way.
    use base64ct::Base64;
    use base64ct::Encoding;
    use ring::signature::Ed25519KeyPair;
    use ring::signature::KeyPair;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let payload = manifest(7, "null");
    let comment = manifest_comment(7);
    let encode = |parts: &[&[u8]]| Base64::encode_string(&parts.concat());
    let signature = pair.sign(payload.as_bytes());
    let global = pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
    let line = encode(&[b"Ed", &[1; 8], signature.as_ref()]);
    let block =
        format!("untrusted comment: x\n{line}\ntrusted comment: {comment}\n{}\n", encode(&[global.as_ref()]));
    let key = encode(&[b"Ed", &[1; 8], pair.public_key().as_ref()]);
    let stock = minisign_verify::PublicKey::from_base64(&key).unwrap();
    let decoded = minisign_verify::Signature::decode(&block).unwrap();
    assert!(stock.verify(payload.as_bytes(), &decoded, true).is_ok());
    let trusted = TrustedKeys {
        version: 1,
        threshold: 1,
        keys: vec![PublicKey::parse(&key).unwrap()],
        fleet: Vec::new(),
    };
    let bytes = Document::assemble(&[block], payload.as_bytes());
    assert!(matches!(check(&bytes, &trusted), Err(Refusal::Signatures { valid: 0, .. })));
}

#[test]
fn follows_a_rotation_signed_by_old_and_new() {
    let (a, b) = (key_pair(), key_pair());
    let next = |signers: &[&_], version, holders: &[&_], expires: &str| {
        let bytes = signed(signers, trust(version, 1, holders, expires).as_bytes(), &trust_comment(version));
        verify::next_trust(&bytes, &trusted(1, 1, &[&a]), &name("example")).map(|trust| trust.version)
    };
    assert_eq!(next(&[&a, &b], 2, &[&b], "null"), Ok(2));
    let refusal = next(&[&b], 2, &[&b], "null").unwrap_err();
    assert_eq!(refusal, Refusal::Signatures { valid: 0, threshold: 1, version: 1 });
    let refusal = next(&[&a], 2, &[&b], "null").unwrap_err();
    assert_eq!(refusal, Refusal::Signatures { valid: 0, threshold: 1, version: 2 });
    assert_eq!(next(&[&a], 3, &[&a], "null"), Err(Refusal::TrustOrder { found: 3, current: 1 }));
    assert_eq!(next(&[&a], 1, &[&a], "null"), Err(Refusal::TrustOrder { found: 1, current: 1 }));
    // A document in the middle of the chain may be expired.
    assert_eq!(next(&[&a], 2, &[&a], "\"2020-01-01T00:00:00Z\""), Ok(2));
}

/// A script that supports `--noop` says so in the signed manifest; for one that does not, nothing is written.
#[test]
fn reads_whether_a_script_supports_noop() {
    use stringless_core::manifest::{Engine, Manifest};
    let noop = |engine: &str| {
        let text = manifest(7, "null").replace(r#"{"run": "apply"}"#, engine);
        assert!(text.contains(engine), "{text}");
        let read = stringless_core::json::parse::<Manifest>(text.as_bytes()).ok()?;
        let Engine::Script(script) = &read.apply.engine else { return None };
        let written = String::from_utf8(stringless_core::json::write(&read)).unwrap();
        assert_eq!(written.contains("noop"), script.noop, "{written}");
        Some(script.noop)
    };
    assert_eq!(noop(r#"{"run": "apply"}"#), Some(false));
    assert_eq!(noop(r#"{"run": "apply", "noop": false}"#), Some(false));
    assert_eq!(noop(r#"{"run": "apply", "noop": true}"#), Some(true));
    for other in [
        r#"{"noop": true}"#,
        r#"{"run": "apply", "noop": null}"#,
        r#"{"run": "apply", "noop": 1}"#,
        r#"{"run": "apply", "noop": "true"}"#,
        r#"{"run": "apply", "noop": true, "noop": true}"#,
    ] {
        assert_eq!(noop(other), None, "{other}");
    }
}
