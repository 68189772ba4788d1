//! Minisign keys that are the same in each run, so that a failing input fails again.

use base64ct::{Base64, Encoding};
use blake2::{Blake2b512, Digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use stringless_core::document::Document;
use stringless_core::key::PublicKey;

/// A key pair of minisign.
pub struct Signer {
    id: [u8; 8],
    pair: Ed25519KeyPair,
}

impl Signer {
    /// Key pair number `n` with the key id number `id`.
    #[must_use]
    pub fn new(n: u8, id: u8) -> Self {
        Self { id: [id; 8], pair: Ed25519KeyPair::from_seed_unchecked(&[n; 32]).unwrap() }
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let bytes = [b"Ed".as_slice(), &self.id, self.pair.public_key().as_ref()].concat();
        PublicKey::parse(&Base64::encode_string(&bytes)).unwrap()
    }

    /// The block of four lines that signs `payload`.
    #[must_use]
    pub fn block(&self, payload: &[u8], comment: &str) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(payload));
        let line = [b"ED".as_slice(), &self.id, signature.as_ref()].concat();
        let global = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "untrusted comment: fuzz\n{}\ntrusted comment: {comment}\n{}\n",
            Base64::encode_string(&line),
            Base64::encode_string(global.as_ref())
        )
    }

    /// A signed document.
    #[must_use]
    pub fn document(&self, payload: &[u8], comment: &str) -> Vec<u8> {
        Document::assemble(&[self.block(payload, comment)], payload)
    }
}
