//! The head: what the nodes of an environment follow, in a site with fleet keys.
//!
//! A release stays signed by release keys. The head, which fleet keys may sign, says which release is the stable one,
//! which one is next, and how far that may go.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::place::ALL;
use super::selector::Selector;
use super::window::Window;
use crate::hash::Sha256;
use crate::json;
use crate::manifest::Manifest;
use crate::name::Name;
use crate::time::Timestamp;

/// The format: it stays 1, so that no head ever needs a newer agent.
pub const FORMAT: u32 = 1;
/// The number of [`Head::marks`].
pub const MARKS: usize = 256;

/// The payload of `env/<environment>/head` in a site with fleet keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Head {
    /// Always `head`, so that no other signed payload passes for a head.
    #[serde(rename = "type")]
    pub kind: HeadType,
    /// [`FORMAT`].
    pub format: u32,
    /// What a reader must understand to follow `next`; mostly nothing. `stable` needs nothing, ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// The newest trust version at the time of signing.
    pub trust_version: u64,
    /// The number of the head; it rises with each change. Of two heads the one with the greater pair of trust version
    /// and version counts.
    pub version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// From this time on, it is no news, and `next` goes no further; null: it does not expire.
    pub expires: Option<Timestamp>,
    /// The release for every node that is not yet, or no longer, to have another one.
    pub stable: ManifestRef,
    /// The release that is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// The data that nodes of the environment share, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gathered: BTreeMap<Name, Gathered>,
    /// [`MARKS`] numbers, or none. The number at the first byte of SHA-256(slot) rises when the record or the sealed data
    /// of that slot was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<u64>,
}

/// The `type` of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HeadType {
    /// The only value.
    #[default]
    Head,
}

/// A manifest in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ManifestRef {
    /// The trust version that the manifest names.
    pub trust_version: u64,
    /// Its serial.
    pub serial: u64,
    /// The hash of its signed payload.
    pub sha256: Sha256,
}

impl ManifestRef {
    /// Of two releases, the one with the greater value is newer ([`crate::plan::freshness`]).
    #[must_use]
    pub fn freshness(&self) -> (u64, u64) {
        (self.trust_version, self.serial)
    }
}

/// A release on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Next {
    /// The trust version that the manifest names.
    pub trust_version: u64,
    /// Its serial.
    pub serial: u64,
    /// The hash of its signed payload.
    pub sha256: Sha256,
    /// When its rollout began.
    pub since: Timestamp,
    /// From this time on, it reaches no further node; null: no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Serials with the same content, made under the same trust or an older one. A node that has one of them takes this
    /// release, whatever else is said here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<u64>,
    /// What decides the places of nodes.
    pub salt: u64,
    /// Whether it may reach further nodes.
    pub state: RolloutState,
    /// Why it is in this state, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it goes to every node at once.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rush: bool,
    /// The nodes at place 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Selector>,
    /// The waves, by growing share.
    pub waves: Vec<Wave>,
    /// The hours in which it may reach further nodes; none: any hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// The state of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// It goes on.
    Go,
    /// It stops where it is.
    Hold,
}

/// A part of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wave {
    /// How many, in hundredths of a percent: 0 (the first nodes alone) to 10,000.
    pub share: u16,
    /// When it opens; null: it is not known yet.
    pub from: Option<Timestamp>,
}

/// An object of shared data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gathered {
    /// Its hash, which also names it.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

impl Head {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the field at fault.
    pub fn check(&self) -> Result<(), String> {
        json::check_format(self.format, FORMAT)?;
        if self.version == 0 || self.trust_version == 0 {
            return Err("version and trust_version start at 1".into());
        }
        if self.version >= Manifest::LAST_SERIAL {
            return Err(format!("version: expected 1 to {}", Manifest::LAST_SERIAL - 1));
        }
        if !self.marks.is_empty() && self.marks.len() != MARKS {
            return Err(format!("marks: {} numbers, expected {MARKS}", self.marks.len()));
        }
        self.check_release("stable", &self.stable)?;
        let Some(next) = &self.next else { return Ok(()) };
        self.check_release("next", &next.release())?;
        if next.release().freshness() <= self.stable.freshness() {
            return Err("next is not newer than stable".into());
        }
        if next.was.len() > MOST_FORMER {
            return Err(format!("next.was: more than {MOST_FORMER} serials"));
        }
        if next.waves.is_empty() || next.waves.len() > MOST_WAVES {
            return Err(format!("next.waves: expected 1 to {MOST_WAVES}"));
        }
        if next.waves.iter().any(|wave| wave.share > ALL) {
            return Err(format!("next.waves: a share is at most {ALL}"));
        }
        if !next.waves.is_sorted_by(|one, other| one.share < other.share) {
            return Err("next.waves: each share must be greater than the one before".into());
        }
        next.window.as_ref().map_or(Ok(()), Window::check).map_err(|why| format!("next.{why}"))
    }

    fn check_release(&self, key: &str, release: &ManifestRef) -> Result<(), String> {
        if release.serial == 0 || release.serial >= Manifest::LAST_SERIAL {
            return Err(format!("{key}.serial: expected 1 to {}", Manifest::LAST_SERIAL - 1));
        }
        if release.trust_version == 0 || release.trust_version > self.trust_version {
            return Err(format!("{key}.trust_version: expected 1 to the head's, {}", self.trust_version));
        }
        Ok(())
    }

    /// The trusted comment that each signature of this head carries.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("head {} {} {}", self.site, self.environment, self.version)
    }

    /// Of several heads, use the one with the greatest value.
    #[must_use]
    pub fn freshness(&self) -> (u64, u64) {
        (self.trust_version, self.version)
    }

    /// Whether it is past its date of expiry.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    /// The earliest time that the node's clock may show from now on, as far as this head proves it: `now`, but not later
    /// than its expiry, and not later than 30 days after it was made.
    #[must_use]
    pub fn clock_floor(&self, now: Timestamp) -> Timestamp {
        now.min(self.expires.unwrap_or(Timestamp::MAX)).min(self.created.plus(MONTH))
    }
}

impl Next {
    /// The release.
    #[must_use]
    pub fn release(&self) -> ManifestRef {
        let Self { trust_version, serial, sha256, .. } = *self;
        ManifestRef { trust_version, serial, sha256 }
    }

    /// The largest share of a wave that is open at `now`; none is open yet: 0, and `false`.
    #[must_use]
    pub fn reach(&self, now: Timestamp) -> (u16, bool) {
        let open = self.waves.iter().filter(|wave| wave.from.is_some_and(|from| now >= from));
        open.map(|wave| wave.share).max().map_or((0, false), |share| (share, true))
    }

    /// Whether it may reach further nodes at `now`, as far as its state, its end and its hours say.
    #[must_use]
    pub fn goes_on(&self, now: Timestamp) -> bool {
        self.state == RolloutState::Go
            && self.until.is_none_or(|until| now < until)
            && self.window.as_ref().is_none_or(|window| window.is_open(now))
    }
}

const MOST_WAVES: usize = 32;
const MOST_FORMER: usize = 64;
const MONTH: u64 = 30 * 86_400;
