//! The decisions of a run: pure functions of the state, the manifest and the time.

use alloc::string::ToString;

use crate::hash::Sha256;
use crate::manifest::{Apply, Failure, Manifest};
use crate::refusal::Refusal;
use crate::state::{Applied, Failed, Inputs, Release, Seen, State};
use crate::time::Timestamp;
use crate::upgrade::Pinned;
use crate::verify::{Verified, not_expired};
use crate::version::Version;

/// The limits that [`admit`] compares a manifest with.
#[derive(Clone, Copy, Debug)]
pub struct Floor<'a> {
    /// The newest manifest accepted for this environment, if any.
    pub seen: Option<&'a Seen>,
    /// The lowest serial that the bootstrap allows; 0 for an environment that the bootstrap does not name.
    pub bootstrap: u64,
    /// The trust version of the bootstrap.
    pub bootstrap_version: u64,
    /// The lowest serial that the trust in use allows; 0 if it does not mention the environment.
    pub trust: u64,
    /// The trust version in use.
    pub trust_version: u64,
    /// When the trust in use expires.
    pub trust_expires: Option<Timestamp>,
    /// The version of this agent.
    pub agent: Version,
    /// The current time.
    pub now: Timestamp,
}

/// Decides whether a verified manifest may be used: it must not be a rollback, must not have other bytes
/// under a known serial, must not be expired, and must not need a newer agent.
///
/// The manifest that is already in use always passes, even if it is expired: expiry blocks new releases,
/// never the running one. A rotation resets a poisoned serial: for a manifest made under the newer trust, the
/// lowest serial of that trust (or of a bootstrap with its version) replaces the last serial seen. A manifest
/// made before the rotation gains nothing from it, even if the same key signs before and after. Once a
/// manifest made under a newer trust was accepted, no manifest made under an older trust may follow, whatever
/// its serial.
///
/// # Errors
/// The [`Refusal`].
pub fn admit(manifest: &Verified<Manifest>, floor: &Floor<'_>) -> Result<(), Refusal> {
    let Manifest { serial, trust_version, expires, agent, .. } = &**manifest;
    let head =
        Head { serial: *serial, trust_version: *trust_version, expires: *expires, sha256: manifest.sha256() };
    admit_head(&head, Some(agent.minimum), floor)
}

/// The same for what leads to another agent, whose `minimum` does not matter.
///
/// # Errors
/// The [`Refusal`].
pub fn admit_pinned(pinned: &Verified<Pinned>, floor: &Floor<'_>) -> Result<(), Refusal> {
    let Pinned { serial, trust_version, expires, .. } = **pinned;
    admit_head(&Head { serial, trust_version, expires, sha256: pinned.sha256() }, None, floor)
}

/// What decides whether a manifest may be used.
struct Head {
    serial: u64,
    trust_version: u64,
    expires: Option<Timestamp>,
    sha256: Sha256,
}

fn admit_head(manifest: &Head, minimum: Option<Version>, floor: &Floor<'_>) -> Result<(), Refusal> {
    let found = manifest.serial;
    let in_use = |seen: &Seen| found == seen.serial && manifest.sha256 == seen.sha256;
    // This check comes first, because a newer trust may reset the limits below.
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
    // A trust newer than the bootstrap that sets a lowest serial for the environment replaces the
    // bootstrap's.
    let superseded = floor.trust > 0 && floor.trust_version > floor.bootstrap_version;
    if found < floor.bootstrap && !superseded {
        return below(floor.bootstrap, "the lowest that this node's bootstrap allows");
    }
    match floor.seen {
        Some(seen) if reset(seen) => {}
        Some(seen) if found < seen.serial => {
            return below(seen.serial, "the last one seen on this node");
        }
        Some(seen) if found == seen.serial && manifest.sha256 != seen.sha256 => {
            return Err(Refusal::SerialReused { serial: found });
        }
        Some(seen) if found == seen.serial => return Ok(()),
        _ => {}
    }
    let known = floor.seen.map_or(0, |seen| seen.trust_version).max(manifest.trust_version);
    if known > floor.trust_version {
        return Err(Refusal::TrustMissing { needed: known, current: floor.trust_version });
    }
    if let Some(minimum) = minimum.filter(|minimum| *minimum > floor.agent) {
        return Err(Refusal::AgentTooOld { minimum: minimum.to_string(), this: floor.agent.to_string() });
    }
    not_expired("trust", floor.trust_expires, floor.now)?;
    not_expired("manifest", manifest.expires, floor.now)
}

/// How fresh a manifest is: of several admitted manifests, use the one with the greatest value. A newer trust
/// counts more than a higher serial, because a rotation resets a poisoned serial.
#[must_use]
pub fn freshness(manifest: &Manifest) -> (u64, u64) {
    (manifest.trust_version, manifest.serial)
}

/// The earliest time that the node's clock may show from now on, as far as an accepted manifest proves it:
/// `now`, but not later than the first expiry of the manifest and the trust, and not later than 30 days after
/// the manifest was created. If nothing expires, it is not later than the manifest's creation.
///
/// So a clock that was wrongly ahead for a while does not make the next releases look expired for long, and a
/// clock that is set back does not make an expired release valid again.
#[must_use]
pub fn clock_floor(manifest: &Manifest, trust_expires: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let end = manifest.expires.into_iter().chain(trust_expires).min();
    now.min(end.unwrap_or(manifest.created)).min(manifest.created.plus(MONTH))
}

/// Whether to warn about an expiry. With a known start `from` (a manifest): in the last third of the
/// lifetime, but at most a week before. Without one (trust): 30 days before.
#[must_use]
pub fn expires_soon(from: Option<Timestamp>, expires: Timestamp, now: Timestamp) -> bool {
    let notice = match from {
        Some(from) => (expires.seconds().saturating_sub(from.seconds()) / 3).min(WEEK),
        None => MONTH,
    };
    now.plus(notice) >= expires
}

/// What to do about the release that the node follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Do nothing.
    Nothing,
    /// Run the engine.
    Run(Reason),
    /// The release failed too often; do not try it before this time. `None`: not before a newer release or
    /// `--force`.
    Quarantined(Option<Timestamp>),
}

/// Why an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `--force` on the command line.
    Forced,
    /// The release is not the live one, or not the last one applied.
    NewRelease,
    /// The modules of an earlier layer changed since the release was applied.
    NewModules,
    /// The role or a label of the node changed since the release was applied.
    NewRole,
    /// The last run failed or was interrupted.
    Retry,
    /// The release is due to be applied again, to undo drift.
    Reapply,
    /// A newer release failed; this is the last good one.
    FallBack,
}

/// Decides what is due for `release`. `apply` is its setting, `sees` is what the engine
/// would see besides it, and `live` is the complete release that is live now.
#[must_use]
pub fn due(
    state: &State,
    live: Option<&Release>,
    release: &Release,
    apply: &Apply,
    sees: Inputs,
    now: Timestamp,
    force: bool,
) -> Due {
    if force {
        return Due::Run(Reason::Forced);
    }
    let failed = state.failed.get(&release.environment);
    let failed = failed.filter(|failed| failed.release == *release && failed.saw() == sees);
    if let Some(failed) = failed {
        return quarantine(failed, &apply.failure, now).unwrap_or(Due::Run(Reason::Retry));
    }
    let Some(applied) = state.applied.as_ref().filter(|applied| applied.release == *release) else {
        return Due::Run(Reason::NewRelease);
    };
    if live != Some(release) {
        return Due::Run(Reason::NewRelease);
    }
    if applied.over != sees.over {
        return Due::Run(Reason::NewModules);
    }
    if applied.role != sees.role {
        return Due::Run(Reason::NewRole);
    }
    if !applied.ok {
        return Due::Run(Reason::Retry);
    }
    match reapply(applied, apply.reapply, now) {
        true => Due::Run(Reason::Reapply),
        false => Due::Nothing,
    }
}

/// Decides what is due for the last good release while a newer one is in quarantine.
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
            // A failed fall-back is not tried again at each check, but at the reapply interval, or every
            // hour.
            let pace = apply.reapply.or((!applied.ok).then_some(HOUR));
            reapply(applied, pace, now).then_some(Reason::Reapply)
        }
        _ => Some(Reason::FallBack),
    }
}

/// Whether a failed release is in quarantine; `None`: it may be tried again.
fn quarantine(failed: &Failed, policy: &Failure, now: Timestamp) -> Option<Due> {
    if failed.times < policy.tries {
        return None;
    }
    let Some(seconds) = policy.quarantine else { return Some(Due::Quarantined(None)) };
    let until = failed.at.plus(seconds);
    // If the clock was set back since the failure, the quarantine ends at once; otherwise it might never end.
    (failed.at <= now && now < until).then_some(Due::Quarantined(Some(until)))
}

fn reapply(applied: &Applied, every: Option<u64>, now: Timestamp) -> bool {
    // If the clock was set back since the last run, the next one is due at once; otherwise it might never be.
    every.is_some_and(|every| now >= applied.at.plus(every) || now < applied.at)
}

impl Reason {
    /// The text for messages and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::NewRelease => "new release",
            Self::NewModules => "modules of an earlier layer changed",
            Self::NewRole => "role or labels changed",
            Self::Retry => "last run failed",
            Self::Reapply => "reapply is due",
            Self::FallBack => "falling back to the last good release",
        }
    }
}

const HOUR: u64 = 3600;
const WEEK: u64 = 7 * 86_400;
const MONTH: u64 = 30 * 86_400;
