//! The site's trust documents in `trust/` and in the store: one chain, the same in both.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stringless_core::layout;
use stringless_core::trust::Trust;
use stringless_core::verify::{self, Verified};

use crate::error::{Error, Result};
use crate::fs::write_atomic;
use crate::remote::site_store::SiteStore;
use crate::site::trust_chain::TrustFile;
use crate::store::{self, Store};

/// Refuses to sign with keys that a newer trust document in the store may have replaced: nodes would refuse the
/// release.
///
/// # Errors
/// Refused when the store has a trust document that follows the newest one in `trust/`.
pub fn refuse_newer(remote: &SiteStore<'_>) -> Result<()> {
    match newer_trust(remote)?.last() {
        None => Ok(()),
        Some(newer) => Err(Error::refused(format!(
            "publishing: the store has trust version {}, `trust/` here ends at {}",
            newer.version,
            remote.newest_trust()?.version
        ))
        .hint("get the newest `trust/` from version control")),
    }
}

/// Writes this document to the store, unless the store has it.
///
/// # Errors
/// Refused when the store has another document of that version: the site has two histories.
pub fn put(store: &Store, file: &TrustFile) -> Result<()> {
    let key = layout::trust(file.trust.version);
    if store::put_immutable(store, &key, &file.bytes)? {
        return Ok(());
    }
    Err(store::different_object(store, &key, "a trust version never changes").hint(format!(
        "`{key}` beside the site file differs from the one in the store: get `trust/` from version control, or remove the file if it was never published"
    )))
}

/// Writes every document of the chain to the store; returns whether the newest one was missing there.
///
/// # Errors
/// As [`put`].
pub fn sync_chain(remote: &SiteStore<'_>) -> Result<bool> {
    let (store, chain) = (&remote.store, &remote.chain);
    let key = layout::trust(remote.newest_trust()?.version);
    let missing = store.get(&key, MAX_BYTES)?.is_none();
    // If the newest one is there, the others are, too: they were written before it.
    let from = if missing { 0 } else { chain.len() - 1 };
    chain[from..].iter().try_for_each(|file| put(store, file))?;
    Ok(missing)
}

/// Makes `document` the newest of the chain: first in `trust/`, then in the store. If it is interrupted between
/// the two, the next change of the keys ([`sync_chain`]) or the next publication writes it to the store.
///
/// # Errors
/// Refused when the document does not follow the newest trust. Temporary when another change of the keys was
/// faster: then `trust/` stays as it was.
pub fn extend(remote: &SiteStore<'_>, document: &[u8]) -> Result<()> {
    let (site, store, newest) = (remote.site, &remote.store, remote.newest_trust()?);
    let next = verify::next_trust(document, &newest.trusted_keys(), remote.name()).map_err(|refusal| {
        Error::refusal("verifying", format!("trust version {}", newest.version + 1), &refusal)
            .hint("it was signed, but nodes would refuse it: nothing was written")
    })?;
    let key = layout::trust(next.version);
    let path = site.root.join(&key);
    write_atomic(&path, document)?;
    // The file belongs into version control and holds no secret.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
        .map_err(|e| Error::io("writing", &path, e))?;
    if store::put_immutable(store, &key, document)? {
        return Ok(());
    }
    fs::remove_file(&path).map_err(|e| Error::io("removing", &path, e))?;
    Err(Error::temporary(format!("writing {}: another change of the keys was faster", store.url(&key)))
        .hint("get the newest `trust/` from version control, then run it again"))
}

/// The trust documents of the store that follow the newest one in `trust/`, each verified by the one before it.
///
/// # Errors
/// When the store does not answer, or a document does not follow the one before it.
pub fn newer_trust(remote: &SiteStore<'_>) -> Result<Vec<Verified<Trust>>> {
    let (store, newest) = (&remote.store, remote.newest_trust()?);
    let mut newer: Vec<Verified<Trust>> = Vec::new();
    loop {
        let last = newer.last().map_or(newest, |trust| trust);
        let key = layout::trust(last.version + 1);
        let Some(object) = store.get(&key, MAX_BYTES)? else { return Ok(newer) };
        let next = verify::next_trust(&object.bytes, &last.trusted_keys(), remote.name());
        newer.push(next.map_err(|refusal| {
            Error::refusal("verifying", store.url(&key), &refusal).hint(
                "it does not follow `trust/` here: find out how it came there, then remove it from the store",
            )
        })?);
    }
}

const MAX_BYTES: u64 = stringless_core::json::MAX_BYTES as u64;
