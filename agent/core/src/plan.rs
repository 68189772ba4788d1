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
    /// The lowest serial that the bootstrap allows.
    pub bootstrap: u64,
    /// The lowest serial that the trust in use allows.
    pub trust: u64,
    /// The trust version in use. A rotation since `seen` lets the trust's floor stand in for it.
    pub trust_version: u64,
    /// The agent that asks.
    pub agent: Version,
    /// The time used.
    pub now: Timestamp,
}

/// Whether a verified manifest may be used: no rollback, no other bytes under a known serial, not
/// expired, an agent new enough.
///
/// The manifest that is already in use passes whatever its date: expiry blocks what is new, never
/// what runs.
///
/// # Errors
/// The [`Refusal`].
pub fn admit(manifest: &Verified<Manifest>, floor: &Floor<'_>) -> Result<(), Refusal> {
    let found = manifest.serial;
    let below = |floor, why| Err(Refusal::Rollback { found, floor, why });
    if found < floor.trust {
        return below(floor.trust, "the lowest that the trust document allows");
    }
    let rotated = |seen: &Seen| floor.trust_version > seen.trust_version && floor.trust > 0;
    match floor.seen {
        Some(seen) if rotated(seen) => {}
        Some(seen) if found < seen.serial => {
            return below(seen.serial, "the last one seen on this node");
        }
        Some(seen) if found == seen.serial && manifest.sha256() != seen.sha256 => {
            return Err(Refusal::SerialReused { serial: found });
        }
        Some(seen) if found == seen.serial => return Ok(()),
        _ if found < floor.bootstrap && floor.trust == 0 => {
            return below(floor.bootstrap, "the lowest that this node's bootstrap allows");
        }
        _ => {}
    }
    if manifest.agent.minimum > floor.agent {
        let (minimum, this) = (manifest.agent.minimum.to_string(), floor.agent.to_string());
        return Err(Refusal::AgentTooOld { minimum, this });
    }
    not_expired("manifest", manifest.expires, floor.now)
}

/// Why an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Asked for on the command line.
    Forced,
    /// Another release than the last one applied.
    NewRelease,
    /// The last run failed, or was cut off.
    Retry,
    /// The time to undo drift has come.
    Reapply,
}

/// Whether the engine is due for `release`, and why.
#[must_use]
pub fn due(
    state: &State,
    release: &Release,
    reapply: Option<u64>,
    now: Timestamp,
    force: bool,
) -> Option<Reason> {
    if force {
        return Some(Reason::Forced);
    }
    let Some(applied) = &state.applied else { return Some(Reason::NewRelease) };
    if applied.release != *release {
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
