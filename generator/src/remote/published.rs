//! What the nodes of an environment follow: the object `env/<environment>/head`, and the releases that it leads to.

use stringless_core::fleet::head::{Head, ManifestRef};
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::refusal::Refusal;
use stringless_core::trust::TrustedKeys;
use stringless_core::verify::{self, Verified};

use super::{foreign, newest_that_fits, verified};
use crate::error::{Error, Result};
use crate::store::Store;

/// What is published of an environment.
#[derive(Clone, Debug)]
pub struct Published {
    /// The manifest of the newest release that nodes follow.
    pub manifest: Verified<Manifest>,
    /// That manifest as a signed document.
    pub document: Vec<u8>,
    /// The newest trust version whose keys signed it.
    pub trust_version: u64,
    /// The object that nodes read: the same document, or a head.
    pub pointer: Vec<u8>,
    /// The newest trust version whose keys signed that object.
    pub pointer_trust: u64,
    /// The ETag of that object.
    pub etag: Option<String>,
    /// The head, in a site with fleet keys.
    pub head: Option<Verified<Head>>,
    /// The stable release and its signed document, while a newer one is on its way.
    pub stable: Option<(Verified<Manifest>, Vec<u8>)>,
}

impl Published {
    /// The trust version that it was made under; at most the newest whose keys signed it.
    #[must_use]
    pub fn made_under(&self) -> u64 {
        self.trust_version.min(self.manifest.trust_version)
    }

    /// The lowest serial that a new node may get: that of the stable release.
    #[must_use]
    pub fn lowest_serial(&self) -> u64 {
        self.stable.as_ref().map_or(self.manifest.serial, |(stable, _)| stable.serial)
    }

    /// Of two, the one with the greater value is newer. Heads say it themselves; in a site without fleet keys, their
    /// manifests do.
    #[must_use]
    pub fn order(&self) -> (u64, u64, u64) {
        let version = self.head.as_ref().map_or(0, |head| head.version);
        let made_under = self.head.as_ref().map_or(self.manifest.trust_version, |head| head.trust_version);
        (self.pointer_trust.min(made_under), version, self.manifest.serial)
    }
}

/// The document that nodes read, verified.
enum Pointer {
    Manifest(Box<Verified<Manifest>>),
    Head(Box<Verified<Head>>),
}

/// Reads what is published of `environment`, and verifies it with the newest of `trusts` that fits.
///
/// # Errors
/// When the store does not answer, none of `trusts` fits, or the store lacks a release that the head names.
pub(super) fn read(
    store: &Store,
    site: &Name,
    environment: &Name,
    trusts: &[TrustedKeys],
) -> Result<Option<Published>> {
    let key = layout::head(environment);
    let Some(object) = store.get(&key, MAX_BYTES as u64)? else { return Ok(None) };
    let (pointer, bytes, etag) = (object.bytes.clone(), object.bytes, object.etag);
    let (found, by) = pointed(store, &key, site, environment, &bytes, trusts)?;
    let head = match found {
        Pointer::Head(head) => *head,
        Pointer::Manifest(manifest) => {
            return Ok(Some(Published {
                manifest: *manifest,
                document: bytes,
                trust_version: by,
                pointer,
                pointer_trust: by,
                etag,
                head: None,
                stable: None,
            }));
        }
    };
    let named = |release: &ManifestRef| named(store, site, environment, release, trusts);
    let (stable, stable_document, stable_by) = named(&head.stable)?;
    let (manifest, document, trust_version, stable) = match &head.next {
        None => (stable, stable_document, stable_by, None),
        Some(next) => {
            let (manifest, document, by) = named(&next.release())?;
            (manifest, document, by, Some((stable, stable_document)))
        }
    };
    Ok(Some(Published {
        manifest,
        document,
        trust_version,
        pointer,
        pointer_trust: by,
        etag,
        head: Some(head),
        stable,
    }))
}

/// What the bytes are under the newest trust that fits: with fleet keys a head, otherwise a manifest.
fn pointed(
    store: &Store,
    key: &str,
    site: &Name,
    environment: &Name,
    bytes: &[u8],
    trusts: &[TrustedKeys],
) -> Result<(Pointer, u64)> {
    let found = newest_that_fits(trusts, |trusted| match trusted.fleet.is_empty() {
        true => verify::manifest(bytes, trusted, site, environment).map(Box::new).map(Pointer::Manifest),
        false => verify::head(bytes, trusted, site, environment).map(Box::new).map(Pointer::Head),
    });
    found.map_err(|refusal| foreign(&store.url(key), site, bytes, &refusal))
}

/// The release that a head names, from the history.
fn named(
    store: &Store,
    site: &Name,
    environment: &Name,
    release: &ManifestRef,
    trusts: &[TrustedKeys],
) -> Result<(Verified<Manifest>, Vec<u8>, u64)> {
    let key = layout::history(environment, release.serial);
    let Some(object) = store.get(&key, MAX_BYTES as u64)? else {
        return Err(Error::refused(format!(
            "reading {}: {} names it, and it is not there",
            store.url(&key),
            store.url(&layout::head(environment))
        ))
        .hint(format!(
            "a mirror may have it: `stringless mirror URL --from STORE`; otherwise remove `{}` from the store, and \
             `stringless publish -e {environment}`",
            layout::head(environment)
        )));
    };
    let (manifest, by) = verified(store, &key, site, environment, &object.bytes, trusts)?;
    if manifest.sha256() != release.sha256 || manifest.trust_version != release.trust_version {
        let refusal = Refusal::NotNamed { found: manifest.sha256(), expected: release.sha256 };
        return Err(Error::refusal("verifying", store.url(&key), &refusal)
            .hint(format!(
                "somebody replaced one of the two: find out who; then remove `{}` from the store, and `stringless \
                 publish -e {environment}`",
                layout::head(environment)
            )));
    }
    Ok((manifest, object.bytes, by))
}
