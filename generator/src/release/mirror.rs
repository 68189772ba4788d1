//! A site's releases → the same in another store. Nothing is copied that was not verified; what is there
//! stays, so a copy that was cut off goes on where it was.

use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::TrustedKeys;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::plan::{self, Step};
use crate::release::upload::{self, Moved, Packs, Upload, Uploaded};
use crate::remote::history::{Release, Shelf, Walk};
use crate::remote::{self, Published};
use crate::site::trust_chain::TrustFile;
use crate::store::{self, Condition, Put, Store};
use crate::trust::sync;

/// From where to where.
#[derive(Clone, Copy, Debug)]
pub struct Mirror<'a> {
    /// The site.
    pub site: &'a Name,
    /// Its trust documents.
    pub chain: &'a [TrustFile],
    /// The keys of each of them.
    pub keys: &'a [TrustedKeys],
    /// What is copied.
    pub from: &'a Store,
    /// Where to.
    pub to: &'a Store,
    /// How many releases before the published one come along; none: all whose content is there.
    pub earlier: Option<usize>,
}

/// What was copied of an environment, or would be.
#[derive(Clone, Debug, Serialize)]
pub struct Copied {
    /// The environment.
    pub environment: Name,
    /// The release that nodes of the mirror follow now.
    pub serial: u64,
    /// The one that they followed before.
    pub before: Option<u64>,
    /// Releases that the mirror did not know.
    pub releases: u64,
    /// Of those before the published one, how many came without content: it was removed.
    pub hollow: u64,
    /// Agents that were not there.
    pub agents: u64,
    /// Packs that were not there.
    pub moved: Moved,
}

/// The published release of one store, and what is to come of it.
struct Current {
    release: Release,
    document: Vec<u8>,
    there: Option<Published>,
}

impl Mirror<'_> {
    /// Brings the trust documents over.
    ///
    /// # Errors
    /// Refused when the other store has others: it is another site's.
    pub fn trust(&self) -> Result<()> {
        sync::bring(self.to, self.chain).map(drop)
    }

    /// Copies `environment`; none where nothing is published.
    ///
    /// # Errors
    /// Refused when something is not what was signed, or the mirror is ahead.
    pub fn copy(&self, environment: &Name, progress: &Progress) -> Result<Option<Copied>> {
        let Some(current) = self.current(environment)? else { return Ok(None) };
        let manifest: &Manifest = &current.release.manifest;
        let mut copied = self.count(&current, environment);
        copied.agents = self.agents(manifest)?;
        let known = self.knows(environment, manifest.serial)?;
        let upload = Upload {
            store: self.to,
            trust: self.chain,
            packs: Packs::Store(self.from),
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

    /// Says what [`Mirror::copy`] would do, and writes nothing.
    ///
    /// # Errors
    /// As there, for what can be seen before.
    pub fn ask(&self, environment: &Name) -> Result<Option<Copied>> {
        let Some(current) = self.current(environment)? else { return Ok(None) };
        let manifest: &Manifest = &current.release.manifest;
        let mut copied = self.count(&current, environment);
        for (target, file) in &manifest.agent.targets {
            let key = layout::agent(&manifest.agent.version, target);
            copied.agents += u64::from(!self.to.holds(&key, file.size)?);
        }
        let mut releases = vec![current.release.clone()];
        for (_, found) in self.way(&current, environment, &self.listed(environment)?) {
            releases.extend(found?);
        }
        let mut seen = Vec::new();
        for (n, release) in releases.iter().enumerate() {
            copied.releases += u64::from(!self.knows(environment, release.manifest.serial)?);
            for pack in release.manifest.packs.iter() {
                let key = layout::pack(&pack.sha256);
                if seen.contains(&pack.sha256) || self.to.holds(&key, pack.size)? {
                    continue;
                }
                seen.push(pack.sha256);
                if n == 0 || self.from.holds(&key, pack.size)? {
                    copied.moved.packs += 1;
                    copied.moved.bytes += pack.size;
                }
            }
        }
        Ok(Some(copied))
    }

    /// What is published, in both; refused where the mirror would go back.
    fn current(&self, environment: &Name) -> Result<Option<Current>> {
        let key = layout::manifest(environment);
        let Some(object) = self.from.get(&key, MAX_BYTES as u64)? else { return Ok(None) };
        let (manifest, trust_version) =
            remote::verified(self.from, &key, self.site, environment, &object.bytes, self.keys)?;
        let there = remote::read(self.to, self.site, environment, self.keys)?;
        let order = |manifest: &Manifest, by: u64| (by.min(manifest.trust_version), manifest.serial);
        if let Some(there) = &there {
            let (old, new) = (order(&there.manifest, there.trust_version), order(&manifest, trust_version));
            if old > new || old == new && there.manifest.sha256() != manifest.sha256() {
                return Err(Error::refused(format!(
                    "copying release {} of `{environment}`: {} has release {} already",
                    manifest.serial,
                    self.to.url(&key),
                    there.manifest.serial
                ))
                .hint("a mirror never goes back; copy the other way round with `--from`, or find out who publishes there"));
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

    /// The agents that the release names.
    fn agents(&self, manifest: &Manifest) -> Result<u64> {
        let mut copied = 0;
        for (target, file) in &manifest.agent.targets {
            let key = layout::agent(&manifest.agent.version, target);
            if self.to.holds(&key, file.size)? {
                continue;
            }
            let object = self.from.get(&key, file.size)?;
            let object = object.filter(|object| Sha256::of(&object.bytes) == file.sha256).ok_or_else(|| {
                Error::refused(format!(
                    "copying {}: it is not the agent that release {} names",
                    self.from.url(&key),
                    manifest.serial
                ))
                .hint("`stringless agent push` uploads what is missing; a wrong file was put there by somebody else")
            })?;
            match self.to.put(&key, &object.bytes, Condition::Absent)? {
                Put::Written => copied += 1,
                Put::NotHeld if self.to.holds(&key, file.size)? => {}
                Put::NotHeld => return Err(store::taken(self.to, &key, "a version's files never change")),
            }
        }
        Ok(copied)
    }

    /// The releases before the published one: packs first here, too, then the document that names them.
    fn earlier(
        &self,
        current: &Current,
        environment: &Name,
        progress: &Progress,
        copied: &mut Copied,
    ) -> Result<()> {
        let listed = self.listed(environment)?;
        for (serial, found) in self.way(current, environment, &listed) {
            let Some(release) = found? else { continue };
            let shelf = self.shelf(environment);
            let Some((document, _)) = shelf.document(serial)? else { continue };
            let known = self.knows(environment, serial)?;
            let packs = self.still_there(&release.manifest)?;
            copied.hollow += u64::from(packs.len() < release.manifest.packs.len());
            let upload = Upload {
                store: self.to,
                trust: self.chain,
                packs: Packs::Store(self.from),
                manifest: &release.manifest,
                signed: &document,
                after: None,
                kept: &current.release.manifest.packs,
            };
            if let Uploaded::Done(moved) = upload::run(&upload, &[Step::Packs(packs)], progress)? {
                copied.moved.packs += moved.packs;
                copied.moved.bytes += moved.bytes;
            }
            // No pointer moves: nobody takes turns for what never changes.
            if !store::put_same(self.to, &layout::history(environment, serial), &document)? {
                return Err(self.taken(environment, serial));
            }
            copied.releases += u64::from(!known);
        }
        Ok(())
    }

    /// The packs of an earlier release that either store still has.
    fn still_there(&self, manifest: &Manifest) -> Result<Vec<stringless_core::pack::Pack>> {
        let mut packs = Vec::new();
        for pack in &manifest.packs {
            let key = layout::pack(&pack.sha256);
            if self.to.holds(&key, pack.size)? || self.from.holds(&key, pack.size)? {
                packs.push(pack.clone());
            }
        }
        Ok(packs)
    }

    fn shelf<'a>(&'a self, environment: &'a Name) -> Shelf<'a> {
        Shelf { store: self.from, site: self.site, environment, keys: self.keys }
    }

    fn way<'a>(
        &'a self,
        current: &Current,
        environment: &'a Name,
        listed: &'a [u64],
    ) -> impl Iterator<Item = (u64, Result<Option<Release>>)> {
        let way = Walk::before(self.shelf(environment), &current.release.manifest, listed);
        way.take(self.earlier.unwrap_or(usize::MAX))
    }

    /// The serials that the source lists; a web server lists none, and each release names the one before.
    fn listed(&self, environment: &Name) -> Result<Vec<u64>> {
        if matches!(self.from, Store::Web(_)) {
            return Ok(Vec::new());
        }
        Ok(self.shelf(environment).listed()?.into_iter().map(|(serial, _)| serial).collect())
    }

    fn knows(&self, environment: &Name, serial: u64) -> Result<bool> {
        Ok(self.to.get(&layout::history(environment, serial), MAX_BYTES as u64)?.is_some())
    }

    fn taken(&self, environment: &Name, serial: u64) -> Error {
        store::taken(self.to, &layout::history(environment, serial), "the history never changes")
    }
}
