//! The content of the last release, for a module that is no longer there.

use std::sync::OnceLock;

use stringless_archive::writer::Item;
use stringless_core::name::Name;

use crate::error::Result;
use crate::modules::fallback::Fallback;
use crate::modules::tree::Tree;
use crate::puppetfile::name::slug;
use crate::remote::verified::VerifiedPack;
use crate::remote::{self, Published};
use crate::site::stores::open_store;
use crate::site::{SiteDir, trust_chain};
use crate::store::Store;

/// The last release of an environment; the store is asked when it is needed, and once.
#[derive(Debug)]
pub struct LastRelease<'a> {
    site: &'a SiteDir,
    environment: &'a Name,
    found: OnceLock<Option<(Store, Published)>>,
}

impl<'a> LastRelease<'a> {
    /// What `environment` has in the site's first store.
    #[must_use]
    pub fn new(site: &'a SiteDir, environment: &'a Name) -> Self {
        Self { site, environment, found: OnceLock::new() }
    }

    /// Whoever cannot read the store is told why the module cannot be fetched, which comes first.
    fn found(&self) -> Option<&(Store, Published)> {
        let read = || {
            let store = open_store(self.site).ok()?;
            let trusts = trust_chain::keys(&self.site.trust().ok()?);
            let release = remote::read(&store, &self.site.site.site, self.environment, &trusts).ok()??;
            Some((store, release))
        };
        self.found.get_or_init(read).as_ref()
    }
}

impl Fallback for LastRelease<'_> {
    fn tree(&self, name: &str, release: &str) -> Result<Option<Tree>> {
        let Some((store, found)) = self.found() else { return Ok(None) };
        let modules = &found.manifest.source.modules;
        let same =
            modules.iter().find(|module| slug(&module.name) == slug(name) && module.version == release);
        let pack = same.and_then(|module| found.manifest.packs.iter().find(|pack| pack.path == module.path));
        let Some(pack) = pack else { return Ok(None) };
        let mut items: Vec<Item> = Vec::new();
        // A pack that is not as it was published is not what was locked either.
        let read = VerifiedPack::fetch(store, pack)?.each(|item| items.push(item));
        if read.is_err() {
            return Ok(None);
        }
        Ok(Tree::new(items).ok())
    }
}
