//! The last manifest that this copy of the site saw published: `.stringless/published/<environment>`. It shows
//! that a store has lost its newest release, or hides it.

use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::verify::{self, Verified};

use crate::cache;
use crate::error::Result;
use crate::fs::write_atomic;
use crate::site::trust_chain::TrustFile;
use crate::site::{CACHE, SiteDir};

/// A release that was published when this copy of the site last read the store.
#[derive(Clone, Debug)]
pub struct LastSeen {
    /// Its manifest.
    pub manifest: Verified<Manifest>,
    /// The newest trust version whose keys signed it.
    pub trust_version: u64,
}

impl LastSeen {
    /// The trust version that it was made under.
    #[must_use]
    pub fn made_under(&self) -> u64 {
        self.trust_version.min(self.manifest.trust_version)
    }
}

/// Saves the signed manifest `document` of `environment`.
///
/// # Errors
/// When it cannot be written.
pub fn save(site: &SiteDir, environment: &Name, document: &[u8]) -> Result<()> {
    write_atomic(&site.cache(PUBLISHED)?.join(environment.as_str()), document)
}

/// The last manifest seen of `environment`, verified again; `None` when there is none, or when it no longer
/// verifies. Only a hint.
#[must_use]
pub fn read(site: &SiteDir, environment: &Name, chain: &[TrustFile]) -> Option<LastSeen> {
    let path = site.root.join(CACHE).join(PUBLISHED).join(environment.as_str());
    let bytes = cache::read(&path).ok()??;
    chain.iter().rev().find_map(|file| {
        let trusted = file.trust.trusted_keys();
        let manifest = verify::manifest(&bytes, &trusted, &site.site.site, environment).ok()?;
        Some(LastSeen { manifest, trust_version: trusted.version })
    })
}

const PUBLISHED: &str = "published";
