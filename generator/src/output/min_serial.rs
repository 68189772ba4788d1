//! The lowest serial that new nodes accept, from the store.

use stringless_core::name::Name;

use super::print;
use crate::error::{Error, Result};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::open_store;
use crate::site::trust_chain::TrustFile;

/// The published serial of `environment`; 1, with a warning, when nothing is published.
///
/// # Errors
/// When the store does not answer, or what it holds is refused.
pub fn published_serial(site: &SiteDir, environment: &Name, chain: &[TrustFile]) -> Result<u64> {
    let query = || SiteStore::new(site, open_store(site)?, chain.to_vec()).published(environment);
    let published = query().map_err(|error| {
        if error.hint_text().is_some() {
            return error;
        }
        error.hint("`--min-serial N` renders without a query to the store")
    })?;
    if published.as_ref().is_some_and(|published| published.manifest.retired) {
        return Err(Error::refused(format!("rendering for `{environment}`: the environment was retired"))
            .hint(format!("name another one, or publish it again: `stringless publish -e {environment}`")));
    }
    if published.is_none() {
        print::note(&format!(
            "warning: nothing is published for `{environment}` yet; nodes will wait for the first release"
        ));
    }
    Ok(published.map_or(1, |published| published.lowest_serial()))
}
