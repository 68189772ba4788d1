//! Trust: which keys may sign for a site, and how many of them must.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::count::count;
use crate::fleet::duty::{Duty, FleetKey, TrustedFleetKey};
use crate::json;
use crate::key::PublicKey;
use crate::name::Name;
use crate::time::Timestamp;

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// The signed set of keys, the payload of `trust/<version>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Always `trust`, so that no other signed payload passes for a trust document.
    #[serde(rename = "type")]
    pub kind: TrustType,
    /// [`FORMAT`]; documents of before this key have none.
    #[serde(default = "format")]
    pub format: u32,
    /// What a reader must understand to use this document ([`crate::json::check_head`]); mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The site.
    pub site: Name,
    /// The version: 1 at first, one more with each rotation.
    pub version: u64,
    /// How many distinct keys must sign.
    pub threshold: usize,
    /// The keys.
    pub keys: Vec<TrustKey>,
    /// The fleet keys. With any, nodes follow a head ([`crate::fleet::head`]) in place of the newest manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fleet: Vec<FleetKey>,
    /// From this time on, no node accepts new releases under this trust; null: it does not expire.
    pub expires: Option<Timestamp>,
    /// For each environment, the lowest serial that is accepted from this version on. With it, a rotation
    /// resets a serial that a stolen key may have raised.
    pub min_serial: BTreeMap<Name, u64>,
}

/// The `type` of a trust document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustType {
    /// The only value.
    #[default]
    Trust,
}

/// A named key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustKey {
    /// The name of its owner.
    pub name: Name,
    /// Minisign's key id: 16 upper-case hex digits, the same as in the key.
    pub id: String,
    /// The base64 line of the public key.
    pub key: PublicKey,
}

/// The part of a trust that verification needs. The node's configuration contains the one that the bootstrap
/// embedded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedKeys {
    /// The trust version.
    pub version: u64,
    /// How many distinct keys must sign.
    pub threshold: usize,
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// The fleet keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fleet: Vec<TrustedFleetKey>,
}

/// The maximum number of keys in a trust, and of fleet keys.
pub const MAX_KEYS: usize = 16;

impl Trust {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the field at fault.
    pub fn check(&self) -> Result<(), String> {
        json::check_format(self.format, FORMAT)?;
        for entry in &self.keys {
            if entry.id != entry.key.id() {
                return Err(format!("key `{}` has the id {}, not {}", entry.name, entry.key.id(), entry.id));
            }
        }
        self.fleet.iter().try_for_each(FleetKey::check)?;
        self.trusted_keys().check()
    }

    /// The keys to verify with after this document is accepted.
    #[must_use]
    pub fn trusted_keys(&self) -> TrustedKeys {
        TrustedKeys {
            version: self.version,
            threshold: self.threshold,
            keys: self.keys.iter().map(|entry| entry.key.clone()).collect(),
            fleet: self.fleet.iter().map(FleetKey::trusted).collect(),
        }
    }

    /// The trusted comment that each signature of this document carries.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("trust {} keys {}", self.site, self.version)
    }
}

impl TrustedKeys {
    /// The fleet keys that may sign documents of this kind.
    pub(crate) fn fleet_keys(&self, duty: Duty) -> impl Iterator<Item = &PublicKey> {
        self.fleet.iter().filter(move |entry| entry.may(duty)).map(|entry| &entry.key)
    }

    /// Checks the version and the threshold, and that no key is listed twice, even under different ids, or as a fleet key.
    ///
    /// # Errors
    /// A sentence that names the fault.
    pub fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("trust version starts at 1".into());
        }
        for (keys, number) in [("key", self.keys.len()), ("fleet key", self.fleet.len())] {
            if number > MAX_KEYS {
                return Err(format!("{}, at most {MAX_KEYS} are allowed", count(number, keys)));
            }
        }
        if self.threshold == 0 || self.threshold > self.keys.len() {
            return Err(format!("threshold {} with {}", self.threshold, count(self.keys.len(), "key")));
        }
        let all = self.keys.iter().chain(self.fleet.iter().map(|entry| &entry.key));
        let all: Vec<&PublicKey> = all.collect();
        for (n, key) in all.iter().enumerate() {
            if all[..n].iter().any(|other| other.same_key(key)) {
                return Err(format!("key {} is listed twice", key.id()));
            }
        }
        Ok(())
    }
}

fn format() -> u32 {
    FORMAT
}
