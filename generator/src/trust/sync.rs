//! The site's trust documents, here in `trust/` and in the store: one chain, the same in both.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::trust::Trust;
use stringless_core::verify::{self, Verified};

use crate::error::{Error, Result};
use crate::fs::write_whole;
use crate::site::SiteFolder;
use crate::site::trust_chain::{TrustFile, newest};
use crate::store::{self, Store};

/// Whoever signs with yesterday's keys would be refused by nodes that know today's.
///
/// # Errors
/// Refused when the store has a trust document that follows `trust`.
pub fn refuse_newer(store: &Store, site: &SiteFolder, trust: &Trust) -> Result<()> {
    match newer_trust(store, &site.site.site, trust)?.last() {
        None => Ok(()),
        Some(newer) => Err(Error::refused(format!(
            "publishing: the store has trust version {}, `trust/` here ends at {}",
            newer.version, trust.version
        ))
        .hint("get the newest `trust/` from version control")),
    }
}

/// Brings this document into the store, if there is none of that version.
///
/// # Errors
/// Refused when there is another one: two histories of one site.
pub fn put(store: &Store, file: &TrustFile) -> Result<()> {
    let key = layout::trust(file.trust.version);
    if store::put_same(store, &key, &file.bytes)? {
        return Ok(());
    }
    Err(store::taken(store, &key, "a trust version never changes").hint(format!(
        "`{key}` beside the site file is another one: get `trust/` from version control, or, if it was never published, remove it"
    )))
}

/// Brings every document of the chain into the store; true when the newest was not there.
///
/// # Errors
/// As [`put`].
pub fn bring(store: &Store, chain: &[TrustFile]) -> Result<bool> {
    let key = layout::trust(newest(chain)?.version);
    let missing = store.get(&key, MAX_BYTES)?.is_none();
    // All of them where the last is missing; else only whether the last is the same.
    let from = if missing { 0 } else { chain.len() - 1 };
    chain[from..].iter().try_for_each(|file| put(store, file))?;
    Ok(missing)
}

/// Makes `document` the newest of the chain: first here, then in the store. What is cut off between the
/// two is mended by [`bring`], with the next change or publication.
///
/// # Errors
/// Refused when it does not follow. Temporary when somebody else's change was faster: nothing is kept then.
pub fn extend(site: &SiteFolder, store: &Store, newest: &Trust, document: &[u8]) -> Result<()> {
    let trusted = newest.trusted_keys();
    let next = verify::next_trust(document, &trusted, &site.site.site).map_err(|refusal| {
        Error::refusal("verifying", format!("trust version {}", newest.version + 1), &refusal)
            .hint("it was signed, and nodes would not take it: nothing was written")
    })?;
    let key = layout::trust(next.version);
    let path = site.root.join(&key);
    write_whole(&path, document)?;
    // It belongs into version control, and holds nothing secret.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
        .map_err(|e| Error::io("writing", &path, e))?;
    if store::put_same(store, &key, document)? {
        return Ok(());
    }
    fs::remove_file(&path).map_err(|e| Error::io("removing", &path, e))?;
    Err(Error::temporary(format!("writing {}: another change of the keys was faster", store.url(&key)))
        .hint("get the newest `trust/` from version control, then run it again"))
}

const MAX_BYTES: u64 = stringless_core::json::MAX_BYTES as u64;

/// The trust documents of the store that follow `newest`, each verified by the one before it.
///
/// # Errors
/// When the store does not answer, or a document does not follow.
pub fn newer_trust(store: &Store, site: &Name, newest: &Trust) -> Result<Vec<Verified<Trust>>> {
    let mut newer: Vec<Verified<Trust>> = Vec::new();
    loop {
        let last = newer.last().map_or(newest, |trust| trust);
        let key = layout::trust(last.version + 1);
        let Some(object) = store.get(&key, MAX_BYTES as u64)? else { return Ok(newer) };
        let next = verify::next_trust(&object.bytes, &last.trusted_keys(), site);
        newer.push(next.map_err(|refusal| {
            Error::refusal("verifying", store.url(&key), &refusal).hint(
                "it does not follow `trust/` here: remove it from the store, once you know how it came there",
            )
        })?);
    }
}
