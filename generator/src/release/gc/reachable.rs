//! Finds the packs that are needed: by the published releases, by the earlier releases that are kept, by
//! publications in progress, and by documents that wait for signatures.

use std::collections::{BTreeMap, BTreeSet};

use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use super::Collector;
use crate::error::{Error, Result};
use crate::remote::Published;
use crate::remote::history::{self, History, Release, Walk};
use crate::remote::last_seen::LastSeen;
use crate::store::{Listed, Store};
use crate::trust::{pending, sync};

/// The packs that are needed.
#[derive(Clone, Debug, Default)]
pub struct Reachable {
    /// The packs.
    pub packs: BTreeSet<Sha256>,
    /// The releases of each environment that are kept: serials in descending order.
    pub releases: Vec<(Name, Vec<u64>)>,
}

/// Finds the packs that are needed, in the environments of the site file and in all that the store has.
///
/// # Errors
/// Refused whenever that is not certain: a document is not signed by the site's keys, the store is behind the last
/// release seen here, or a listing is incomplete.
pub fn needed(collector: &Collector<'_>, now: Timestamp) -> Result<Reachable> {
    let (remote, store) = (collector.remote, &collector.remote.store);
    sync::refuse_newer(remote)?;
    let mut needed = Reachable::default();
    for (environment, listed) in environments(collector)? {
        let history = remote.history(&environment);
        // Read this before the store: a release that is published meanwhile is in the store first.
        let seen = remote.last_seen(&environment);
        let current = remote.published(&environment)?;
        if current.is_some() != listed.pointer {
            return Err(Error::temporary(format!(
                "looking for needed packs: the store has {} but does not list it, or lists it but does not have it",
                store.url(&layout::head(&environment))
            ))
            .hint("run it again; nothing was removed"));
        }
        if let Some(seen) = seen {
            refuse_behind(store, &seen, current.as_ref())?;
        }
        let kept = Walkers { collector, history, listed: &listed.history, now }.kept(current.as_ref())?;
        needed.packs.extend(kept.values().flat_map(|release| packs(&release.manifest)));
        let serials: Vec<u64> = kept.into_keys().rev().collect();
        if !serials.is_empty() {
            needed.releases.push((environment, serials));
        }
    }
    needed.packs.extend(pending::packs(remote.site)?.iter().map(|pack| pack.sha256));
    Ok(needed)
}

/// The documents of an environment that the store lists.
#[derive(Default)]
struct Found {
    pointer: bool,
    history: Vec<(u64, Listed)>,
}

/// The environments of the site, and all that the store has documents of.
fn environments(collector: &Collector<'_>) -> Result<BTreeMap<Name, Found>> {
    let own = collector.remote.site.site.environments.keys();
    let mut found: BTreeMap<Name, Found> = own.map(|name| (name.clone(), Found::default())).collect();
    for listed in collector.remote.store.list(ENVIRONMENTS)? {
        let rest = &listed.key[ENVIRONMENTS.len()..];
        let Some((name, what)) = rest.split_once('/') else { continue };
        let name = Name::new(name).map_err(|why| {
            Error::refused(format!(
                "looking for needed packs: {}: {why}",
                collector.remote.store.url(&listed.key)
            ))
            .hint("Stringless did not write it: find out how it came there, then remove it")
        })?;
        let environment = found.entry(name).or_default();
        environment.pointer |= what == POINTER;
        let serial = what.strip_prefix(HISTORY).and_then(history::serial);
        environment.history.extend(serial.map(|serial| (serial, listed)));
    }
    for environment in found.values_mut() {
        environment.history.sort_by_key(|(serial, _)| *serial);
    }
    Ok(found)
}

/// Refuses a store that has lost its newest release, or hides it: gc would delete the packs of that release.
fn refuse_behind(store: &Store, seen: &LastSeen, current: Option<&Published>) -> Result<()> {
    let environment = &seen.manifest.environment;
    let order = |manifest: &Manifest, by: u64| (by.min(manifest.trust_version), manifest.serial);
    let there = current.map_or((0, 0), |current| order(&current.manifest, current.trust_version));
    if there >= order(&seen.manifest, seen.trust_version) {
        return Ok(());
    }
    Err(Error::refused(format!(
        "looking for needed packs: release {} of `{environment}` was published before, but {} has {}",
        seen.manifest.serial,
        store.url(&layout::head(environment)),
        current.map_or_else(|| "none".to_owned(), |current| current.manifest.serial.to_string())
    ))
    .hint(format!(
        "if the store is a mirror, `stringless mirror` updates it; otherwise `stringless publish -e {environment}` repairs it"
    )))
}

struct Walkers<'a> {
    collector: &'a Collector<'a>,
    history: History<'a>,
    listed: &'a [(u64, Listed)],
    now: Timestamp,
}

impl Walkers<'_> {
    /// The releases whose packs are kept, by serial.
    fn kept(&self, current: Option<&Published>) -> Result<BTreeMap<u64, Release>> {
        let (mut kept, mut followed) = (BTreeMap::new(), BTreeSet::new());
        // If there is no pointer, the first publication is in progress, or was interrupted.
        if let Some(current) = current {
            followed = self.keep_before(Release::from(current), &mut kept)?;
            // Most nodes follow the stable release, however far it is behind.
            if let Some((stable, _)) = &current.stable {
                let (manifest, trust_version) = (stable.clone(), current.trust_version);
                kept.insert(stable.serial, Release { manifest, trust_version });
            }
        }
        let published = current.map(|current| &*current.manifest);
        for (serial, listed) in self.listed.iter().rev() {
            if kept.contains_key(serial) || followed.contains(serial) {
                continue;
            }
            // A manifest with a higher serial can still be published; one that was written recently may be about to.
            let ahead = published.is_none_or(|published| *serial > published.serial);
            let recent = self.is_recent(listed.modified, self.collector.keep.grace.max(IN_PROGRESS));
            if !ahead && !recent {
                continue;
            }
            let Some(release) = self.history.release(*serial)? else { continue };
            // A manifest that was made under an older trust can no longer be published.
            let outdated =
                published.is_some_and(|published| release.manifest.trust_version < published.trust_version);
            if recent || !outdated {
                kept.insert(*serial, release);
            }
        }
        Ok(kept)
    }

    /// Keeps `current`, the releases before it that [`Keep::releases`](super::Keep) asks for, and those that were
    /// published until recently: a node may be fetching one of them, or fall back to it. Returns the other serials that
    /// nodes followed within the last day: those are no publications in progress.
    fn keep_before(&self, current: Release, kept: &mut BTreeMap<u64, Release>) -> Result<BTreeSet<u64>> {
        let serials: Vec<u64> = self.listed.iter().map(|(serial, _)| *serial).collect();
        // Nobody rolls a retired environment back.
        let mut left = if current.manifest.retired { 0 } else { self.collector.keep.releases };
        let mut superseded = self.written(&current);
        let walk = Walk::before(self.history, &current.manifest, &serials);
        kept.insert(current.manifest.serial, current);
        let mut followed = BTreeSet::new();
        for (serial, found) in walk {
            if left == 0 && !self.is_recent(superseded, self.collector.keep.grace) {
                let Some(release) = found? else { break };
                if !self.is_recent(self.written(&release), IN_PROGRESS) {
                    break;
                }
                followed.insert(serial);
                continue;
            }
            left = left.saturating_sub(1);
            let Some(release) = found? else { continue };
            superseded = self.written(&release);
            kept.insert(serial, release);
        }
        Ok(followed)
    }

    /// When a release was written, by the clock of the store; now, if the store does not list its document.
    fn written(&self, release: &Release) -> Option<Timestamp> {
        let listed = self.listed.iter().find(|(serial, _)| *serial == release.manifest.serial);
        listed.map_or(Some(self.now), |(_, listed)| listed.modified)
    }

    fn is_recent(&self, time: Option<Timestamp>, seconds: u64) -> bool {
        time.is_none_or(|time| time.plus(seconds) > self.now)
    }
}

fn packs(manifest: &Manifest) -> impl Iterator<Item = Sha256> {
    manifest.packs.iter().map(|pack| pack.sha256)
}

const ENVIRONMENTS: &str = "env/";
const POINTER: &str = "head";
const HISTORY: &str = "history/";
/// A day, in seconds: no publication takes longer from writing its history to moving its pointer.
const IN_PROGRESS: u64 = 86_400;
