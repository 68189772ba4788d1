//! Which packs are needed: by the published releases, by those before them that are kept, by publications
//! that are under way, and by what waits for signatures.

use std::collections::{BTreeMap, BTreeSet};

use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use super::Yard;
use crate::error::{Error, Result};
use crate::remote::history::{self, Release, Shelf, Walk};
use crate::remote::last_seen::{self, Known};
use crate::remote::{self, Published};
use crate::site::trust_chain;
use crate::store::{Listed, Store};
use crate::trust::{pending, sync};

/// What is needed.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The packs.
    pub packs: BTreeSet<Sha256>,
    /// Of which releases, by environment, in falling order.
    pub releases: Vec<(Name, Vec<u64>)>,
}

/// Finds out what is needed. Environments are those of the store, whatever the site file says.
///
/// # Errors
/// Refused for whatever leaves a doubt: a document that nobody who counts signed, a store that is behind
/// what is known here, a listing that leaves something out.
pub fn needed(yard: &Yard<'_>, now: Timestamp) -> Result<Needed> {
    let (site, store, chain) = (yard.site, yard.store, yard.chain);
    sync::refuse_newer(store, site, trust_chain::newest(chain)?)?;
    let keys = trust_chain::keys(chain);
    let mut needed = Needed::default();
    for (environment, listed) in environments(yard)? {
        let shelf = Shelf { store, site: &site.site.site, environment: &environment, keys: &keys };
        // Before the store is asked: what is published meanwhile is in the store first.
        let known = last_seen::read(site, &environment, chain);
        let current = remote::read(store, shelf.site, &environment, &keys)?;
        if current.is_some() != listed.pointer {
            return Err(Error::temporary(format!(
                "looking for what is needed: {} is there, and the store does not list it, or the other way round",
                store.url(&layout::manifest(&environment))
            ))
            .hint("run it again; nothing was removed"));
        }
        if let Some(known) = known {
            refuse_behind(store, &known, current.as_ref())?;
        }
        let kept = Walkers { yard, shelf, listed: &listed.history, now }.kept(current.as_ref())?;
        needed.packs.extend(kept.values().flat_map(|release| packs(&release.manifest)));
        let serials: Vec<u64> = kept.into_keys().rev().collect();
        if !serials.is_empty() {
            needed.releases.push((environment, serials));
        }
    }
    needed.packs.extend(pending::packs(site)?.iter().map(|pack| pack.sha256));
    Ok(needed)
}

/// What is listed of an environment.
#[derive(Default)]
struct Found {
    pointer: bool,
    history: Vec<(u64, Listed)>,
}

/// Every environment that the store has something of, and those of the site.
fn environments(yard: &Yard<'_>) -> Result<BTreeMap<Name, Found>> {
    let own = yard.site.site.environments.keys();
    let mut found: BTreeMap<Name, Found> = own.map(|name| (name.clone(), Found::default())).collect();
    for listed in yard.store.list(ENVIRONMENTS)? {
        let rest = &listed.key[ENVIRONMENTS.len()..];
        let Some((name, what)) = rest.split_once('/') else { continue };
        let name = Name::new(name).map_err(|why| {
            Error::refused(format!("looking for what is needed: {}: {why}", yard.store.url(&listed.key)))
                .hint("nobody here put it there: remove it, once you know how it came there")
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

/// A store that lost its newest release, or hides it, would lose its packs, too.
fn refuse_behind(store: &Store, known: &Known, current: Option<&Published>) -> Result<()> {
    let environment = &known.manifest.environment;
    let order = |manifest: &Manifest, by: u64| (by.min(manifest.trust_version), manifest.serial);
    let there = current.map_or((0, 0), |current| order(&current.manifest, current.trust_version));
    if there >= order(&known.manifest, known.trust_version) {
        return Ok(());
    }
    Err(Error::refused(format!(
        "looking for what is needed: release {} of `{environment}` was published from here, and {} has {}",
        known.manifest.serial,
        store.url(&layout::manifest(environment)),
        current.map_or_else(|| "none".to_owned(), |current| current.manifest.serial.to_string())
    ))
    .hint(format!(
        "if it is a mirror, bring it up to date with `stringless mirror`; else `stringless publish -e {environment}` puts the store right"
    )))
}

struct Walkers<'a> {
    yard: &'a Yard<'a>,
    shelf: Shelf<'a>,
    listed: &'a [(u64, Listed)],
    now: Timestamp,
}

impl Walkers<'_> {
    /// The releases whose content stays, by serial.
    fn kept(&self, current: Option<&Published>) -> Result<BTreeMap<u64, Release>> {
        let (mut kept, mut followed) = (BTreeMap::new(), BTreeSet::new());
        // Without a pointer: the first publication is under way, or was cut off.
        if let Some(current) = current {
            followed = self.keep_before(Release::from(current), &mut kept)?;
        }
        let floor = current.map(|current| &*current.manifest);
        for (serial, listed) in self.listed.iter().rev() {
            if kept.contains_key(serial) || followed.contains(serial) {
                continue;
            }
            // One that is ahead can still be published; one that was written lately may be about to.
            let ahead = floor.is_none_or(|floor| *serial > floor.serial);
            let lately = self.lately(listed.modified, self.yard.keep.grace.max(UNDER_WAY));
            if !ahead && !lately {
                continue;
            }
            let Some(release) = self.shelf.release(*serial)? else { continue };
            // What older keys made cannot be published any more.
            let outdated = floor.is_some_and(|floor| release.manifest.trust_version < floor.trust_version);
            if lately || !outdated {
                kept.insert(*serial, release);
            }
        }
        Ok(kept)
    }

    /// `current`, so many before it as are to be kept, and those that were published until lately: a node
    /// may be fetching one, or fall back to it. Returns what else nodes followed within a day: those are
    /// no publications under way.
    fn keep_before(&self, current: Release, kept: &mut BTreeMap<u64, Release>) -> Result<BTreeSet<u64>> {
        let serials: Vec<u64> = self.listed.iter().map(|(serial, _)| *serial).collect();
        let mut left = self.yard.keep.releases;
        let mut superseded = self.written(&current);
        let way = Walk::before(self.shelf, &current.manifest, &serials);
        kept.insert(current.manifest.serial, current);
        let mut followed = BTreeSet::new();
        for (serial, found) in way {
            if left == 0 && !self.lately(superseded, self.yard.keep.grace) {
                let Some(release) = found? else { break };
                if !self.lately(self.written(&release), UNDER_WAY) {
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

    /// When a release went out, by the store's clock; now, where it lists no such document.
    fn written(&self, release: &Release) -> Option<Timestamp> {
        let listed = self.listed.iter().find(|(serial, _)| *serial == release.manifest.serial);
        listed.map_or(Some(self.now), |(_, listed)| listed.modified)
    }

    fn lately(&self, time: Option<Timestamp>, seconds: u64) -> bool {
        time.is_none_or(|time| time.plus(seconds) > self.now)
    }
}

fn packs(manifest: &Manifest) -> impl Iterator<Item = Sha256> {
    manifest.packs.iter().map(|pack| pack.sha256)
}

const ENVIRONMENTS: &str = "env/";
const POINTER: &str = "manifest";
const HISTORY: &str = "history/";
/// A day, in seconds: no publication takes longer from its history to its pointer.
const UNDER_WAY: u64 = 86_400;
