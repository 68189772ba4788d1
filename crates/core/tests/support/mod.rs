//! Signers and documents for the tests of this crate.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part; a test may end at once")]

use std::io::Cursor;
use std::path::PathBuf;

use minisign::KeyPair;
use stringless_core::document::Document;
use stringless_core::key::PublicKey;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;

/// A folder of the published vectors. Without it the test is skipped, and fails under CI.
pub fn vectors(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = std::env::var_os("STRINGLESS_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
    let folder = cache.join("vectors").join(name);
    if folder.is_dir() {
        Some(folder)
    } else {
        test_summary::skip("no published vectors in the cache (make setup)")
    }
}

pub fn key_pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

pub fn public(pair: &KeyPair) -> PublicKey {
    PublicKey::parse(&pair.pk.to_base64()).unwrap()
}

pub fn trusted(version: u64, threshold: usize, pairs: &[&KeyPair]) -> TrustedKeys {
    TrustedKeys {
        version,
        threshold,
        keys: pairs.iter().map(|pair| public(pair)).collect(),
        fleet: Vec::new(),
    }
}

/// A signature block by the reference implementation.
pub fn block(pair: &KeyPair, payload: &[u8], comment: &str) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(payload), Some(comment), Some("test"))
        .unwrap()
        .into_string()
}

pub fn signed(pairs: &[&KeyPair], payload: &[u8], comment: &str) -> Vec<u8> {
    let blocks: Vec<_> = pairs.iter().map(|pair| block(pair, payload, comment)).collect();
    Document::assemble(&blocks, payload)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The payload of a manifest of site `example`, environment `production`.
pub fn manifest(serial: u64, expires: &str) -> String {
    manifest_under(1, serial, expires)
}

/// The same with a trust version.
pub fn manifest_under(trust: u64, serial: u64, expires: &str) -> String {
    format!(
        r#"{{"type": "manifest", "format": 1, "site": "example", "environment": "production",
        "serial": {serial}, "trust_version": {trust}, "created": "2026-11-20T18:00:00Z", "expires": {expires},
        "agent": {{"minimum": "0.1.0", "version": "0.1.0", "targets": {{}}}},
        "apply": {{"engine": {{"script": {{"run": "apply"}}}}, "timeout": 60, "reapply": null}},
        "packs": [], "source": {{"tool": "test", "commit": null, "dirty": false}}}}"#
    )
}

pub fn manifest_comment(serial: u64) -> String {
    format!("manifest example production {serial}")
}

/// The payload of a trust document of site `example`.
pub fn trust(version: u64, threshold: usize, pairs: &[&KeyPair], expires: &str) -> String {
    let keys: Vec<_> = pairs
        .iter()
        .enumerate()
        .map(|(n, pair)| {
            let key = public(pair);
            format!(r#"{{"name": "key{n}", "id": "{}", "key": "{}"}}"#, key.id(), key.as_str())
        })
        .collect();
    let keys = keys.join(", ");
    format!(
        r#"{{"type": "trust", "site": "example", "version": {version}, "threshold": {threshold},
        "keys": [{keys}], "expires": {expires}, "min_serial": {{"production": 3}}}}"#
    )
}

pub fn trust_comment(version: u64) -> String {
    format!("trust example keys {version}")
}

/// The current time in these tests.
pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T18:00:00Z").unwrap()
}
