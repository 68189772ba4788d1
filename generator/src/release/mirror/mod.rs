//! Copies the releases of a site to another store. Everything is verified before it is copied. Objects that the other
//! store has stay, so an interrupted copy continues where it stopped; those that a new release names are read and
//! verified, too.
//!
//! An environment is copied in two steps: [`Mirror::published`] copies the release that nodes follow,
//! [`Mirror::earlier`] the releases before it. A caller with several environments takes the first step for all of them
//! before the second. A release that cannot be copied keeps no other one from being copied.

mod current;
mod earlier;
mod there;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;

use self::current::Current;
use self::there::Checked;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::plan::{self, Step};
use crate::release::upload::{self, Moved, Packs, Upload, Uploaded};
use crate::remote::history::Release;
use crate::remote::site_store::SiteStore;
use crate::store::{self, Condition, Put, Store};
use crate::trust::sync;

/// The two stores, and how much to copy.
#[derive(Debug)]
pub struct Mirror<'a> {
    source: &'a SiteStore<'a>,
    target: &'a SiteStore<'a>,
    earlier: Option<usize>,
    checked: Checked,
}

/// What was copied of one environment, or would be in a dry run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Copied {
    /// The environment.
    pub environment: Name,
    /// The serial that is published in the source.
    pub serial: u64,
    /// Whether the mirror has that release published now, too; false when it could not be copied.
    pub published: bool,
    /// The serial that was published there before.
    pub before: Option<u64>,
    /// The version of the head, if the mirror had another one; in a site with fleet keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<u64>,
    /// How many releases the mirror did not have.
    pub releases: u64,
    /// How many of the earlier releases were copied without all their packs, because packs were removed.
    pub hollow: u64,
    /// How many agent files the mirror did not have.
    pub agents: u64,
    /// The packs that the mirror did not have.
    pub moved: Moved,
}

/// An environment that is being copied.
#[derive(Debug)]
pub struct Copying {
    current: Current,
    /// What was copied so far.
    pub copied: Copied,
}

impl Copied {
    fn new(current: &Current, environment: &Name) -> Self {
        Self {
            environment: environment.clone(),
            serial: current.here.manifest.serial,
            published: false,
            before: current.there.as_ref().map(|there| there.manifest.serial),
            head: current.here.head.as_ref().filter(|_| current.moves()).map(|head| head.version),
            releases: 0,
            hollow: 0,
            agents: 0,
            moved: Moved::default(),
        }
    }
}

impl<'a> Mirror<'a> {
    /// A copy from `source` to `target`, with at most `earlier` releases before the published one; `None`: all of them.
    #[must_use]
    pub fn new(source: &'a SiteStore<'a>, target: &'a SiteStore<'a>, earlier: Option<usize>) -> Self {
        Self { source, target, earlier, checked: Checked::default() }
    }

    /// Copies the trust documents.
    ///
    /// # Errors
    /// Refused when the target has different ones: it belongs to another site.
    pub fn trust(&self) -> Result<()> {
        sync::sync_chain(self.target).map(drop)
    }

    /// Checks that both stores still answer.
    ///
    /// # Errors
    /// When one does not.
    pub fn check_stores(&self) -> Result<()> {
        let key = layout::trust(self.source.newest_trust()?.version);
        [self.from(), self.to()].into_iter().try_for_each(|store| store.get(&key, MAX_BYTES as u64).map(drop))
    }

    /// Reads what both stores have published of `environment`; `None` when the source has nothing published.
    ///
    /// # Errors
    /// Refused when the release does not verify, or the target has a newer one.
    pub fn open(&self, environment: &Name) -> Result<Option<Copying>> {
        let current = self.current(environment)?;
        Ok(current.map(|current| Copying { copied: Copied::new(&current, environment), current }))
    }

    /// Copies the published release: agents, packs, history, and at last the pointer.
    ///
    /// # Errors
    /// Refused when one of its objects is missing in the source, or is not the signed one in either store.
    pub fn published(&self, copying: &mut Copying, progress: &Progress) -> Result<()> {
        let Copying { current, copied } = copying;
        let (manifest, environment): (&Manifest, _) = (&current.here.manifest, &copied.environment);
        let moves = current.moves();
        if let Some((stable, document)) = &current.here.stable {
            copied.moved = self.stable(current, stable, document, progress)?;
        }
        copied.agents = self.agents(manifest, moves)?;
        if moves {
            self.check_packs_there(&manifest.packs)?;
        }
        let known = self.has_release(environment, manifest.serial)?;
        let upload = Upload {
            store: self.to(),
            trust: &self.target.chain,
            packs: Packs::Store(self.from()),
            manifest,
            signed: &current.here.document,
            pointer: &current.here.pointer,
            after: current.there.as_ref().and_then(|there| there.etag.as_deref()),
            kept: current.there.as_ref().map_or(&[], |there| there.manifest.packs.as_slice()),
        };
        let mut steps = plan::steps(manifest);
        if !moves {
            steps.retain(|step| *step != Step::Pointer);
        }
        match upload::run(&upload, &steps, progress)? {
            Uploaded::Done(moved) => {
                copied.moved.packs += moved.packs;
                copied.moved.bytes += moved.bytes;
                copied.moved.claimed = moved.claimed;
            }
            Uploaded::SerialTaken => return Err(self.taken(environment, manifest.serial)),
        }
        copied.releases = u64::from(!known);
        copied.published = true;
        Ok(())
    }

    /// Copies the stable release, which most nodes follow while a newer one is on its way: all but the pointer.
    fn stable(
        &self,
        current: &Current,
        stable: &Manifest,
        document: &[u8],
        progress: &Progress,
    ) -> Result<Moved> {
        self.agents(stable, false)?;
        let upload = Upload {
            store: self.to(),
            trust: &self.target.chain,
            packs: Packs::Store(self.from()),
            manifest: stable,
            signed: document,
            pointer: &[],
            after: None,
            kept: &current.here.manifest.packs,
        };
        let mut steps = plan::steps(stable);
        steps.retain(|step| *step != Step::Pointer);
        match upload::run(&upload, &steps, progress)? {
            Uploaded::Done(moved) => Ok(moved),
            Uploaded::SerialTaken => Err(self.taken(&stable.environment, stable.serial)),
        }
    }

    /// Finds out what would be copied, and writes nothing. `failed` is that of [`Mirror::earlier`].
    ///
    /// # Errors
    /// As [`Mirror::published`] and [`Mirror::earlier`], as far as it can be seen without copying.
    pub fn dry_run(&self, copying: &mut Copying, mut failed: impl FnMut(Error) -> Result<()>) -> Result<()> {
        let Copying { current, copied } = copying;
        let environment = copied.environment.clone();
        let manifest: &Manifest = &current.here.manifest;
        for (target, file) in &manifest.agent.targets {
            let key = layout::agent(&manifest.agent.version, target);
            copied.agents += u64::from(!self.to().holds(&key, file.size)?);
        }
        let mut releases = vec![Release::from(&current.here)];
        if let Some((stable, _)) = &current.here.stable {
            releases.push(Release { manifest: stable.clone(), trust_version: current.here.trust_version });
        }
        for (_, found) in self.walk(current, &environment, &self.listed(&environment)?) {
            match found {
                Ok(found) => releases.extend(found),
                Err(error) => failed(error)?,
            }
        }
        let mut seen = Vec::new();
        for (n, release) in releases.iter().enumerate() {
            copied.releases += u64::from(!self.has_release(&environment, release.manifest.serial)?);
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
        copied.published = true;
        Ok(())
    }

    /// Copies the agent files that the release names; returns how many the target did not have. `read`: those that it has
    /// are read and checked.
    fn agents(&self, manifest: &Manifest, read: bool) -> Result<u64> {
        let mut copied = 0;
        for (target, file) in &manifest.agent.targets {
            let key = layout::agent(&manifest.agent.version, target);
            let has = if read { self.has_agent(&key, file) } else { self.to().holds(&key, file.size) };
            if has? {
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
                Put::Rejected if self.has_agent(&key, file)? => {}
                Put::Rejected => {
                    return Err(store::different_object(self.to(), &key, "a version's files never change"));
                }
            }
        }
        Ok(copied)
    }

    fn from(&self) -> &Store {
        &self.source.store
    }

    fn to(&self) -> &Store {
        &self.target.store
    }

    fn has_release(&self, environment: &Name, serial: u64) -> Result<bool> {
        Ok(self.to().get(&layout::history(environment, serial), MAX_BYTES as u64)?.is_some())
    }

    fn taken(&self, environment: &Name, serial: u64) -> Error {
        store::different_object(self.to(), &layout::history(environment, serial), "the history never changes")
    }
}
