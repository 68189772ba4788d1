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
}

/// An accepted manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its serial.
    pub serial: u64,
    /// The trust version that it was accepted under.
    pub trust_version: u64,
    /// Of its bytes.
    pub sha256: Sha256,
    /// The store that sent it.
    pub store: String,
    /// The store's validator for it, sent back with the next check.
    pub etag: Option<String>,
}

/// A release on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The environment.
    pub environment: Name,
    /// The serial.
    pub serial: u64,
    /// The first [`Release::ID`] hex digits of the manifest's SHA-256: after a rotation, one serial may
    /// stand for two releases.
    pub id: String,
}

impl Release {
    /// The length of an id.
    pub const ID: usize = 16;

    /// The release that a manifest makes.
    #[must_use]
    pub fn of(manifest: &Verified<Manifest>) -> Self {
        let mut id = format!("{}", manifest.sha256());
        id.truncate(Self::ID);
        Self { environment: manifest.environment.clone(), serial: manifest.serial, id }
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
}

impl Default for State {
    fn default() -> Self {
        Self { format: FORMAT, seen: BTreeMap::new(), last_good: BTreeMap::new(), applied: None }
    }
}

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
