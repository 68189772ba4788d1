//! Runs Wycheproof's Ed25519 vectors through the code that verifies our documents.
//!
//! A minisign signature consists of two Ed25519 signatures: the first signs the payload, the second signs the
//! first one and the comment. The vectors contain the first. This test makes the second with the secret keys
//! of the vectors' public keys (RFC 8032, 7.1, and Wycheproof's own test key), so that only the first
//! decides. Vectors sign the message itself, but our documents sign its hash. So the test uses minisign's
//! older form: the same Ed25519 code checks it, although our documents may not use it.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod support;

use std::fs;

use base64ct::{Base64, Encoding};
use minisign_verify::{PublicKey, Signature};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

#[test]
fn ed25519_agrees_with_wycheproof() {
    let Some(folder) = support::vectors("wycheproof") else { return };
    let vectors: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("ed25519_test.json")).unwrap()).unwrap();
    let (mut accepted, mut refused, mut unknown) = (0, 0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let public = hex(&group["publicKey"]["pk"]);
        let pair = SECRETS
            .iter()
            .map(|secret| Ed25519KeyPair::from_seed_unchecked(&bytes(secret)).unwrap())
            .find(|pair| pair.public_key().as_ref() == public);
        for test in group["tests"].as_array().unwrap() {
            let valid = test["result"] == "valid";
            let id = &test["tcId"];
            match (&pair, valid) {
                // Without the secret key, this test can only check that a signature is refused.
                (None, true) => unknown += 1,
                (pair, _) => {
                    assert_eq!(verifies(&public, test, pair.as_ref()), valid, "tcId {id}");
                    if valid { accepted += 1 } else { refused += 1 }
                }
            }
        }
    }
    println!("{accepted} accepted, {refused} refused, {unknown} of unknown keys left out");
    assert!(accepted >= 10 && refused >= 60, "{accepted} accepted, {refused} refused");
}

fn verifies(public: &[u8], test: &Value, pair: Option<&Ed25519KeyPair>) -> bool {
    let (message, signature) = (hex(&test["msg"]), hex(&test["sig"]));
    let comment = "manifest example production 1";
    let global = pair.map(|pair| pair.sign(&[signature.as_slice(), comment.as_bytes()].concat()));
    let global = global.map_or(vec![0; 64], |global| global.as_ref().to_vec());
    let encode = |parts: &[&[u8]]| Base64::encode_string(&parts.concat());
    let id = [7; 8];
    let key = PublicKey::from_base64(&encode(&[b"Ed", &id, public])).unwrap();
    let block = format!(
        "untrusted comment: x\n{}\ntrusted comment: {comment}\n{}\n",
        encode(&[b"Ed", &id, &signature]),
        encode(&[&global]),
    );
    // A signature that does not have 64 bytes ends here.
    let Ok(decoded) = Signature::decode(&block) else { return false };
    key.verify(&message, &decoded, true).is_ok()
}

fn hex(value: &Value) -> Vec<u8> {
    bytes(value.as_str().unwrap())
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

const SECRETS: [&str; 4] = [
    "add4bb8103785baf9ac534258e8aaf65f5f1adb5ef5f3df19bb80ab989c4d64b",
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
];
