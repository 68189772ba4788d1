//! Whether a verified head may be used.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::head::Head;
use crate::hash::Sha256;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::verify::{Verified, not_expired};

/// An accepted head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeenHead {
    /// Its version.
    pub version: u64,
    /// The trust version that the head names. No head made under an older one may follow it.
    pub made_under: u64,
    /// The trust version in use when it was accepted.
    pub trust_version: u64,
    /// The hash of its signed payload.
    pub sha256: Sha256,
    /// For each store URL, the ETag of exactly these bytes. The next check sends it.
    pub etags: BTreeMap<String, String>,
}

impl SeenHead {
    /// An accepted head, with the trust version in use and without ETags.
    #[must_use]
    pub fn new(head: &Verified<Head>, trust_version: u64) -> Self {
        Self {
            version: head.version,
            made_under: head.trust_version,
            trust_version,
            sha256: head.sha256(),
            etags: BTreeMap::new(),
        }
    }

    fn freshness(&self) -> (u64, u64) {
        (self.made_under, self.version)
    }
}

/// What a head is beside the one that was accepted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is newer.
    New,
    /// It is the same.
    Same,
    /// It is older: a cache may have kept it. It is no reason to refuse the store.
    Older,
    /// It has the same version and other bytes: two programs wrote at once. The one that came first counts.
    Second,
}

/// What [`admit`] compares a head with.
#[derive(Clone, Copy, Debug)]
pub struct HeadFloor<'a> {
    /// The newest head accepted for this environment, if any.
    pub seen: Option<&'a SeenHead>,
    /// The trust version in use.
    pub trust_version: u64,
    /// When the trust in use expires.
    pub trust_expires: Option<Timestamp>,
    /// The current time.
    pub now: Timestamp,
}

/// Decides whether a verified head may be used. The one in use always passes, even if it is expired. An older one of the
/// same trust passes, too, as [`Standing::Older`]: it changes nothing.
///
/// # Errors
/// The [`Refusal`]: the trust that the head names is not known here, or is older than that of a head seen before; a new
/// head, or the trust, has expired.
pub fn admit(head: &Verified<Head>, floor: &HeadFloor<'_>) -> Result<Standing, Refusal> {
    let standing = match floor.seen {
        None => Standing::New,
        Some(seen) if head.sha256() == seen.sha256 => return Ok(Standing::Same),
        Some(seen) if head.trust_version < seen.made_under => {
            return Err(Refusal::OlderTrust { found: head.trust_version, seen: seen.made_under });
        }
        Some(seen) if head.freshness() == seen.freshness() => return Ok(Standing::Second),
        Some(seen) if head.freshness() < seen.freshness() => return Ok(Standing::Older),
        Some(_) => Standing::New,
    };
    let known = floor.seen.map_or(0, |seen| seen.trust_version).max(head.trust_version);
    if known > floor.trust_version {
        return Err(Refusal::TrustMissing { needed: known, current: floor.trust_version });
    }
    not_expired("trust", floor.trust_expires, floor.now)?;
    not_expired("head", head.expires, floor.now)?;
    Ok(standing)
}
