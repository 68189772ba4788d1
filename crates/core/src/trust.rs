//! Trust: which keys sign for a site, how many of them must, and how one set follows another.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::count::count;
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::name::Name;
use crate::time::Timestamp;

/// The signed set of keys, the payload of `trust/<version>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Always `trust`: no other signed payload can be taken for one.
    #[serde(rename = "type")]
    pub kind: TrustType,
    /// The site that it belongs to.
    pub site: Name,
    /// Rises by one with each rotation; the first is 1.
    pub version: u64,
    /// How many distinct keys must sign.
    pub threshold: usize,
    /// The keys.
    pub keys: Vec<TrustKey>,
    /// From when on it is no longer accepted as new; null: never.
    pub expires: Option<Timestamp>,
    /// Per environment the lowest serial that counts from this version on: a rotation resets what a
    /// stolen key may have poisoned.
    pub min_serial: BTreeMap<Name, u64>,
}

/// The `type` of a trust document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustType {
    /// The one value.
    #[default]
    Trust,
}

/// A named key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustKey {
    /// Whose it is.
    pub name: Name,
    /// Minisign's id: 16 upper-case hex digits, the same that the key carries.
    pub id: String,
    /// The base64 line of the public key.
    pub key: PublicKey,
}

/// What verification needs of a trust: the keys in use, wherever they came from.
///
/// In the node's config this is what the bootstrap embedded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKeys {
    /// The trust version.
    pub version: u64,
    /// How many distinct keys must sign.
    pub threshold: usize,
    /// The keys.
    pub keys: Vec<PublicKey>,
}

/// The most keys of one trust.
pub const MAX_KEYS: usize = 16;

impl Trust {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the field at fault.
    pub fn check(&self) -> Result<(), String> {
        for entry in &self.keys {
            if entry.id != entry.key.id() {
                return Err(format!("key `{}` has the id {}, not {}", entry.name, entry.key.id(), entry.id));
            }
        }
        self.trusted_keys().check()
    }

    /// The keys to verify with once this document is accepted.
    #[must_use]
    pub fn trusted_keys(&self) -> TrustedKeys {
        TrustedKeys {
            version: self.version,
            threshold: self.threshold,
            keys: self.keys.iter().map(|entry| entry.key.clone()).collect(),
        }
    }

    /// The trusted comment that each of its signatures carries.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("trust {} keys {}", self.site, self.version)
    }
}

impl TrustedKeys {
    /// Checks version, threshold, and that no key stands twice, whatever id it carries.
    ///
    /// # Errors
    /// A sentence that names the fault.
    pub fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("trust version starts at 1".into());
        }
        if self.keys.len() > MAX_KEYS {
            return Err(format!("{} keys, at most {MAX_KEYS} are allowed", self.keys.len()));
        }
        if self.threshold == 0 || self.threshold > self.keys.len() {
            return Err(format!("threshold {} with {}", self.threshold, count(self.keys.len(), "key")));
        }
        for (n, key) in self.keys.iter().enumerate() {
            if self.keys[..n].iter().any(|other| other.same_key(key)) {
                return Err(format!("key {} stands twice", key.id()));
            }
        }
        Ok(())
    }
}
