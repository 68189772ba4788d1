//! The site's stores, opened with its settings.

use std::fs;

use stringless_core::store::StoreSettings;

use crate::error::{Error, Result};
use crate::site::SiteFolder;
use crate::store::Store;

/// Opens the store that the site publishes to.
///
/// # Errors
/// When its settings or keys are not usable.
pub fn open_store(site: &SiteFolder) -> Result<Store> {
    open_one(site, &site.site.stores[0])
}

/// Opens one of the site's stores.
///
/// # Errors
/// As [`open_store`].
pub fn open_one(site: &SiteFolder, settings: &StoreSettings) -> Result<Store> {
    Store::open(settings, ca_pem(site)?.as_deref().map(str::as_bytes))
}

/// The text of the site's `node.ca_file`.
///
/// # Errors
/// When it cannot be read.
pub fn ca_pem(site: &SiteFolder) -> Result<Option<String>> {
    let Some(name) = &site.site.node.ca_file else { return Ok(None) };
    let path = site.root.join(name);
    let text = fs::read_to_string(&path).map_err(|e| {
        Error::configuration(format!("reading `{}`: {e}", path.display()))
            .hint("`node.ca_file` in the site file names it")
    })?;
    Ok(Some(text))
}
