//! What a store holds, read as a node would: trust walked, signatures and packs checked.

pub mod history;
pub mod last_seen;
pub mod verified;

use std::collections::BTreeMap;

use stringless_archive::writer::ItemKind;
use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::plan::{Floor, admit};
use stringless_core::refusal::Refusal;
use stringless_core::time::Timestamp;
use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::{self, Verified};
use stringless_core::version::Version;

use self::verified::{REPLACE, VerifiedPack};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::Store;

/// The published release of an environment.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its manifest.
    pub manifest: Verified<Manifest>,
    /// The store's validator for the pointer.
    pub etag: Option<String>,
    /// The trust version whose keys it is signed with.
    pub trust_version: u64,
}

impl Published {
    /// The trust version that it was made under: what its signatures count for, and no more.
    #[must_use]
    pub fn made_under(&self) -> u64 {
        self.trust_version.min(self.manifest.trust_version)
    }
}

/// Reads the pointer of `environment` and verifies it by one of `trusts`, the newest that fits.
///
/// # Errors
/// When the store does not answer, or what it holds is signed by none of them.
pub fn read(
    store: &Store,
    site: &Name,
    environment: &Name,
    trusts: &[TrustedKeys],
) -> Result<Option<Published>> {
    let key = layout::manifest(environment);
    let Some(object) = store.get(&key, MAX_BYTES as u64)? else { return Ok(None) };
    let (manifest, trust_version) = verified(store, &key, site, environment, &object.bytes, trusts)?;
    Ok(Some(Published { manifest, etag: object.etag, trust_version }))
}

/// Reads the release `serial` from the history of `environment`, and verifies it by one of `trusts`.
///
/// # Errors
/// When the store does not answer, has no such release, or what it holds is signed by none of them.
pub fn release(
    store: &Store,
    site: &Name,
    environment: &Name,
    serial: u64,
    trusts: &[TrustedKeys],
) -> Result<Verified<Manifest>> {
    let key = layout::history(environment, serial);
    let Some(object) = store.get(&key, MAX_BYTES as u64)? else {
        return Err(Error::usage(format!("reading {}: there is no such release", store.url(&key)))
            .hint(format!("`stringless history -e {environment}` lists what there is")));
    };
    let (manifest, _) = verified(store, &key, site, environment, &object.bytes, trusts)?;
    if manifest.serial == serial {
        return Ok(manifest);
    }
    Err(Error::refused(format!("verifying {}: it is serial {}", store.url(&key), manifest.serial))
        .hint("somebody put it there: compare with the other stores of the site"))
}

/// The manifest in `bytes`, which are at `key`, and the trust version whose keys it is signed with: the
/// newest that fits.
///
/// # Errors
/// When it is signed by none of them.
pub fn verified(
    store: &Store,
    key: &str,
    site: &Name,
    environment: &Name,
    bytes: &[u8],
    trusts: &[TrustedKeys],
) -> Result<(Verified<Manifest>, u64)> {
    let mut refusal = None;
    for trusted in trusts.iter().rev() {
        match verify::manifest(bytes, trusted, site, environment) {
            Ok(manifest) => return Ok((manifest, trusted.version)),
            // The newest trust's word is what is told.
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    let refusal = refusal.unwrap_or(Refusal::Signatures { valid: 0, threshold: 1, version: 0 });
    Err(foreign(&store.url(key), site, bytes, &refusal))
}

/// Whether a node that boots now would take the manifest.
///
/// # Errors
/// The node's refusal.
pub fn admit_new(
    manifest: &Verified<Manifest>,
    trust: &Trust,
    now: Timestamp,
) -> std::result::Result<(), Refusal> {
    let floor = Floor {
        seen: None,
        bootstrap: 0,
        bootstrap_version: trust.version,
        trust: trust.min_serial.get(&manifest.environment).copied().unwrap_or(0),
        trust_version: trust.version,
        trust_expires: trust.expires,
        agent: Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(manifest.agent.minimum),
        now,
    };
    admit(manifest, &floor)
}

/// Checks that the agent of a manifest is there, as a node's bootstrap pins it.
///
/// # Errors
/// When a file is missing, or another one.
pub fn check_agent(store: &Store, manifest: &Manifest) -> Result<()> {
    for (target, file) in &manifest.agent.targets {
        let key = layout::agent(&manifest.agent.version, target);
        let refused = |why: &str| {
            Error::refused(format!("verifying {}: {why}", store.url(&key)))
                .hint("`stringless agent push` uploads what is missing; a wrong file was put there by somebody else")
        };
        let object = store
            .get(&key, file.size)?
            .ok_or_else(|| refused("the manifest names it, and it is not there"))?;
        if Sha256::of(&object.bytes) != file.sha256 {
            return Err(refused("its hash is not that of the manifest"));
        }
    }
    Ok(())
}

/// Checks every pack of a manifest as a node does, and that no two of them fill one place.
///
/// # Errors
/// The first that a node would refuse, or that the store does not have.
pub fn check_packs(store: &Store, manifest: &Manifest, progress: &Progress) -> Result<()> {
    let bar = progress.bytes("verifying", manifest.packs.iter().map(|pack| pack.size).sum());
    // Path, and whether it is a folder: folders may meet.
    let mut seen: BTreeMap<String, bool> = BTreeMap::new();
    for line in &manifest.packs {
        let pack = VerifiedPack::fetch(store, line)?;
        let url = || store.url(&layout::pack(&line.sha256));
        for (at, _) in line.path.match_indices('/').chain([(line.path.len(), "")]).filter(|(at, _)| *at > 0) {
            seen.entry(line.path[..at].to_owned()).or_insert(true);
        }
        let mut meets = None;
        pack.each(|item| {
            let path = if line.path.is_empty() { item.path } else { format!("{}/{}", line.path, item.path) };
            let folder = item.kind == ItemKind::Folder;
            if seen.insert(path.clone(), folder).is_some_and(|before| !(before && folder)) {
                meets = Some(path);
            }
        })
        .map_err(|refusal| Error::refusal("verifying", url(), &refusal).hint(REPLACE))?;
        if let Some(path) = meets {
            return Err(Error::refused(format!("verifying {}: two packs fill `{path}`", url())));
        }
        bar.inc(line.size);
    }
    bar.finish_and_clear();
    Ok(())
}

fn foreign(url: &str, site: &Name, bytes: &[u8], refusal: &Refusal) -> Error {
    let error = Error::refusal("verifying", url, refusal);
    match (claimed_site(bytes), refusal) {
        (Some(other), Refusal::Foreign { .. } | Refusal::Signatures { .. }) if other != *site => error.hint(format!(
            "it says that it belongs to site `{other}`, this is `{site}`: give each site a bucket or prefix of its own"
        )),
        (_, Refusal::Signatures { .. }) => {
            error.hint("is `trust/` of the newest version? If nobody here signed it, the store was tampered with")
        }
        _ => error,
    }
}

/// What an unverified document says of itself: for a hint, and nothing else.
fn claimed_site(bytes: &[u8]) -> Option<Name> {
    let payload: serde_json::Value = serde_json::from_slice(Document::parse(bytes).ok()?.payload).ok()?;
    Name::new(payload.get("site")?.as_str()?).ok()
}
