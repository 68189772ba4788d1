//! Garbage collection: finds the packs of a store that nothing needs any more, and deletes them.
//!
//! Only packs are deleted. Trust documents stay, because nodes follow the chain from one to the next; the history
//! stays, because people read it; agents stay, because user-data that was rendered long ago fetches the agent that
//! it names.

pub mod mark;

mod reachable;

use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use stringless_core::hash::Sha256;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

pub use self::reachable::{Reachable, needed};
use crate::clock::now;
use crate::error::{Error, Result};
use crate::parallel;
use crate::release::gc::mark::{GcMark, MAX_PACKS};
use crate::remote::site_store::SiteStore;
use crate::store::{Listed, Locked};

/// How much to keep although no published release needs it.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// How many releases of each environment before the published one.
    pub releases: usize,
    /// The grace period, in seconds: releases and packs that are newer stay.
    pub grace: u64,
}

/// Collects the garbage of one store.
#[derive(Clone, Copy, Debug)]
pub struct Collector<'a> {
    /// The store.
    pub remote: &'a SiteStore<'a>,
    /// What to keep.
    pub keep: Keep,
}

/// The objects below `packs/`, by what becomes of them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The releases of each environment that are kept: serials in descending order.
    pub releases: Vec<(Name, Vec<u64>)>,
    /// Packs that a kept release, a publication or a pending document needs.
    pub needed: Vec<Listed>,
    /// Packs that nothing needs, but that were uploaded within the grace period.
    pub recent: Vec<Listed>,
    /// Packs to delete: nothing needs them.
    pub unneeded: Vec<(Sha256, Listed)>,
    /// Files to delete: interrupted writes left them behind.
    pub leftovers: Vec<Listed>,
    /// Objects that are no packs. Stringless did not write them, and gc does not delete them.
    pub foreign: Vec<Listed>,
}

/// What was deleted.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The plan at the time of the removal.
    pub plan: Plan,
    /// The packs that were deleted, sorted by key.
    pub packs: Vec<Listed>,
}

impl Collector<'_> {
    /// Finds out what to delete. `now` is a time by the clock of the store.
    ///
    /// # Errors
    /// Refused when it is not certain which packs are needed.
    pub fn plan(&self, now: Timestamp) -> Result<Plan> {
        // List the packs before the releases: a pack that is uploaded after this is not listed, so it stays.
        let packs = self.remote.store.list(PACKS)?;
        let needed = needed(self, now)?;
        Ok(sort(packs, &needed, self.keep.grace, now))
    }

    /// Deletes what `plan` says, as far as it is still unneeded once publishers cannot miss it. Calls `deleted` for each
    /// pack.
    ///
    /// # Errors
    /// Temporary when another gc is running, the mark of this one could not be renewed, or a signal stopped it. The next
    /// run deletes the rest.
    pub fn remove(&self, plan: &Plan, deleted: impl Fn(&Listed) + Sync) -> Result<Removed> {
        match self.remote.store.lock()? {
            Some(locked) => self.remove_locked(&locked, deleted),
            None => self.remove_marked(plan, deleted),
        }
    }

    /// Deletes from a folder. No publisher writes meanwhile, so no mark is needed, and none has to be written to a disk
    /// that is full. A publisher that wrote its manifest before is seen; one that writes it later checks its packs later.
    fn remove_locked(&self, locked: &Locked<'_>, deleted: impl Fn(&Listed)) -> Result<Removed> {
        let (store, key) = (&self.remote.store, layout::gc_mark());
        let mark = store.get(&key, MAX_BYTES as u64)?;
        mark::refuse_active(store, mark.as_ref())?;
        let plan = self.plan(locked.time().unwrap_or_else(now))?;
        let mut packs = Vec::new();
        for (_, listed) in &plan.unneeded {
            locked.delete(&listed.key)?;
            deleted(listed);
            packs.push(listed.clone());
        }
        for leftover in &plan.leftovers {
            locked.delete(&leftover.key)?;
        }
        if mark.is_some() {
            locked.delete(&key)?;
        }
        Ok(Removed { plan, packs })
    }

    fn remove_marked(&self, plan: &Plan, deleted: impl Fn(&Listed) + Sync) -> Result<Removed> {
        let marked: BTreeSet<Sha256> =
            plan.unneeded.iter().take(MAX_PACKS).map(|(sha256, _)| *sha256).collect();
        let mark = GcMark::acquire(&self.remote.store, &self.remote.chain, marked.clone())?;
        let (done, end) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let mark = &mark;
            let renewal = move || {
                while end.recv_timeout(GcMark::RENEW) == Err(RecvTimeoutError::Timeout) && mark.renew() {}
            };
            thread::Builder::new().spawn_scoped(scope, renewal).map_err(|e| {
                Error::temporary(format!("removing packs: {}", parallel::no_thread(&e)))
                    .hint("run it again when this machine may start more threads")
            })?;
            // The renewal ends when this is dropped.
            let _done = done;
            // Plan again, by the clock of the store: every publisher sees the mark from here on.
            let plan = self.plan(self.store_time()?)?;
            let unneeded = plan.unneeded.iter().filter(|(sha256, _)| marked.contains(sha256));
            let unneeded: Vec<&Listed> = unneeded.map(|(_, listed)| listed).collect();
            parallel::map(&unneeded, AT_ONCE, |listed| {
                mark.delete(&listed.key)?;
                deleted(listed);
                Ok(())
            })?;
            for leftover in &plan.leftovers {
                mark.delete(&leftover.key)?;
            }
            let packs = unneeded.into_iter().cloned().collect();
            Ok(Removed { plan, packs })
        })
    }

    /// The time by the clock of the store: when the mark was written.
    fn store_time(&self) -> Result<Timestamp> {
        let key = layout::gc_mark();
        let mark = self.remote.store.list(&key)?.into_iter().find(|listed| listed.key == key);
        mark.and_then(|listed| listed.modified).ok_or_else(|| {
            Error::temporary(format!(
                "removing packs: {} was written, but the store does not list it with a time",
                self.remote.store.url(&key)
            ))
            .hint("run it again; without that time, gc cannot distinguish unneeded packs from packs that are being uploaded")
        })
    }
}

/// Decides what becomes of each of `packs`. An object without a time counts as uploaded now.
fn sort(packs: Vec<Listed>, needed: &Reachable, grace: u64, now: Timestamp) -> Plan {
    let mut plan = Plan { releases: needed.releases.clone(), ..Plan::default() };
    for listed in packs {
        let recent = listed.modified.is_none_or(|time| time.plus(grace) > now);
        let name = listed.key.strip_prefix(PACKS).unwrap_or(&listed.key);
        let sha256 = name.strip_suffix(PACK_END).and_then(|hash| Sha256::parse(hash).ok());
        match sha256 {
            Some(sha256) if needed.packs.contains(&sha256) => plan.needed.push(listed),
            Some(_) if recent => plan.recent.push(listed),
            Some(sha256) => plan.unneeded.push((sha256, listed)),
            None if listed.key == layout::gc_mark() => {}
            None if name.starts_with(LEFTOVER) && recent => plan.recent.push(listed),
            None if name.starts_with(LEFTOVER) => plan.leftovers.push(listed),
            None => plan.foreign.push(listed),
        }
    }
    plan
}

const PACKS: &str = "packs/";
const PACK_END: &str = ".tar.gz";
/// How the names of unfinished files begin in a folder store.
const LEFTOVER: &str = ".new-";
const AT_ONCE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_unneeded_packs_are_deleted() {
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
        let needed = Reachable { packs: BTreeSet::from([hash("needed")]), releases: Vec::new() };
        let plan = sort(packs, &needed, 100, now);
        let keys = |all: &[Listed]| all.iter().map(|listed| listed.key.clone()).collect::<Vec<_>>();
        assert_eq!(plan.unneeded.iter().map(|(sha256, _)| *sha256).collect::<Vec<_>>(), [hash("old")]);
        assert_eq!(keys(&plan.needed), [pack("needed", None).key]);
        assert_eq!(plan.recent.len(), 4, "{:?}", plan.recent);
        assert_eq!((keys(&plan.leftovers), plan.foreign.len()), (vec!["packs/.new-abc".to_owned()], 3));
    }
}
