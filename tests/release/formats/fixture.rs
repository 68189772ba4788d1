//! A fixture: a file of `tests/fixtures/formats/1`, which is written only if that was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::forge::sign;
use minisign::{KeyPair, PublicKey, SecretKeyBox};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stringless_core::document::Document;
use stringless_core::json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats/1")
}

/// Writes a fixture if that was asked for, and returns what is there.
pub fn fixture(file: &str, written: &[u8]) -> Vec<u8> {
    let path = folder().join(file);
    if std::env::var_os("STRINGLESS_BLESS").is_some() {
        fs::write(&path, written).unwrap();
    }
    let there = fs::read(&path).unwrap_or_default();
    assert!(there == written, "{}: the program writes other bytes now; `make fixtures`", path.display());
    there
}

/// The same for a signed document. Each signature differs, so it is signed again only if its payload changed.
pub fn signed_fixture(file: &str, payload: &[u8], comment: &str) -> Vec<u8> {
    let path = folder().join(file);
    let is_same = |bytes: &[u8]| Document::parse(bytes).is_ok_and(|there| there.payload == payload);
    if std::env::var_os("STRINGLESS_BLESS").is_some() && !is_same(&fs::read(&path).unwrap_or_default()) {
        fs::write(&path, sign(&[&key()], payload, comment)).unwrap();
    }
    let there = fs::read(&path).unwrap_or_default();
    assert!(is_same(&there), "{}: the program writes other bytes now; `make fixtures`", path.display());
    there
}

pub fn document<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    file: &str,
    value: &T,
) -> Vec<u8> {
    let bytes = fixture(file, &json::write(value));
    assert_eq!(json::parse::<T>(&bytes).as_ref(), Ok(value), "{file}");
    bytes
}

/// The key that signs the fixtures, and nothing else.
pub fn key() -> KeyPair {
    let path = folder().join("key");
    if std::env::var_os("STRINGLESS_BLESS").is_some() && !path.exists() {
        let sk = KeyPair::generate_unencrypted_keypair().unwrap().sk;
        fs::write(&path, sk.to_box(Some("signs the fixtures of this folder")).unwrap().into_string())
            .unwrap();
    }
    let text = fs::read_to_string(path).unwrap();
    let sk = SecretKeyBox::from_string(&text).unwrap().into_unencrypted_secret_key().unwrap();
    KeyPair { pk: PublicKey::from_secret_key(&sk).unwrap(), sk }
}
