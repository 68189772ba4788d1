//! Stolen keys: what some of them cannot do, and how a site recovers from what they can.

use e2e::forge::{Forge, public, sign, trust};
use e2e::pair::Pair;
use minisign::KeyPair;
use serde_json::{Value, json};

use crate::signatures::evil;

const POINTER: &str = "env/production/head";

/// A key that takes over in this version, and the trust document that says so.
pub fn rotation(forge: &Forge, version: u64, min_serial: u64) -> (KeyPair, Vec<u8>) {
    let next = KeyPair::generate_unencrypted_keypair().unwrap();
    let document = handover(&[&forge.key], &[&next], version, min_serial);
    (next, document)
}

/// The trust document that makes `new` the only keys, signed by both sides.
fn handover(old: &[&KeyPair], new: &[&KeyPair], version: u64, min_serial: u64) -> Vec<u8> {
    let payload = trust(new, version, &json!({"production": min_serial})).to_string();
    let signers: Vec<&KeyPair> = old.iter().chain(new).copied().collect();
    sign(&signers, payload.as_bytes(), &format!("trust example keys {version}"))
}

#[test]
fn key_compromise_below_threshold() {
    let Some(pair) = Pair::converged() else { return };
    let (stolen, other) = (&pair.forge.key, KeyPair::generate_unencrypted_keypair().unwrap());
    let keys = [stolen.pk.to_base64(), other.pk.to_base64()];
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["trust"] = json!({"version": 1, "threshold": 2, "keys": keys});
    pair.node.configure(&config);
    let evil = evil(&pair, 8);
    let comment = "manifest example production 8";
    let by = |keys: &[&KeyPair]| sign(keys, evil.as_bytes(), comment);
    // One key is one key, however often it signs.
    for document in
        [by(&[stolen]), by(&[stolen, stolen]), by(&[stolen; 16]), again_with_another_comment(stolen, &evil)]
    {
        pair.forge.put(POINTER, &document);
        let _ = pair.refuses("signatures");
    }
    // Nor does it hand the site over: to itself alone, to a stranger, or with a threshold of its own.
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    let mut alone = trust(&[stolen], 2, &json!({"production": 1}));
    alone["threshold"] = json!(1);
    let alone = sign(&[stolen], alone.to_string().as_bytes(), "trust example keys 2");
    let mut next: Value = serde_json::from_str(&evil).unwrap();
    next["trust_version"] = json!(2);
    let next = next.to_string();
    for trust in
        [alone, handover(&[stolen], &[&stranger], 2, 1), handover(&[stolen, stolen], &[&stranger], 2, 1)]
    {
        pair.forge.put("trust/2.json", &trust);
        for signer in [stolen, &stranger] {
            pair.forge.put(POINTER, &sign(&[signer], next.as_bytes(), comment));
            let _ = pair.refuses("signatures");
        }
    }
    assert!(!pair.state("layers/example/trust").exists(), "nothing of it was kept");
    std::fs::remove_file(pair.forge.bucket().join("trust/2.json")).unwrap();
    pair.forge.put(POINTER, &by(&[&other, stolen]));
    let _ = pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("evil\n"), "both together are the site");
}

/// Two different signatures of one key: the other comment makes another global signature.
fn again_with_another_comment(key: &KeyPair, payload: &str) -> Vec<u8> {
    let block = |comment| {
        let one = String::from_utf8(sign(&[key], payload.as_bytes(), comment)).unwrap();
        one.split_once("\n\n").unwrap().0.to_owned()
    };
    let blocks = [block("manifest example production 8"), block("manifest example production 9")];
    stringless_core::document::Document::assemble(&blocks, payload.as_bytes())
}

#[test]
fn key_compromise_one_key_under_two_ids() {
    let Some(pair) = Pair::converged() else { return };
    let other = KeyPair::generate_unencrypted_keypair().unwrap();
    let two = trust(&[&pair.forge.key, &other], 2, &json!({}));
    let twice = |entry: &str, key: &str| {
        let mut payload = two.clone();
        payload["threshold"] = json!(2);
        payload["keys"][1]["id"] = json!(entry);
        payload["keys"][1]["key"] = json!(key);
        payload
    };
    let own = public(&pair.forge.key);
    let mut raw = pair.forge.key.pk.to_bytes();
    raw[2] ^= 1;
    let renamed = {
        use base64ct::Base64;
        use base64ct::Encoding;
        stringless_core::key::PublicKey::parse(&Base64::encode_string(&raw)).unwrap()
    };
    for (id, key) in [(own.id(), own.as_str()), (renamed.id(), renamed.as_str())] {
        let payload = twice(&id, key).to_string();
        pair.forge.put("trust/2.json", &sign(&[&pair.forge.key], payload.as_bytes(), "trust example keys 2"));
        let mut next = pair.forge.manifest(8, vec![pair.forge.script("true")]);
        next.trust_version = 2;
        pair.forge.publish(&next);
        let run = pair.refuses("invalid");
        assert!(run.err.contains("is listed twice"), "{}", run.err);
    }
    // The same in what the bootstrap says.
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["trust"] =
        json!({"version": 1, "threshold": 2, "keys": [own.as_str(), renamed.as_str()]});
    pair.node.configure(&config);
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("is listed twice"), "{}", run.err);
    pair.goes_on();
}

#[test]
fn key_compromise_after_the_rotation() {
    let Some(pair) = Pair::converged() else { return };
    let (next, document) = rotation(&pair.forge, 2, 3);
    pair.forge.put("trust/2.json", &document);
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script("echo seven >\"$OUT/applied\"")]);
    manifest.trust_version = 2;
    pair.forge.publish_by(&next, &manifest);
    let _ = pair.run(&["--once"]).expect(0);
    // The old key signs on, and says that it is the new one, or the next.
    for (serial, version) in [(9, 1), (9, 2), (9, 3)] {
        let mut evil = pair.forge.manifest(serial, vec![pair.forge.script("echo evil >\"$OUT/applied\"")]);
        evil.trust_version = version;
        pair.forge.publish(&evil);
        let third = handover(&[&pair.forge.key], &[&pair.forge.key], 3, 1);
        pair.forge.put("trust/3.json", &third);
        let run = pair.run(&["--once"]).expect(3);
        assert!(run.err.contains("[signatures]"), "{}", run.err);
        assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    }
    // Also on a node whose bootstrap is of today, and whose state is lost.
    std::fs::remove_dir_all(pair.node.root().join("var")).unwrap();
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["trust"] = json!({"version": 2, "threshold": 1, "keys": [next.pk.to_base64()]});
    pair.node.configure(&config);
    assert!(pair.run(&["--once"]).expect(3).err.contains("[signatures]"));
}

#[test]
fn fast_forward() {
    let Some(pair) = Pair::converged() else { return };
    let release = |serial, version, text: &str| {
        let script = pair.forge.script(&format!("echo {text} >\"$OUT/applied\""));
        let mut manifest = pair.forge.manifest(serial, vec![script]);
        manifest.trust_version = version;
        manifest
    };
    // A stolen key jumps to the last serial that there is: nothing can follow it.
    pair.forge.publish(&release(u64::MAX, 1, "poison"));
    let poisoned = std::fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    let _ = pair.run(&["--once"]).expect(0);
    pair.forge.publish(&release(8, 1, "eight"));
    assert!(pair.run(&["--once"]).expect(3).err.contains("[rollback]"));
    // A rotation without a word on the environment resets nothing.
    let next = KeyPair::generate_unencrypted_keypair().unwrap();
    let silent = trust(&[&next], 2, &json!({})).to_string();
    let signed = sign(&[&pair.forge.key, &next], silent.as_bytes(), "trust example keys 2");
    pair.forge.put("trust/2.json", &signed);
    pair.forge.publish_by(&next, &release(8, 2, "eight"));
    assert!(pair.run(&["--once"]).expect(3).err.contains("[rollback]"));
    assert_eq!(pair.applied().as_deref(), Some("poison\n"));
    // One that names the serial from which on it counts makes the node follow again.
    pair.forge.put("trust/3.json", &handover(&[&next], &[&next], 3, 8));
    pair.forge.publish_by(&next, &release(8, 3, "eight"));
    let _ = pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    // The poison comes again, from a mirror that kept it: by the key that was stolen, and by one that
    // stayed in the new trust.
    pair.forge.put(POINTER, &poisoned);
    assert!(pair.run(&["--once"]).expect(3).err.contains("[signatures]"));
    for (serial, version) in [(u64::MAX, 1), (u64::MAX, 2), (9, 2), (7, 3)] {
        pair.forge.publish_by(&next, &release(serial, version, "poison"));
        assert!(pair.run(&["--once"]).expect(3).err.contains("[rollback]"), "{serial} of {version}");
        assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    }
    pair.forge.publish_by(&next, &release(9, 3, "nine"));
    let _ = pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("nine\n"));
}
