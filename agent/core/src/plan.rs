//! The decisions of a run, as pure questions over state, manifest and time.

use alloc::string::ToString;

use crate::manifest::Manifest;
use crate::refusal::Refusal;
use crate::state::{Release, Seen, State};
use crate::time::Timestamp;
use crate::verify::{Verified, not_expired};
use crate::version::Version;

/// What [`admit`] holds a manifest against.
#[derive(Clone, Copy, Debug)]
pub struct Floor<'a> {
    /// The newest manifest that was accepted for this environment, if any.
    pub seen: Option<&'a Seen>,
    /// The lowest serial that the bootstrap allows; 0 for an environment that it does not name.
    pub bootstrap: u64,
    /// The trust version of the bootstrap.
    pub bootstrap_version: u64,
    /// The lowest serial that the trust in use allows; 0: it says nothing of the environment.
    pub trust: u64,
    /// The trust version in use.
    pub trust_version: u64,
    /// When the trust in use expires.
    pub trust_expires: Option<Timestamp>,
    /// The agent that asks.
    pub agent: Version,
    /// The time used.
    pub now: Timestamp,
}

/// Whether a verified manifest may be used: no rollback, no other bytes under a known serial, not
/// expired, an agent new enough.
///
/// The manifest that is already in use passes whatever its date: expiry blocks what is new, never
/// what runs. A rotation resets a poisoned serial: for manifests that were made under the newer trust,
/// the floor that this trust (or a bootstrap of its version) states stands in for the last serial seen.
/// An older manifest gains nothing by a rotation, also when the same key signs before and after it.
///
/// # Errors
/// The [`Refusal`].
pub fn admit(manifest: &Verified<Manifest>, floor: &Floor<'_>) -> Result<(), Refusal> {
    let found = manifest.serial;
    let below = |floor, why| Err(Refusal::Rollback { found, floor, why });
    if found < floor.trust {
        return below(floor.trust, "the lowest that the trust document allows");
    }
    let reset = |seen: &Seen| {
        floor.trust_version > seen.trust_version
            && manifest.trust_version > seen.trust_version
            && (floor.trust > 0 || floor.bootstrap_version > seen.trust_version)
    };
    // A trust newer than the bootstrap, with a word of its own on the environment, replaces its floor.
    let superseded = floor.trust > 0 && floor.trust_version > floor.bootstrap_version;
    if found < floor.bootstrap && !superseded {
        return below(floor.bootstrap, "the lowest that this node's bootstrap allows");
    }
    match floor.seen {
        Some(seen) if reset(seen) => {}
        Some(seen) if found < seen.serial => {
            return below(seen.serial, "the last one seen on this node");
        }
        Some(seen) if found == seen.serial && manifest.sha256() != seen.sha256 => {
            return Err(Refusal::SerialReused { serial: found });
        }
        Some(seen) if found == seen.serial => return Ok(()),
        _ => {}
    }
    let known = floor.seen.map_or(0, |seen| seen.trust_version).max(manifest.trust_version);
    if known > floor.trust_version {
        return Err(Refusal::TrustMissing { needed: known, current: floor.trust_version });
    }
    if manifest.agent.minimum > floor.agent {
        let (minimum, this) = (manifest.agent.minimum.to_string(), floor.agent.to_string());
        return Err(Refusal::AgentTooOld { minimum, this });
    }
    not_expired("trust", floor.trust_expires, floor.now)?;
    not_expired("manifest", manifest.expires, floor.now)
}

/// Why an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Asked for on the command line.
    Forced,
    /// Another release than the live one, or than the last one applied.
    NewRelease,
    /// The last run failed, or was cut off.
    Retry,
    /// The time to undo drift has come.
    Reapply,
}

/// Whether the engine is due for `release`, and why; `live` is the one that is on disk, whole.
#[must_use]
pub fn due(
    state: &State,
    live: Option<&Release>,
    release: &Release,
    reapply: Option<u64>,
    now: Timestamp,
    force: bool,
) -> Option<Reason> {
    if force {
        return Some(Reason::Forced);
    }
    let Some(applied) = &state.applied else { return Some(Reason::NewRelease) };
    if applied.release != *release || live != Some(release) {
        return Some(Reason::NewRelease);
    }
    if !applied.ok {
        return Some(Reason::Retry);
    }
    // A clock that was set back since makes the run due at once rather than never.
    let next = applied.at.plus(reapply?);
    (now >= next || now < applied.at).then_some(Reason::Reapply)
}

impl Reason {
    /// For messages and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::NewRelease => "new release",
            Self::Retry => "last run failed",
            Self::Reapply => "reapply is due",
        }
    }
}
