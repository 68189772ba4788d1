//! Modules that are gone where they came from: what was published still has them.

use std::sync::OnceLock;

use agent_core::name::Name;

use super::lockfile::slug;
use super::tree::Tree;
use crate::bundle::Item;
use crate::commands::open_store;
use crate::error::Result;
use crate::folder::SiteFolder;
use crate::published::{self, Published};
use crate::store::Store;
use crate::unpack;

/// Where to look for a module that is nowhere else any more.
pub trait Vanished: Sync {
    /// The content of the module `name`, of that release; `None` where it is not.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn tree(&self, name: &str, release: &str) -> Result<Option<Tree>>;
}

/// The last release of an environment; the store is asked when it is needed, and once.
#[derive(Debug)]
pub struct LastRelease<'a> {
    site: &'a SiteFolder,
    environment: &'a Name,
    found: OnceLock<Option<(Store, Published)>>,
}

impl<'a> LastRelease<'a> {
    /// What `environment` has in the site's first store.
    #[must_use]
    pub fn new(site: &'a SiteFolder, environment: &'a Name) -> Self {
        Self { site, environment, found: OnceLock::new() }
    }

    /// Whoever cannot read the store is told why the module cannot be fetched, which comes first.
    fn found(&self) -> Option<&(Store, Published)> {
        let read = || {
            let store = open_store(self.site).ok()?;
            let trusts = published::keys(&self.site.trust().ok()?);
            let release = published::read(&store, &self.site.site.site, self.environment, &trusts).ok()??;
            Some((store, release))
        };
        self.found.get_or_init(read).as_ref()
    }
}

impl Vanished for LastRelease<'_> {
    fn tree(&self, name: &str, release: &str) -> Result<Option<Tree>> {
        let Some((store, found)) = self.found() else { return Ok(None) };
        let modules = &found.manifest.source.modules;
        let same =
            modules.iter().find(|module| slug(&module.name) == slug(name) && module.version == release);
        let pack = same.and_then(|module| found.manifest.packs.iter().find(|pack| pack.path == module.path));
        let Some(pack) = pack else { return Ok(None) };
        let bytes = published::pack(store, pack)?;
        let mut items: Vec<Item> = Vec::new();
        // What is not as it was published is not what was locked either.
        if unpack::each(pack, &bytes, |item| items.push(item)).is_err() {
            return Ok(None);
        }
        Ok(Tree::new(items).ok())
    }
}
