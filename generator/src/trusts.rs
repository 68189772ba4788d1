//! The site's trust documents, here in `trust/` and in the store: one chain, the same in both.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use agent_core::layout;
use agent_core::trust::Trust;
use agent_core::verify;

use crate::build::write_whole;
use crate::error::{Error, Result};
use crate::folder::{SiteFolder, TrustFile, now};
use crate::published;
use crate::store::Store;
use crate::upload;

/// The newest trust of a chain.
///
/// # Errors
/// When there is none.
pub fn newest(chain: &[TrustFile]) -> Result<&Trust> {
    let last = chain.last().ok_or_else(|| Error::configuration("reading `trust/`: it is empty"))?;
    Ok(&last.trust)
}

/// The newest trust, which may sign: it is not past its date.
///
/// # Errors
/// Refused when it is.
pub fn in_force(chain: &[TrustFile]) -> Result<&Trust> {
    let newest = newest(chain)?;
    match newest.expires {
        Some(expires) if now() >= expires => {
            Err(Error::refused(format!("verifying `trust/{}.json`: it expired at {expires}", newest.version))
                .hint("`stringless refresh` gives it another year"))
        }
        _ => Ok(newest),
    }
}

/// Whoever signs with yesterday's keys would be refused by nodes that know today's.
///
/// # Errors
/// Refused when the store has a trust document that follows `trust`.
pub fn refuse_newer(store: &Store, site: &SiteFolder, trust: &Trust) -> Result<()> {
    match published::newer_trust(store, &site.site.site, trust)?.last() {
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
    if upload::put_same(store, &key, &file.bytes)? {
        return Ok(());
    }
    Err(upload::taken(store, &key, "a trust version never changes").hint(format!(
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
    if upload::put_same(store, &key, document)? {
        return Ok(());
    }
    fs::remove_file(&path).map_err(|e| Error::io("removing", &path, e))?;
    Err(Error::temporary(format!("writing {}: another change of the keys was faster", store.url(&key)))
        .hint("get the newest `trust/` from version control, then run it again"))
}

const MAX_BYTES: u64 = agent_core::json::MAX_BYTES as u64;
