//! The content of the last release, for a module that can no longer be downloaded.

use std::sync::OnceLock;

use stringless_archive::writer::Item;
use stringless_core::name::Name;

use crate::error::Result;
use crate::modules::fallback::Fallback;
use crate::modules::tree::Tree;
use crate::puppetfile::name::slug;
use crate::remote::Published;
use crate::remote::site_store::SiteStore;
use crate::remote::verified::VerifiedPack;
use crate::site::SiteDir;

/// The last release of an environment. It is read from the store when it is needed, and only once.
#[derive(Debug)]
pub struct LastRelease<'a> {
    site: &'a SiteDir,
    environment: &'a Name,
    found: OnceLock<Option<(SiteStore<'a>, Published)>>,
}

impl<'a> LastRelease<'a> {
    /// The last release of `environment` in the site's first store.
    #[must_use]
    pub fn new(site: &'a SiteDir, environment: &'a Name) -> Self {
        Self { site, environment, found: OnceLock::new() }
    }

    /// The last release, if it can be read. If not, the error about the module is reported, not this one.
    fn found(&self) -> Option<&(SiteStore<'a>, Published)> {
        let read = || {
            let remote = SiteStore::open(self.site).ok()?;
            let release = remote.published(self.environment).ok()??;
            Some((remote, release))
        };
        self.found.get_or_init(read).as_ref()
    }
}

impl Fallback for LastRelease<'_> {
    fn tree(&self, name: &str, release: &str, from: &str) -> Result<Option<Tree>> {
        let Some((remote, found)) = self.found() else { return Ok(None) };
        let modules = &found.manifest.source.modules;
        let same = modules.iter().find(|module| {
            slug(&module.name) == slug(name) && module.version == release && module.from == from
        });
        let pack = same.and_then(|module| found.manifest.packs.iter().find(|pack| pack.path == module.path));
        let Some(pack) = pack else { return Ok(None) };
        let mut items: Vec<Item> = Vec::new();
        // A pack that is not as it was published does not match the lock file either.
        let read = VerifiedPack::fetch(&remote.store, pack)?.each(|item| items.push(item));
        if read.is_err() {
            return Ok(None);
        }
        Ok(Tree::new(items).ok())
    }
}
