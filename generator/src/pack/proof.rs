//! Holds packs of the cache against what they are said to be made from. The index of the cache is only a file: what it
//! names is signed only if it contains exactly the files of the source, or the locked content of the module.

use std::fs;
use std::num::NonZero;
use std::thread;

use stringless_archive::writer::Item;
use stringless_core::hash::Sha256;
use stringless_core::manifest::{Manifest, Source};
use stringless_core::name::Name;
use stringless_core::pack::{Pack, join_path, title};
use stringless_core::trust::Trust;

use super::{Build, cache, index, write};
use crate::error::{Error, Result};
use crate::modules::lockfile::{LOCK_FILE, Lockfile};
use crate::modules::tree;
use crate::parallel;
use crate::progress::Progress;
use crate::remote::Published;
use crate::remote::verified::VerifiedPack;
use crate::site::SiteDir;
use crate::source::{Tree, environment};

impl Build {
    /// Unpacks each pack that was not made now, and compares it with its source. Left out are packs that the release
    /// `published` has for the same source, if keys of the newest `trust` signed it: they were compared before.
    ///
    /// # Errors
    /// Refused when a pack has other content; the index of the cache is then removed.
    pub fn prove(
        &self,
        site: &SiteDir,
        environment: &Name,
        published: Option<&Published>,
        trust: &Trust,
        progress: &Progress,
    ) -> Result<()> {
        let published = published.filter(|published| published.trust_version == trust.version);
        let before = published.map(|published| Before::of(site, environment, &published.manifest));
        let covered = |pack: &Pack, module: Option<&Sha256>| {
            before.as_ref().is_some_and(|before| before.covers(self, pack, module))
        };
        let open = self.recalled.iter().filter(|(pack, module)| !covered(pack, module.as_ref()));
        self.prove_each(&open.collect::<Vec<_>>(), progress)
    }

    /// Compares every pack that was not made now with its source.
    ///
    /// # Errors
    /// As [`Build::prove`].
    pub fn prove_all(&self, progress: &Progress) -> Result<()> {
        self.prove_each(&self.recalled.iter().collect::<Vec<_>>(), progress)
    }

    fn prove_each(&self, packs: &[&(Pack, Option<Sha256>)], progress: &Progress) -> Result<()> {
        let bar = progress.bar("comparing", packs.len() as u64);
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        let proven = parallel::map(packs, cpus, |(pack, module)| {
            let proven = self.prove_one(pack, module.as_ref());
            bar.inc(1);
            proven
        });
        bar.finish_and_clear();
        if proven.as_ref().is_err_and(Error::is_refusal) {
            // The next build makes every pack again.
            fs::remove_file(&self.index).ok();
        }
        proven.map(drop)
    }

    fn prove_one(&self, pack: &Pack, module: Option<&Sha256>) -> Result<()> {
        let verified = cache::open(&self.folder, pack)?;
        let expected = match module {
            Some(tree) => return prove_module(pack, &verified, tree),
            None => self.tree.packs.get(&pack.path).map_or(&[][..], Vec::as_slice),
        };
        let mut expected = write::read(&pack.path, expected)?;
        write::check(&pack.path, &expected)?;
        expected.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        let mut expected = expected.into_iter();
        let mut other: Option<String> = None;
        each(&verified, |item| {
            let next = expected.next();
            if other.is_none() && next.as_ref() != Some(&item) {
                other = Some(next.map_or(item.path, |next| next.path));
            }
        })?;
        match other.or_else(|| expected.next().map(|next| next.path)) {
            None => Ok(()),
            Some(path) => {
                let path = tree::quoted(&join_path(&pack.path, &path));
                Err(differs(pack, &format!("`{path}` is not as in the source")))
            }
        }
    }
}

fn prove_module(pack: &Pack, verified: &VerifiedPack<'_>, locked: &Sha256) -> Result<()> {
    let mut items: Vec<Item> = Vec::new();
    each(verified, |item| items.push(item))?;
    write::check(&pack.path, &items)?;
    let tree = tree::Tree::new(items.clone()).map_err(|why| differs(pack, &why))?;
    let found = tree.sha256();
    // Empty folders are no part of the hash, and of no module.
    if found == *locked && tree.items() == items {
        return Ok(());
    }
    Err(differs(pack, &format!("its content has the hash {found}, and the module's is {locked}")))
}

fn each(verified: &VerifiedPack<'_>, visit: impl FnMut(Item)) -> Result<()> {
    verified.each(visit).map_err(|refusal| differs(verified.pack(), &refusal.to_string()))
}

fn differs(pack: &Pack, why: &str) -> Error {
    Error::refused(format!("comparing {} with its source: the cached pack {} differs: {why}", title(&pack.path), pack.sha256))
        .hint("a file changed during the build, or somebody changed the cache: `.stringless/index` was removed, so run it again; a cache that others can write to, such as that of a CI, must not come into a job that signs")
}

/// The source of the published release.
struct Before<'a> {
    manifest: &'a Manifest,
    /// Its own files; `None` if they were not a commit that is in the cache.
    tree: Option<Tree>,
    /// Its lock file.
    lock: Option<Lockfile>,
}

impl<'a> Before<'a> {
    fn of(site: &SiteDir, environment: &Name, manifest: &'a Manifest) -> Self {
        let commit = manifest.source.commit.as_deref().filter(|_| !manifest.source.dirty);
        // What cannot be read is compared.
        let tree = commit.and_then(|commit| environment::of_commit(site, environment, commit).ok().flatten());
        let lock = tree.as_ref().and_then(|tree| tree.text(LOCK_FILE).ok().flatten());
        let lock = lock.and_then(|text| Lockfile::parse(&text, LOCK_FILE).ok());
        Self { manifest, tree, lock }
    }

    /// Whether the published release has this pack for the same source.
    fn covers(&self, build: &Build, pack: &Pack, module: Option<&Sha256>) -> bool {
        if !self.manifest.packs.contains(pack) {
            return false;
        }
        if let Some(tree) = module {
            let locked = self.lock.as_ref().and_then(|lock| lock.modules.get(&pack.path));
            let of = |source: &Source| source.modules.iter().find(|module| module.path == pack.path).cloned();
            let before = of(&self.manifest.source);
            return before.is_some()
                && before == of(&build.source)
                && locked.is_none_or(|locked| locked.tree == *tree);
        }
        let key = |tree: &Tree| index::key(&pack.path, tree.packs.get(&pack.path)?);
        let before = self.tree.as_ref().and_then(key);
        before.is_some() && before == key(&build.tree)
    }
}
