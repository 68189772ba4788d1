//! What a node remembers of a layer between runs, `state.json`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::name::Name;
use crate::time::Timestamp;
use crate::verify::Verified;

/// The state of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// 1; a higher one was written by a newer agent.
    pub format: u32,
    /// Per environment the newest manifest that was accepted.
    pub seen: BTreeMap<Name, Seen>,
    /// Per environment the newest release that was applied without failure.
    pub last_good: BTreeMap<Name, Release>,
    /// The last run of the engine.
    pub applied: Option<Applied>,
    /// Per environment the release whose engine failed, or was cut off, until it succeeds.
    #[serde(default)]
    pub failed: BTreeMap<Name, Failed>,
}

/// An accepted manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its serial.
    pub serial: u64,
    /// The trust version that it was accepted under.
    pub trust_version: u64,
    /// The trust version that it names itself: what is made under an older one does not follow it.
    pub made_under: u64,
    /// Of its signed payload.
    pub sha256: Sha256,
    /// Per store, by its URL, the validator for just these bytes, sent back with the next check.
    pub etags: BTreeMap<String, String>,
}

impl Seen {
    /// A manifest as it was accepted under a trust version, without validators.
    #[must_use]
    pub fn of(manifest: &Verified<Manifest>, trust_version: u64) -> Self {
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
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The environment.
    pub environment: Name,
    /// The serial.
    pub serial: u64,
    /// The first [`Release::ID`] hex digits of the SHA-256 of the manifest's payload: after a rotation,
    /// one serial may stand for two releases.
    pub id: String,
}

impl Release {
    /// The length of an id.
    pub const ID: usize = 16;

    /// The release that a manifest makes.
    #[must_use]
    pub fn of(manifest: &Verified<Manifest>) -> Self {
        Self::new(&manifest.environment, manifest.serial, &manifest.sha256())
    }

    /// The release that a manifest made that was seen.
    #[must_use]
    pub fn seen(environment: &Name, seen: &Seen) -> Self {
        Self::new(environment, seen.serial, &seen.sha256)
    }

    fn new(environment: &Name, serial: u64, sha256: &Sha256) -> Self {
        let mut id = format!("{sha256}");
        id.truncate(Self::ID);
        Self { environment: environment.clone(), serial, id }
    }
}

/// A run of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// What was applied.
    pub release: Release,
    /// When it began.
    pub at: Timestamp,
    /// Whether it succeeded. False also while it runs, so that a killed run counts as failed.
    pub ok: bool,
    /// Stands for the modules of earlier layers that the engine saw; none: it saw none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Sha256>,
}

/// Runs of a release that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// The release.
    pub release: Release,
    /// How many runs were begun since it last succeeded; one that is cut off counts, too.
    pub times: u32,
    /// When the last of them began.
    pub at: Timestamp,
    /// See [`Applied::over`]: over other modules it may well succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Sha256>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            format: FORMAT,
            seen: BTreeMap::new(),
            last_good: BTreeMap::new(),
            applied: None,
            failed: BTreeMap::new(),
        }
    }
}

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
