//! Copies the releases of a site to another store. Everything is verified before it is copied, and objects that the
//! other store has stay, so an interrupted copy continues where it stopped.

use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::plan::{self, Step};
use crate::release::upload::{self, Moved, Packs, Upload, Uploaded};
use crate::remote::Published;
use crate::remote::history::{Release, Walk};
use crate::remote::site_store::SiteStore;
use crate::store::{self, Condition, Put, Store};
use crate::trust::sync;

/// The two stores, and how much to copy.
#[derive(Clone, Copy, Debug)]
pub struct Mirror<'a> {
    /// The store to copy from.
    pub source: &'a SiteStore<'a>,
    /// The store to copy to.
    pub target: &'a SiteStore<'a>,
    /// How many releases before the published one to copy; `None`: all of them.
    pub earlier: Option<usize>,
}

/// What was copied of one environment, or would be in a dry run.
#[derive(Clone, Debug, Serialize)]
pub struct Copied {
    /// The environment.
    pub environment: Name,
    /// The serial that is published in the mirror now.
    pub serial: u64,
    /// The serial that was published there before.
    pub before: Option<u64>,
    /// How many releases the mirror did not have.
    pub releases: u64,
    /// How many of the earlier releases were copied without all their packs, because packs were removed.
    pub hollow: u64,
    /// How many agent files the mirror did not have.
    pub agents: u64,
    /// The packs that the mirror did not have.
    pub moved: Moved,
}

/// The published release of the source, and that of the target.
struct Current {
    release: Release,
    document: Vec<u8>,
    there: Option<Published>,
}

impl Mirror<'_> {
    /// Copies the trust documents.
    ///
    /// # Errors
    /// Refused when the target has different ones: it belongs to another site.
    pub fn trust(&self) -> Result<()> {
        sync::sync_chain(self.target).map(drop)
    }

    /// Copies `environment`; returns `None` when nothing is published.
    ///
    /// # Errors
    /// Refused when something does not verify, or the target has a newer release.
    pub fn copy(&self, environment: &Name, progress: &Progress) -> Result<Option<Copied>> {
        let Some(current) = self.current(environment)? else { return Ok(None) };
        let manifest: &Manifest = &current.release.manifest;
        let mut copied = self.count(&current, environment);
        copied.agents = self.agents(manifest)?;
        let known = self.has_release(environment, manifest.serial)?;
        let upload = Upload {
            store: self.to(),
            trust: &self.target.chain,
            packs: Packs::Store(self.from()),
            manifest,
            signed: &current.document,
            after: current.there.as_ref().and_then(|there| there.etag.as_deref()),
            kept: current.there.as_ref().map_or(&[], |there| there.manifest.packs.as_slice()),
        };
        let mut steps = plan::steps(manifest);
        if copied.before == Some(manifest.serial) {
            steps.retain(|step| *step != Step::Pointer);
        }
        copied.moved = match upload::run(&upload, &steps, progress)? {
            Uploaded::Done(moved) => moved,
            Uploaded::SerialTaken => return Err(self.taken(environment, manifest.serial)),
        };
        copied.releases = u64::from(!known);
        self.earlier(&current, environment, progress, &mut copied)?;
        Ok(Some(copied))
    }

    /// Finds out what [`Mirror::copy`] would copy, and writes nothing.
    ///
    /// # Errors
    /// As [`Mirror::copy`], as far as it can be seen without copying.
    pub fn dry_run(&self, environment: &Name) -> Result<Option<Copied>> {
        let Some(current) = self.current(environment)? else { return Ok(None) };
        let manifest: &Manifest = &current.release.manifest;
        let mut copied = self.count(&current, environment);
        for (target, file) in &manifest.agent.targets {
            let key = layout::agent(&manifest.agent.version, target);
            copied.agents += u64::from(!self.to().holds(&key, file.size)?);
        }
        let mut releases = vec![current.release.clone()];
        for (_, found) in self.walk(&current, environment, &self.listed(environment)?) {
            releases.extend(found?);
        }
        let mut seen = Vec::new();
        for (n, release) in releases.iter().enumerate() {
            copied.releases += u64::from(!self.has_release(environment, release.manifest.serial)?);
            for pack in release.manifest.packs.iter() {
                let key = layout::pack(&pack.sha256);
                if seen.contains(&pack.sha256) || self.to().holds(&key, pack.size)? {
                    continue;
                }
                seen.push(pack.sha256);
                if n == 0 || self.from().holds(&key, pack.size)? {
                    copied.moved.packs += 1;
                    copied.moved.bytes += pack.size;
                }
            }
        }
        Ok(Some(copied))
    }

    /// The published releases of both stores. Refused when the target would go back to an older release.
    fn current(&self, environment: &Name) -> Result<Option<Current>> {
        let key = layout::manifest(environment);
        let Some(object) = self.from().get(&key, MAX_BYTES as u64)? else { return Ok(None) };
        let (manifest, trust_version) = self.source.verified(&key, environment, &object.bytes)?;
        let there = self.target.published(environment)?;
        let order = |manifest: &Manifest, by: u64| (by.min(manifest.trust_version), manifest.serial);
        if let Some(there) = &there {
            let (old, new) = (order(&there.manifest, there.trust_version), order(&manifest, trust_version));
            if old > new || old == new && there.manifest.sha256() != manifest.sha256() {
                return Err(Error::refused(format!(
                    "copying release {} of `{environment}`: {} already has release {}",
                    manifest.serial,
                    self.to().url(&key),
                    there.manifest.serial
                ))
                .hint("a mirror never goes back: copy in the other direction with `--from`, or find out who publishes there"));
            }
        }
        Ok(Some(Current { release: Release { manifest, trust_version }, document: object.bytes, there }))
    }

    fn count(&self, current: &Current, environment: &Name) -> Copied {
        Copied {
            environment: environment.clone(),
            serial: current.release.manifest.serial,
            before: current.there.as_ref().map(|there| there.manifest.serial),
            releases: 0,
            hollow: 0,
            agents: 0,
            moved: Moved::default(),
        }
    }

    /// Copies the agent files that the release names; returns how many the target did not have.
    fn agents(&self, manifest: &Manifest) -> Result<u64> {
        let mut copied = 0;
        for (target, file) in &manifest.agent.targets {
            let key = layout::agent(&manifest.agent.version, target);
            if self.to().holds(&key, file.size)? {
                continue;
            }
            let object = self.from().get(&key, file.size)?;
            let object = object.filter(|object| Sha256::of(&object.bytes) == file.sha256).ok_or_else(|| {
                Error::refused(format!(
                    "copying {}: it is missing, or not the agent that release {} names",
                    self.from().url(&key),
                    manifest.serial
                ))
                .hint("`stringless agent push` uploads missing files; it never writes a wrong one, so somebody else did")
            })?;
            match self.to().put(&key, &object.bytes, Condition::Absent)? {
                Put::Written => copied += 1,
                Put::Rejected if self.to().holds(&key, file.size)? => {}
                Put::Rejected => {
                    return Err(store::different_object(self.to(), &key, "a version's files never change"));
                }
            }
        }
        Ok(copied)
    }

    /// Copies the releases before the published one: first the packs, then the document that names them.
    fn earlier(
        &self,
        current: &Current,
        environment: &Name,
        progress: &Progress,
        copied: &mut Copied,
    ) -> Result<()> {
        let listed = self.listed(environment)?;
        for (serial, found) in self.walk(current, environment, &listed) {
            let Some(release) = found? else { continue };
            let Some((document, _)) = self.source.history(environment).document(serial)? else { continue };
            let known = self.has_release(environment, serial)?;
            let packs = self.still_there(&release.manifest)?;
            copied.hollow += u64::from(packs.len() < release.manifest.packs.len());
            let upload = Upload {
                store: self.to(),
                trust: &self.target.chain,
                packs: Packs::Store(self.from()),
                manifest: &release.manifest,
                signed: &document,
                after: None,
                kept: &current.release.manifest.packs,
            };
            if let Uploaded::Done(moved) = upload::run(&upload, &[Step::Packs(packs)], progress)? {
                copied.moved.packs += moved.packs;
                copied.moved.bytes += moved.bytes;
            }
            // No claim is needed: no pointer moves, and the history never changes.
            if !store::put_immutable(self.to(), &layout::history(environment, serial), &document)? {
                return Err(self.taken(environment, serial));
            }
            copied.releases += u64::from(!known);
        }
        Ok(())
    }

    /// The packs of an earlier release that one of the stores still has.
    fn still_there(&self, manifest: &Manifest) -> Result<Vec<stringless_core::pack::Pack>> {
        let mut packs = Vec::new();
        for pack in &manifest.packs {
            let key = layout::pack(&pack.sha256);
            if self.to().holds(&key, pack.size)? || self.from().holds(&key, pack.size)? {
                packs.push(pack.clone());
            }
        }
        Ok(packs)
    }

    fn from(&self) -> &Store {
        &self.source.store
    }

    fn to(&self) -> &Store {
        &self.target.store
    }

    fn walk<'a>(
        &'a self,
        current: &Current,
        environment: &'a Name,
        listed: &'a [u64],
    ) -> impl Iterator<Item = (u64, Result<Option<Release>>)> {
        let walk = Walk::before(self.source.history(environment), &current.release.manifest, listed);
        walk.take(self.earlier.unwrap_or(usize::MAX))
    }

    /// The serials that the source lists. None for a web server, which cannot list: each release names the one before.
    fn listed(&self, environment: &Name) -> Result<Vec<u64>> {
        if matches!(self.from(), Store::Web(_)) {
            return Ok(Vec::new());
        }
        Ok(self.source.history(environment).listed()?.into_iter().map(|(serial, _)| serial).collect())
    }

    fn has_release(&self, environment: &Name, serial: u64) -> Result<bool> {
        Ok(self.to().get(&layout::history(environment, serial), MAX_BYTES as u64)?.is_some())
    }

    fn taken(&self, environment: &Name, serial: u64) -> Error {
        store::different_object(self.to(), &layout::history(environment, serial), "the history never changes")
    }
}
