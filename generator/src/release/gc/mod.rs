//! What a store holds that nothing needs any more: found, and removed.
//!
//! Only packs are ever removed. Trust documents, the history and agents stay: nodes walk from trust to
//! trust, people look things up, and user-data that was rendered long ago fetches the agent that it names.

pub mod mark;

mod reachable;

use std::collections::BTreeSet;

use stringless_core::hash::Sha256;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

pub use self::reachable::{Needed, needed};
use crate::error::{Error, Result};
use crate::parallel;
use crate::release::gc::mark::{MOST, Mark};
use crate::site::SiteFolder;
use crate::site::trust_chain::TrustFile;
use crate::store::{Listed, Store};

/// How much stays although nothing is published that needs it.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Releases of each environment before the published one.
    pub releases: usize,
    /// Seconds: what was published, or uploaded, so lately.
    pub grace: u64,
}

/// A store to look through.
#[derive(Clone, Copy, Debug)]
pub struct Yard<'a> {
    /// The site.
    pub site: &'a SiteFolder,
    /// Its trust documents.
    pub chain: &'a [TrustFile],
    /// The store.
    pub store: &'a Store,
    /// What stays.
    pub keep: Keep,
}

/// What of a store's packs stays, and what need not.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Kept releases of each environment, by falling serial.
    pub releases: Vec<(Name, Vec<u64>)>,
    /// Packs that something needs.
    pub needed: Vec<Listed>,
    /// Packs that nothing needs yet, or any more, and that were uploaded lately.
    pub young: Vec<Listed>,
    /// Packs that nothing needs.
    pub doomed: Vec<(Sha256, Listed)>,
    /// Leftovers of writes that were cut off.
    pub halves: Vec<Listed>,
    /// Objects that are no packs: nobody here put them there, and nobody removes them.
    pub foreign: Vec<Listed>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Packs.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Yard<'_> {
    /// Looks through the store; `now` is a time by its clock.
    ///
    /// # Errors
    /// Refused when it cannot be known what is needed.
    pub fn plan(&self, now: Timestamp) -> Result<Plan> {
        // The packs first: one that is uploaded after this is not among them.
        let packs = self.store.list(PACKS)?;
        let needed = needed(self, now)?;
        Ok(sort(packs, &needed, self.keep.grace, now))
    }

    /// Removes what `plan` says, as far as it still holds once everybody can see that it goes.
    ///
    /// # Errors
    /// Temporary when somebody else removes, or time is up: what is left goes with the next run.
    pub fn remove(&self, plan: &Plan, gone: impl Fn(&Listed) + Sync) -> Result<(Plan, Removed)> {
        let first: BTreeSet<Sha256> = plan.doomed.iter().take(MOST).map(|(sha256, _)| *sha256).collect();
        let mark = Mark::take(self.store, self.chain, first.clone())?;
        // Everything anew, by the store's own clock: whoever publishes from here on sees the mark.
        let plan = self.plan(self.store_time()?)?;
        let doomed: Vec<&(Sha256, Listed)> =
            plan.doomed.iter().filter(|(sha256, _)| first.contains(sha256)).collect();
        let removed = parallel::map(&doomed, AT_ONCE, |(_, listed)| {
            if !mark.holds() {
                return Err(Error::temporary(
                    "removing packs: it takes too long, and the mark no longer counts",
                )
                .hint("run it again: it goes on where it was"));
            }
            self.store.delete(&listed.key)?;
            gone(listed);
            Ok(listed.size)
        })?;
        for half in &plan.halves {
            self.store.delete(&half.key)?;
        }
        let removed = Removed { packs: removed.len() as u64, bytes: removed.iter().sum() };
        Ok((plan, removed))
    }

    /// The store's clock: when it says that the mark was written.
    fn store_time(&self) -> Result<Timestamp> {
        let key = stringless_core::layout::doomed();
        let mark = self.store.list(&key)?.into_iter().find(|listed| listed.key == key);
        mark.and_then(|listed| listed.modified).ok_or_else(|| {
            Error::temporary(format!(
                "removing: {} was written, and the store does not list it, or not with its time",
                self.store.url(&key)
            ))
            .hint("run it again; where it stays so, what is unneeded cannot be told from what is being uploaded")
        })
    }
}

/// What of `packs` stays. What tells no time is as if it was uploaded now.
fn sort(packs: Vec<Listed>, needed: &Needed, grace: u64, now: Timestamp) -> Plan {
    let mut plan = Plan { releases: needed.releases.clone(), ..Plan::default() };
    for listed in packs {
        let young = listed.modified.is_none_or(|time| time.plus(grace) > now);
        let name = listed.key.strip_prefix(PACKS).unwrap_or(&listed.key);
        let sha256 = name.strip_suffix(PACK_END).and_then(|hash| Sha256::parse(hash).ok());
        match sha256 {
            Some(sha256) if needed.packs.contains(&sha256) => plan.needed.push(listed),
            Some(_) if young => plan.young.push(listed),
            Some(sha256) => plan.doomed.push((sha256, listed)),
            None if listed.key == stringless_core::layout::doomed() => {}
            None if name.starts_with(HALF) && young => plan.young.push(listed),
            None if name.starts_with(HALF) => plan.halves.push(listed),
            None => plan.foreign.push(listed),
        }
    }
    plan
}

const PACKS: &str = "packs/";
const PACK_END: &str = ".tar.gz";
/// How a folder store names what it has not finished writing.
const HALF: &str = ".new-";
const AT_ONCE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_and_unneeded_goes() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let age = |seconds: u64| Some(Timestamp::from_seconds(now.seconds() - seconds));
        let hash = |text: &str| Sha256::of(text.as_bytes());
        let pack =
            |text: &str, modified| Listed { key: format!("packs/{}.tar.gz", hash(text)), size: 1, modified };
        let other = |key: &str, modified| Listed { key: format!("packs/{key}"), size: 1, modified };
        let packs = vec![
            pack("needed", age(9999)),
            pack("young", age(99)),
            pack("old", age(100)),
            pack("timeless", None),
            pack("of the future", Some(now.plus(9))),
            other("doomed", age(9999)),
            other(".new-abc", age(100)),
            other(".new-abd", age(9)),
            other("mine.txt", age(9999)),
            other(&format!("{}.tar.gz", "A".repeat(64)), age(9999)),
            other(&format!("{}.tar.gz.bak", hash("x")), age(9999)),
        ];
        let needed = Needed { packs: BTreeSet::from([hash("needed")]), releases: Vec::new() };
        let plan = sort(packs, &needed, 100, now);
        let keys = |all: &[Listed]| all.iter().map(|listed| listed.key.clone()).collect::<Vec<_>>();
        assert_eq!(plan.doomed.iter().map(|(sha256, _)| *sha256).collect::<Vec<_>>(), [hash("old")]);
        assert_eq!(keys(&plan.needed), [pack("needed", None).key]);
        assert_eq!(plan.young.len(), 4, "{:?}", plan.young);
        assert_eq!((keys(&plan.halves), plan.foreign.len()), (vec!["packs/.new-abc".to_owned()], 3));
    }
}
