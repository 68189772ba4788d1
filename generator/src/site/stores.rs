//! Opens the stores of a site.

use std::fs;

use stringless_core::store::StoreSettings;

use crate::error::{Error, Result};
use crate::site::SiteDir;
use crate::store::Store;

/// Opens the store that the site publishes to.
///
/// # Errors
/// When its settings or keys cannot be used.
pub fn open_store(site: &SiteDir) -> Result<Store> {
    open_one(site, &site.site.stores[0])
}

/// Opens one of the site's stores.
///
/// # Errors
/// As [`open_store`].
pub fn open_one(site: &SiteDir, settings: &StoreSettings) -> Result<Store> {
    Store::open(settings, ca_pem(site)?.as_deref().map(str::as_bytes))
}

/// The settings of the site's store with this URL, or of the first store without a URL.
///
/// # Errors
/// When the site has no such store.
pub fn settings<'a>(site: &'a SiteDir, url: Option<&str>) -> Result<&'a StoreSettings> {
    let stores = &site.site.stores;
    let Some(url) = url else { return Ok(&stores[0]) };
    stores.iter().find(|settings| same_url(&settings.url, url)).ok_or_else(|| {
        let all: Vec<&str> = stores.iter().map(|settings| settings.url.as_str()).collect();
        Error::usage(format!("choosing the store: the site has no store `{url}`"))
            .hint(format!("one of {}", all.join(", ")))
    })
}

/// Whether two URLs name the same store: a slash at the end makes no difference.
#[must_use]
pub fn same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The text of the site's `node.ca_file`, if there is one.
///
/// # Errors
/// When it cannot be read.
pub fn ca_pem(site: &SiteDir) -> Result<Option<String>> {
    let Some(name) = &site.site.node.ca_file else { return Ok(None) };
    let path = site.root.join(name);
    let text = fs::read_to_string(&path).map_err(|e| {
        Error::configuration(format!("reading `{}`: {e}", path.display()))
            .hint("check `node.ca_file` in the site file")
    })?;
    Ok(Some(text))
}
