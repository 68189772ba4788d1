//! The environments that a store has, whether the site still has them or not.

use std::collections::BTreeSet;

use stringless_core::name::Name;

use crate::error::Result;
use crate::store::Store;

/// The environments with a pointer in `store`. Objects that Stringless did not write are ignored.
///
/// # Errors
/// When the store does not answer, or cannot list.
pub fn listed(store: &Store) -> Result<BTreeSet<Name>> {
    let listed = store.list(FOLDER)?;
    let names = listed.iter().filter_map(|one| one.key.strip_prefix(FOLDER)?.strip_suffix(POINTER));
    Ok(names.filter_map(|name| Name::new(name).ok()).collect())
}

const FOLDER: &str = "env/";
const POINTER: &str = "/head";
