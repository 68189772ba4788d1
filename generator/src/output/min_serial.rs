//! The lowest serial that new nodes accept, from the store.

use stringless_core::name::Name;
use stringless_render::choice::Published;

use super::print;
use crate::error::{Error, Result};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::open_store;
use crate::site::trust_chain::TrustFile;

/// What a new node of `environment` finds in the store.
///
/// # Errors
/// When the store does not answer, or what it holds is refused.
pub fn published(remote: &SiteStore<'_>, environment: &Name) -> Result<Published> {
    Ok(match remote.published(environment)? {
        None => Published::Nothing,
        Some(found) if found.manifest.retired => Published::Retired,
        Some(found) => Published::Release(found.lowest_serial()),
    })
}

/// The serial of the stable release of `environment`; 1, with a warning, when nothing is published.
///
/// # Errors
/// When the store does not answer, what it holds is refused, or the environment was retired.
pub fn published_serial(site: &SiteDir, environment: &Name, chain: &[TrustFile]) -> Result<u64> {
    let query = || published(&SiteStore::new(site, open_store(site)?, chain.to_vec()), environment);
    let found = query().map_err(|error| {
        if error.hint_text().is_some() {
            return error;
        }
        error.hint("`--min-serial N` renders without a query to the store")
    })?;
    let serial = found.serial(environment).map_err(Error::refused_fault)?;
    if serial.is_none() {
        print::note(&format!(
            "warning: nothing is published for `{environment}` yet; nodes will wait for the first release"
        ));
    }
    Ok(serial.unwrap_or(1))
}
