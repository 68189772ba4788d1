//! The releases before the published one.

use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::pack::Pack;

use super::{Copied, Copying, Current, Mirror};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::plan::Step;
use crate::release::upload::{self, Moved, Packs, Upload, Uploaded};
use crate::remote::history::{Release, Walk};
use crate::store::{self, Store};

/// One earlier release that was copied.
#[derive(Clone, Copy, Debug, Default)]
struct Earlier {
    /// The mirror did not have it.
    new: bool,
    /// Packs of it were removed.
    hollow: bool,
    moved: Moved,
}

impl Copied {
    fn add(&mut self, earlier: Earlier) {
        self.releases += u64::from(earlier.new);
        self.hollow += u64::from(earlier.hollow);
        self.moved.packs += earlier.moved.packs;
        self.moved.bytes += earlier.moved.bytes;
    }
}

impl Mirror<'_> {
    /// Copies the releases before the published one. `failed` gets the error of each that cannot be copied, and decides
    /// whether the next one is tried.
    ///
    /// # Errors
    /// When the history cannot be listed, or as `failed`.
    pub fn earlier(
        &self,
        copying: &mut Copying,
        progress: &Progress,
        mut failed: impl FnMut(Error) -> Result<()>,
    ) -> Result<()> {
        let Copying { current, copied } = copying;
        let environment = copied.environment.clone();
        let listed = self.listed(&environment)?;
        for (serial, found) in self.walk(current, &environment, &listed) {
            let done = found.and_then(|found| match found {
                Some(release) => self.one_earlier(current, &environment, serial, &release, progress),
                None => Ok(None),
            });
            match done {
                Ok(one) => copied.add(one.unwrap_or_default()),
                Err(error) => failed(error)?,
            }
        }
        Ok(())
    }

    /// Copies one release before the published one: first the packs, then the document that names them. `None` when its
    /// document is gone.
    fn one_earlier(
        &self,
        current: &Current,
        environment: &Name,
        serial: u64,
        release: &Release,
        progress: &Progress,
    ) -> Result<Option<Earlier>> {
        let Some((document, _)) = self.source.history(environment).document(serial)? else { return Ok(None) };
        let known = self.has_release(environment, serial)?;
        let packs = self.still_there(&release.manifest)?;
        if !known {
            self.check_packs_there(&packs)?;
        }
        let hollow = packs.len() < release.manifest.packs.len();
        let upload = Upload {
            store: self.to(),
            trust: &self.target.chain,
            packs: Packs::Store(self.from()),
            manifest: &release.manifest,
            signed: &document,
            pointer: &[],
            after: None,
            kept: &current.here.manifest.packs,
        };
        let moved = match upload::run(&upload, &[Step::Packs(packs)], progress)? {
            Uploaded::Done(moved) => moved,
            Uploaded::SerialTaken => return Err(self.taken(environment, serial)),
        };
        // No claim is needed: no pointer moves, and the history never changes.
        if !store::put_immutable(self.to(), &layout::history(environment, serial), &document)? {
            return Err(self.taken(environment, serial));
        }
        Ok(Some(Earlier { new: !known, hollow, moved }))
    }

    /// The packs of an earlier release that one of the stores still has.
    fn still_there(&self, manifest: &Manifest) -> Result<Vec<Pack>> {
        let mut packs = Vec::new();
        for pack in &manifest.packs {
            let key = layout::pack(&pack.sha256);
            if self.to().holds(&key, pack.size)? || self.from().holds(&key, pack.size)? {
                packs.push(pack.clone());
            }
        }
        Ok(packs)
    }

    pub(super) fn walk<'a>(
        &'a self,
        current: &Current,
        environment: &'a Name,
        listed: &'a [u64],
    ) -> impl Iterator<Item = (u64, Result<Option<Release>>)> {
        let walk = Walk::before(self.source.history(environment), &current.here.manifest, listed);
        walk.take(self.earlier.unwrap_or(usize::MAX))
    }

    /// The serials that the source lists. None for a web server, which cannot list: each release names the one before.
    pub(super) fn listed(&self, environment: &Name) -> Result<Vec<u64>> {
        if matches!(self.from(), Store::Web(_)) {
            return Ok(Vec::new());
        }
        Ok(self.source.history(environment).listed()?.into_iter().map(|(serial, _)| serial).collect())
    }
}
