//! Reads a store as a node would: follows the trust, and checks signatures and packs.

pub mod environments;
pub mod history;
pub mod last_seen;
mod published;
pub mod site_store;
pub mod verified;

use std::collections::BTreeMap;

use stringless_archive::writer::ItemKind;
use stringless_core::document::Document;
use stringless_core::fleet;
use stringless_core::fleet::admit::HeadFloor;
use stringless_core::fleet::head::Head;
use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::pack::join_path;
use stringless_core::plan::{Floor, admit};
use stringless_core::refusal::Refusal;
use stringless_core::time::Timestamp;
use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::{self, Verified};
use stringless_core::version::Version;

pub use self::published::Published;
use self::verified::{REPLACE, VerifiedPack};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::store::Store;

/// The manifest in `bytes`, which were read at `key`, and the newest trust version whose keys signed it.
///
/// # Errors
/// When none of `trusts` fits.
fn verified(
    store: &Store,
    key: &str,
    site: &Name,
    environment: &Name,
    bytes: &[u8],
    trusts: &[TrustedKeys],
) -> Result<(Verified<Manifest>, u64)> {
    let found = newest_that_fits(trusts, |trusted| verify::manifest(bytes, trusted, site, environment));
    found.map_err(|refusal| foreign(&store.url(key), site, bytes, &refusal))
}

/// What `verify` makes of a document under the newest of `trusts` that fits, and the version of that trust.
///
/// # Errors
/// The refusal under the newest trust, when none fits.
fn newest_that_fits<T>(
    trusts: &[TrustedKeys],
    verify: impl Fn(&TrustedKeys) -> std::result::Result<T, Refusal>,
) -> std::result::Result<(T, u64), Refusal> {
    let mut refusal = None;
    for trusted in trusts.iter().rev() {
        match verify(trusted) {
            Ok(found) => return Ok((found, trusted.version)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or(Refusal::Signatures { valid: 0, threshold: 1, version: 0 }))
}

/// Checks whether a node that boots now would accept the manifest.
///
/// # Errors
/// The refusal of the node.
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

/// Checks whether a node that boots now would accept the head.
///
/// # Errors
/// The refusal of the node.
pub fn admit_new_head(
    head: &Verified<Head>,
    trust: &Trust,
    now: Timestamp,
) -> std::result::Result<(), Refusal> {
    let floor = HeadFloor { seen: None, trust_version: trust.version, trust_expires: trust.expires, now };
    fleet::admit::admit(head, &floor).map(drop)
}

/// Checks that the store has the agent that the manifest names, with the hashes that bootstrap scripts pin.
///
/// # Errors
/// When a file is missing, or has another hash.
pub fn check_agent(store: &Store, manifest: &Manifest) -> Result<()> {
    for (target, file) in &manifest.agent.targets {
        let key = layout::agent(&manifest.agent.version, target);
        let refused = |why: &str| {
            Error::refused(format!("verifying {}: {why}", store.url(&key)))
                .hint("`stringless agent push` uploads missing files; it never writes a wrong one, so somebody else did")
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

/// Checks every pack of a manifest as a node does, and that no two packs contain the same path.
///
/// # Errors
/// At the first pack that a node would refuse, or that the store does not have.
pub fn check_packs(store: &Store, manifest: &Manifest, progress: &Progress) -> Result<()> {
    let bar = progress.bytes("verifying", manifest.packs.iter().map(|pack| pack.size).sum());
    // Each path, and whether it is a folder: several packs may have the same folder.
    let mut seen: BTreeMap<String, bool> = BTreeMap::new();
    for line in &manifest.packs {
        let pack = VerifiedPack::fetch(store, line)?;
        let url = || store.url(&layout::pack(&line.sha256));
        for (at, _) in line.path.match_indices('/').chain([(line.path.len(), "")]).filter(|(at, _)| *at > 0) {
            seen.entry(line.path[..at].to_owned()).or_insert(true);
        }
        let mut double = None;
        pack.each(|item| {
            let path = join_path(&line.path, &item.path);
            let folder = item.kind == ItemKind::Folder;
            if seen.insert(path.clone(), folder).is_some_and(|before| !(before && folder)) {
                double = Some(path);
            }
        })
        .map_err(|refusal| Error::refusal("verifying", url(), &refusal).hint(REPLACE))?;
        if let Some(path) = double {
            return Err(Error::refused(format!("verifying {}: two packs contain `{path}`", url())));
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
            "it claims to belong to site `{other}`, but this is `{site}`: give each site a bucket or prefix of its own"
        )),
        (_, Refusal::TrustMissing { needed, current }) => Error::refused(format!(
            "verifying {url}: it was made under trust version {needed}, and `trust/` here ends with {current}"
        ))
        .hint("get the newest `trust/` from version control"),
        (_, Refusal::Needs(_)) => error.hint("a newer stringless wrote it: use that one"),
        (_, Refusal::Signatures { .. } | Refusal::FleetSignature { .. }) => {
            error.hint("get the newest `trust/` from version control; if nobody of this site signed the document, the store was tampered with")
        }
        _ => error.hint("it is damaged, or Stringless did not write it: find out how it came there, then remove it from the store. If it was the published release, `stringless publish` makes a new one"),
    }
}

/// The site that an unverified document claims to belong to; only for a hint.
fn claimed_site(bytes: &[u8]) -> Option<Name> {
    let payload: serde_json::Value = serde_json::from_slice(Document::parse(bytes).ok()?.payload).ok()?;
    Name::new(payload.get("site")?.as_str()?).ok()
}
