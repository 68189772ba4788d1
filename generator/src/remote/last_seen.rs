//! What this copy of the site last saw published: `.stringless/published/<environment>`, the signed
//! manifest. A store that lost its newest release, or hides it, is then not the last word.

use std::fs;

use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::verify::{self, Verified};

use crate::error::Result;
use crate::fs::write_whole;
use crate::site::trust_chain::TrustFile;
use crate::site::{CACHE, SiteFolder};

/// A release that was published when it was last looked at.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its manifest.
    pub manifest: Verified<Manifest>,
    /// The newest trust version that it counts under.
    pub trust_version: u64,
}

impl Known {
    /// The trust version that it was made under.
    #[must_use]
    pub fn made_under(&self) -> u64 {
        self.trust_version.min(self.manifest.trust_version)
    }
}

/// Remembers the signed manifest `document` of `environment`.
///
/// # Errors
/// When it cannot be written.
pub fn keep(site: &SiteFolder, environment: &Name, document: &[u8]) -> Result<()> {
    write_whole(&site.cache(PUBLISHED)?.join(environment.as_str()), document)
}

/// What is remembered of `environment`, verified anew; none where that fails: it is a hint, not a proof.
#[must_use]
pub fn read(site: &SiteFolder, environment: &Name, chain: &[TrustFile]) -> Option<Known> {
    let path = site.root.join(CACHE).join(PUBLISHED).join(environment.as_str());
    let bytes = fs::read(path).ok()?;
    chain.iter().rev().find_map(|file| {
        let trusted = file.trust.trusted_keys();
        let manifest = verify::manifest(&bytes, &trusted, &site.site.site, environment).ok()?;
        Some(Known { manifest, trust_version: trusted.version })
    })
}

const PUBLISHED: &str = "published";
