//! The decisions of a run, as pure questions over state, manifest and time.

use alloc::string::ToString;

use crate::hash::Sha256;
use crate::manifest::{Apply, Failure, Manifest};
use crate::refusal::Refusal;
use crate::state::{Applied, Failed, Release, Seen, State};
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
/// An older manifest gains nothing by a rotation, also when the same key signs before and after it; and
/// once a manifest of a newer trust was accepted, none of an older one follows it, whatever its serial.
///
/// # Errors
/// The [`Refusal`].
pub fn admit(manifest: &Verified<Manifest>, floor: &Floor<'_>) -> Result<(), Refusal> {
    let found = manifest.serial;
    let in_use = |seen: &Seen| found == seen.serial && manifest.sha256() == seen.sha256;
    // First of all: a newer trust may reset what follows.
    if manifest.trust_version > floor.trust_version && !floor.seen.is_some_and(in_use) {
        return Err(Refusal::TrustMissing { needed: manifest.trust_version, current: floor.trust_version });
    }
    let below = |floor, why| Err(Refusal::Rollback { found, floor, why });
    if found < floor.trust {
        return below(floor.trust, "the lowest that the trust document allows");
    }
    if let Some(seen) = floor.seen.filter(|seen| manifest.trust_version < seen.made_under) {
        return Err(Refusal::OlderTrust { found: manifest.trust_version, seen: seen.made_under });
    }
    let reset = |seen: &Seen| {
        manifest.trust_version > seen.made_under
            && floor.trust_version >= manifest.trust_version
            && (floor.trust > 0 || floor.bootstrap_version > seen.made_under)
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

/// How fresh a manifest is: of several that are admitted, the greatest counts. A newer trust goes before
/// a higher serial, as a rotation resets a serial that was poisoned.
#[must_use]
pub fn freshness(manifest: &Manifest) -> (u64, u64) {
    (manifest.trust_version, manifest.serial)
}

/// The time that an accepted manifest vouches for: `now`, but never later than the first expiry of what
/// was accepted, nor than a month after the manifest's making; and without any expiry never later than its
/// making.
///
/// This becomes the floor of the node's clock. A clock that stood in the future for a while thus leaves no
/// floor that would make the next release look expired for long; and one that is set back revives nothing
/// that had expired.
#[must_use]
pub fn vouched(manifest: &Manifest, trust_expires: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let end = manifest.expires.into_iter().chain(trust_expires).min();
    now.min(end.unwrap_or(manifest.created)).min(manifest.created.plus(MONTH))
}

/// Whether an expiry is so near that it is to be announced: within the last third of a known life, and
/// within a week for a manifest, a month for trust.
#[must_use]
pub fn expires_soon(from: Option<Timestamp>, expires: Timestamp, now: Timestamp) -> bool {
    let notice = match from {
        Some(from) => (expires.seconds().saturating_sub(from.seconds()) / 3).min(WEEK),
        None => MONTH,
    };
    now.plus(notice) >= expires
}

/// What is to be done about the release that the node follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The engine runs.
    Run(Reason),
    /// It failed too often and is left alone until then; `None`: until a newer release, or `--force`.
    Quarantined(Option<Timestamp>),
}

/// Why an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Asked for on the command line.
    Forced,
    /// Another release than the live one, or than the last one applied.
    NewRelease,
    /// The modules of an earlier layer are others than those it was applied over.
    NewModules,
    /// The last run failed, or was cut off.
    Retry,
    /// The time to undo drift has come.
    Reapply,
    /// A newer release failed, and this is the last good one.
    FallBack,
}

/// What is due for `release`, applied as `apply` says over the modules that `over` stands for; `live` is the
/// one that is on disk, whole.
#[must_use]
pub fn due(
    state: &State,
    live: Option<&Release>,
    release: &Release,
    apply: &Apply,
    over: Option<Sha256>,
    now: Timestamp,
    force: bool,
) -> Due {
    if force {
        return Due::Run(Reason::Forced);
    }
    let failed = state.failed.get(&release.environment);
    let failed = failed.filter(|failed| failed.release == *release && failed.over == over);
    if let Some(failed) = failed {
        return quarantine(failed, &apply.failure, now).unwrap_or(Due::Run(Reason::Retry));
    }
    let Some(applied) = state.applied.as_ref().filter(|applied| applied.release == *release) else {
        return Due::Run(Reason::NewRelease);
    };
    if live != Some(release) {
        return Due::Run(Reason::NewRelease);
    }
    if applied.over != over {
        return Due::Run(Reason::NewModules);
    }
    if !applied.ok {
        return Due::Run(Reason::Retry);
    }
    match reapply(applied, apply.reapply, now) {
        true => Due::Run(Reason::Reapply),
        false => Due::Nothing,
    }
}

/// What is due for the last good release while a newer one is in quarantine.
#[must_use]
pub fn due_meanwhile(
    state: &State,
    live: Option<&Release>,
    good: &Release,
    apply: &Apply,
    now: Timestamp,
) -> Option<Reason> {
    match state.applied.as_ref().filter(|applied| applied.release == *good) {
        Some(applied) if live == Some(good) => {
            // One failed fall-back is said, and not tried at each check: at the pace of drift, or hourly.
            let pace = apply.reapply.or((!applied.ok).then_some(HOUR));
            reapply(applied, pace, now).then_some(Reason::Reapply)
        }
        _ => Some(Reason::FallBack),
    }
}

/// How the failure of a release stands; `None`: it may be tried again.
fn quarantine(failed: &Failed, policy: &Failure, now: Timestamp) -> Option<Due> {
    if failed.times < policy.tries {
        return None;
    }
    let Some(seconds) = policy.quarantine else { return Some(Due::Quarantined(None)) };
    let until = failed.at.plus(seconds);
    // A clock that was set back since makes it due at once rather than never.
    (failed.at <= now && now < until).then_some(Due::Quarantined(Some(until)))
}

fn reapply(applied: &Applied, every: Option<u64>, now: Timestamp) -> bool {
    // A clock that was set back since makes the run due at once rather than never.
    every.is_some_and(|every| now >= applied.at.plus(every) || now < applied.at)
}

impl Reason {
    /// For messages and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::NewRelease => "new release",
            Self::NewModules => "modules of an earlier layer changed",
            Self::Retry => "last run failed",
            Self::Reapply => "reapply is due",
            Self::FallBack => "falling back to the last good release",
        }
    }
}

const HOUR: u64 = 3600;
const WEEK: u64 = 7 * 86_400;
const MONTH: u64 = 30 * 86_400;
