//! What a node does not take: each time, what ran before goes on.

use std::fs;

use agent_core::layout;
use agent_core::time::Timestamp;
use e2e::forge::{Entry, name, sign, trust};
use minisign::KeyPair;
use serde_json::{Value, json};

use crate::Pair;

#[test]
fn refuses_a_tampered_manifest() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(8, "eight");
    let path = pair.forge.bucket().join("env/production/manifest");
    let text = fs::read_to_string(&path).unwrap().replace("\"serial\": 8", "\"serial\": 9");
    pair.forge.put("env/production/manifest", text.as_bytes());
    pair.refuses("signatures");
}

#[test]
fn refuses_an_unknown_key() {
    let Some(pair) = Pair::converged() else { return };
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    let packs = vec![pair.forge.script("echo bad >\"$OUT/applied\"")];
    pair.forge.publish_by(&stranger, &pair.forge.manifest(8, packs));
    pair.refuses("signatures");
}

#[test]
fn refuses_a_lower_serial() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(6, "six");
    pair.refuses("rollback");
}

#[test]
fn refuses_other_bytes_under_a_known_serial() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(7, "other");
    pair.refuses("serial_reused");
}

#[test]
fn refuses_a_rollback_below_the_bootstrap_when_the_state_is_lost() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["min_serial"] = json!(7);
    pair.node.configure(&config);
    fs::remove_dir_all(pair.node.root().join("var")).unwrap();
    pair.forge.release(6, "six");
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("[rollback]"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn refuses_the_manifest_of_another_environment() {
    let Some(pair) = Pair::converged() else { return };
    let mut other = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    other.environment = name("staging");
    pair.forge.publish(&other);
    let staged = fs::read(pair.forge.bucket().join("env/staging/manifest")).unwrap();
    pair.forge.put("env/production/manifest", &staged);
    pair.refuses("foreign");
}

#[test]
fn refuses_an_expired_manifest_and_goes_on_with_the_live_one() {
    let Some(pair) = Pair::converged() else { return };
    let mut next = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    next.expires = Some(Timestamp::parse("2026-11-20T18:00:01Z").unwrap());
    // The node's clock is never earlier than the rendering, which is set a year later.
    let mut config = pair.forge.config(&pair.forge.url());
    config["rendered"] = json!("2027-11-20T18:00:00Z");
    pair.node.configure(&config);
    pair.forge.publish(&next);
    pair.refuses("expired");
}

#[test]
fn refuses_a_pack_with_other_bytes() {
    let Some(pair) = Pair::converged() else { return };
    let next = pair.forge.release(8, "eight");
    let key = layout::pack(&next.packs[0].sha256);
    let mut bytes = fs::read(pair.forge.bucket().join(&key)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    pair.forge.put(&key, &bytes);
    pair.refuses("hash");
    assert_eq!(fs::read_dir(pair.state("incoming")).unwrap().count(), 0, "nothing of it stays");
}

#[test]
fn refuses_each_hostile_archive() {
    let Some(pair) = Pair::converged() else { return };
    let good = Entry::file("apply", 0o755, "#!/bin/sh\n");
    let absolute = pair.node.root().join("escaped").display().to_string();
    let cases: [(&str, Vec<Entry<'_>>); 9] = [
        ("climbs", vec![Entry::file("../../../../../escaped", 0o644, "x")]),
        ("absolute", vec![Entry::file(&absolute, 0o644, "x")]),
        ("link out", vec![Entry::link("out", b'2', "../../../..")]),
        ("through a link", vec![Entry::link("d", b'2', "e"), Entry::file("d/x", 0o644, "x")]),
        ("hard link", vec![Entry::link("h", b'1', "apply")]),
        ("device", vec![Entry::link("null", b'3', "")]),
        ("fifo", vec![Entry::link("fifo", b'6', "")]),
        ("setuid", vec![Entry::file("su", 0o4755, "x")]),
        ("twice", vec![Entry::file("apply", 0o755, "#!/bin/sh\n")]),
    ];
    for (serial, (what, mut entries)) in (8..).zip(cases) {
        println!("{what}");
        entries.insert(0, good);
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.pack("", &entries)]));
        pair.refuses("archive");
    }
}

#[test]
fn refuses_more_than_the_manifest_announces() {
    let Some(pair) = Pair::converged() else { return };
    let bomb = "0".repeat(10_000_000);
    let bytes = e2e::forge::gzip(&e2e::forge::tar(&[Entry::file("apply", 0o755, &bomb)]));
    let pack = pair.forge.raw_pack("", &bytes, 100, 1);
    pair.forge.publish(&pair.forge.manifest(8, vec![pack]));
    pair.refuses("archive");
    let bytes = e2e::forge::gzip(&e2e::forge::tar(&[Entry::file("apply", 0o755, "short")]));
    let pack = pair.forge.raw_pack("", &bytes, 100, 1);
    pair.forge.publish(&pair.forge.manifest(9, vec![pack]));
    pair.refuses("size");
}

#[test]
fn refuses_packs_that_overlap() {
    let Some(pair) = Pair::converged() else { return };
    let inner = pair.forge.pack("data", &[Entry::file("a", 0o644, "x")]);
    let outer = pair.forge.pack("", &[Entry::folder("data/"), Entry::file("data/a", 0o644, "y")]);
    pair.forge.publish(&pair.forge.manifest(8, vec![inner, outer]));
    pair.refuses("invalid");
}

#[test]
fn refuses_packs_that_reach_out_by_the_links_of_others() {
    let Some(pair) = Pair::converged() else { return };
    let script = || pair.forge.script("true");
    let linked = |target| pair.forge.pack("a", &[Entry::link("x", b'2', target)]);
    let below = pair.forge.pack("a/x/y", &[Entry::file("evil", 0o644, "x")]);
    let cases = [
        ("below a link", vec![script(), linked("."), below.clone()]),
        ("below a file", vec![script(), pair.forge.pack("apply/x", &[Entry::file("f", 0o644, "x")])]),
        (
            "a folder over a link",
            vec![
                script(),
                linked("."),
                pair.forge.pack(
                    "",
                    &[Entry::file("apply", 0o755, "x"), Entry::folder("a/"), Entry::folder("a/x/")],
                ),
            ],
        ),
    ];
    for (serial, (what, packs)) in (8..).zip(cases) {
        println!("{what}");
        pair.forge.publish(&pair.forge.manifest(serial, packs));
        let run = pair.run(&["--once"]).expect(3);
        assert!(run.err.contains("[invalid]"), "{what}: {}", run.err);
        pair.refuses("invalid");
    }
}

#[test]
fn refuses_an_older_release_after_a_rotation_that_kept_the_key() {
    let Some(pair) = Pair::new() else { return };
    let old = pair.forge.release(4, "four");
    let document = fs::read(pair.forge.bucket().join("env/production/manifest")).unwrap();
    assert_eq!(old.serial, 4);
    pair.forge.release(7, "seven");
    pair.run(&["--once"]).expect(0);
    let trust = trust(&[&pair.forge.key], 2, &json!({"production": 3}));
    let signed = sign(&[&pair.forge.key], trust.to_string().as_bytes(), "trust example keys 2");
    pair.forge.put("trust/2.json", &signed);
    // A broken manifest makes the node walk to the new trust; the old one is well signed by it.
    let mut broken = fs::read(pair.forge.bucket().join("env/production/manifest")).unwrap();
    let end = broken.len() - 3;
    broken[end] ^= 1;
    pair.forge.put("env/production/manifest", &broken);
    pair.refuses("signatures");
    pair.forge.put("env/production/manifest", &document);
    pair.refuses("rollback");
}

#[test]
fn refuses_a_release_whose_trust_the_store_holds_back() {
    let Some(pair) = Pair::converged() else { return };
    let mut next = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    next.trust_version = 2;
    pair.forge.publish(&next);
    pair.refuses("trust_missing");
}

#[test]
fn walks_past_an_expired_trust_and_not_to_one() {
    let Some(pair) = Pair::converged() else { return };
    let put = |version: u64, expires: Value| {
        let mut payload = trust(&[&pair.forge.key], version, &json!({}));
        payload["expires"] = expires;
        let comment = format!("trust example keys {version}");
        let signed = sign(&[&pair.forge.key], payload.to_string().as_bytes(), &comment);
        pair.forge.put(&format!("trust/{version}.json"), &signed);
    };
    let publish = |serial, trust_version, text: &str| {
        let script = pair.forge.script(&format!("echo {text} >\"$OUT/applied\""));
        let mut next = pair.forge.manifest(serial, vec![script]);
        next.trust_version = trust_version;
        pair.forge.publish(&next);
    };
    put(2, json!("2020-01-01T00:00:00Z"));
    publish(8, 2, "bad");
    pair.refuses("expired");
    put(3, json!(null));
    publish(9, 3, "good");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("good\n"));
}
