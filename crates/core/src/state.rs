//! What a node remembers about a layer between runs: `state.json`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::fleet::admit::SeenHead;
use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::name::Name;
use crate::time::Timestamp;
use crate::verify::Verified;

/// The state of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct State {
    /// 1. A newer agent may write a higher number.
    pub format: u32,
    /// What a reader must understand to use this document ([`crate::json::check_head`]); mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// For each environment, the newest accepted manifest.
    pub seen: BTreeMap<Name, Seen>,
    /// For each environment, the newest accepted head; empty for a site without fleet keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heads: BTreeMap<Name, SeenHead>,
    /// For each environment, the newest release that was applied successfully.
    pub last_good: BTreeMap<Name, Release>,
    /// The last run of the engine.
    pub applied: Option<Applied>,
    /// For each environment, the release whose engine failed or was interrupted, until it succeeds.
    #[serde(default)]
    pub failed: BTreeMap<Name, Failed>,
}

/// An accepted manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Seen {
    /// Its serial.
    pub serial: u64,
    /// The trust version in use when it was accepted.
    pub trust_version: u64,
    /// The trust version that the manifest names. No manifest made under an older one may follow it.
    pub made_under: u64,
    /// The hash of its signed payload.
    pub sha256: Sha256,
    /// For each store URL, the ETag of exactly these bytes. The next check sends it.
    pub etags: BTreeMap<String, String>,
}

impl Seen {
    /// Of two releases, the one with the greater value is newer ([`crate::plan::freshness`]).
    #[must_use]
    pub fn freshness(&self) -> (u64, u64) {
        (self.made_under, self.serial)
    }

    /// An accepted manifest, with the trust version in use and without ETags.
    #[must_use]
    pub fn new(manifest: &Verified<Manifest>, trust_version: u64) -> Self {
        Self {
            serial: manifest.serial,
            trust_version,
            made_under: manifest.trust_version,
            sha256: manifest.sha256(),
            etags: BTreeMap::new(),
        }
    }
}

/// A release on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    /// The environment.
    pub environment: Name,
    /// The serial.
    pub serial: u64,
    /// The first [`Release::ID`] hex digits of the SHA-256 of the manifest's payload. It is needed because a
    /// serial may be used again after a rotation.
    pub id: String,
}

impl Release {
    /// The length of an id.
    pub const ID: usize = 16;

    /// The release of a manifest.
    #[must_use]
    pub fn from_manifest(manifest: &Verified<Manifest>) -> Self {
        Self::with_hash(&manifest.environment, manifest.serial, &manifest.sha256())
    }

    /// The release of an accepted manifest.
    #[must_use]
    pub fn from_seen(environment: &Name, seen: &Seen) -> Self {
        Self::with_hash(environment, seen.serial, &seen.sha256)
    }

    fn with_hash(environment: &Name, serial: u64, sha256: &Sha256) -> Self {
        let mut id = format!("{sha256}");
        id.truncate(Self::ID);
        Self { environment: environment.clone(), serial, id }
    }
}

/// A run of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Applied {
    /// The applied release.
    pub release: Release,
    /// When the run started.
    pub at: Timestamp,
    /// Whether the run succeeded. It is false while the engine runs, so a killed run counts as failed.
    pub ok: bool,
    /// Identifies the modules of earlier layers that the engine saw; none if it saw none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Sha256>,
    /// Identifies the role and the labels that the engine saw; none if the node had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Sha256>,
}

impl Failed {
    /// What the engine saw besides the release.
    #[must_use]
    pub fn saw(&self) -> Inputs {
        Inputs { over: self.over, role: self.role }
    }
}

/// The failed runs of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failed {
    /// The release.
    pub release: Release,
    /// The number of runs started since the last success. Interrupted runs count as well.
    pub times: u32,
    /// When the last of them started.
    pub at: Timestamp,
    /// See [`Applied::over`]. With other modules, the release may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Sha256>,
    /// See [`Applied::role`]. With another role, the release may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Sha256>,
}

/// What an engine's run depends on besides its release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Identifies the modules of earlier layers; none if there are none.
    pub over: Option<Sha256>,
    /// Identifies the role and the labels of the node; none if it has none.
    pub role: Option<Sha256>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            format: FORMAT,
            needs: Vec::new(),
            seen: BTreeMap::new(),
            heads: BTreeMap::new(),
            last_good: BTreeMap::new(),
            applied: None,
            failed: BTreeMap::new(),
        }
    }
}

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
