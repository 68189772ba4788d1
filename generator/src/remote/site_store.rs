//! One store of a site, with the keys whose signatures count there.

use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::store::StoreSettings;
use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::Verified;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::remote::history::{History, Release};
use crate::remote::last_seen::{self, LastSeen};
use crate::remote::{self, Published, published};
use crate::site::trust_chain::{self, TrustFile};
use crate::site::{SiteDir, stores};
use crate::store::Store;

/// A store of a site: what every command needs that reads a release or publishes one.
#[derive(Debug)]
pub struct SiteStore<'a> {
    /// The site.
    pub site: &'a SiteDir,
    /// The store.
    pub store: Store,
    /// The site's trust documents, the first version first.
    pub chain: Vec<TrustFile>,
    /// The keys of each trust document.
    keys: Vec<TrustedKeys>,
}

impl<'a> SiteStore<'a> {
    /// Opens the store that the site publishes to.
    ///
    /// # Errors
    /// When `trust/` is not complete, or the settings or keys of the store cannot be used.
    pub fn open(site: &'a SiteDir) -> Result<Self> {
        let chain = site.trust()?;
        Ok(Self::new(site, stores::open_store(site)?, chain))
    }

    /// Opens the store that the site publishes to, in order to write to it.
    ///
    /// # Errors
    /// As [`SiteStore::open`], and when the store is a web server.
    pub fn open_to_write(site: &'a SiteDir) -> Result<Self> {
        let opened = Self::open(site)?;
        opened.store.check_writable()?;
        Ok(opened)
    }

    /// Opens the store with these settings.
    ///
    /// # Errors
    /// As [`SiteStore::open`].
    pub fn open_one(site: &'a SiteDir, settings: &StoreSettings) -> Result<Self> {
        let chain = site.trust()?;
        Ok(Self::new(site, stores::open_one(site, settings)?, chain))
    }

    /// A store that was opened before, with the trust documents that were read before.
    #[must_use]
    pub fn new(site: &'a SiteDir, store: Store, chain: Vec<TrustFile>) -> Self {
        let keys = trust_chain::keys(&chain);
        Self { site, store, chain, keys }
    }

    /// Reads the trust documents from disk again, after a change of the keys was written.
    ///
    /// # Errors
    /// As [`SiteDir::trust`].
    pub fn reload_trust(self) -> Result<Self> {
        let chain = self.site.trust()?;
        Ok(Self::new(self.site, self.store, chain))
    }

    /// The site's name.
    #[must_use]
    pub fn name(&self) -> &'a Name {
        &self.site.site.site
    }

    /// The newest trust.
    ///
    /// # Errors
    /// When there is no trust document.
    pub fn newest_trust(&self) -> Result<&Trust> {
        Ok(trust_chain::newest(&self.chain)?)
    }

    /// The newest trust, if it has not expired.
    ///
    /// # Errors
    /// Refused when it has expired.
    pub fn trust_in_force(&self) -> Result<&Trust> {
        trust_chain::in_force(&self.chain)
    }

    /// The published release of `environment`; `None` when nothing is published. It is verified by the newest
    /// trust of the site that fits.
    ///
    /// # Errors
    /// When the store does not answer, or the keys of no trust version signed what it holds.
    pub fn published(&self, environment: &Name) -> Result<Option<Published>> {
        published::read(&self.store, self.name(), environment, &self.keys)
    }

    /// The published release of `environment`, verified by the keys of `trust` alone.
    ///
    /// # Errors
    /// As [`SiteStore::published`].
    pub fn published_under(&self, environment: &Name, trust: &Trust) -> Result<Option<Published>> {
        published::read(&self.store, self.name(), environment, &[trust.trusted_keys()])
    }

    /// The release `serial` from the history of `environment`.
    ///
    /// # Errors
    /// When the store does not answer or has no such release, or the keys of no trust version signed it.
    pub fn release(&self, environment: &Name, serial: u64) -> Result<Release> {
        self.history(environment).release(serial)?.ok_or_else(|| {
            let url = self.store.url(&layout::history(environment, serial));
            Error::usage(format!("reading {url}: there is no such release"))
                .hint(format!("`stringless history -e {environment}` lists the releases"))
        })
    }

    /// The manifest in `bytes`, which were read at `key`, and the newest trust version whose keys signed it.
    ///
    /// # Errors
    /// When the keys of no trust version signed it.
    pub fn verified(&self, key: &str, environment: &Name, bytes: &[u8]) -> Result<(Verified<Manifest>, u64)> {
        remote::verified(&self.store, key, self.name(), environment, bytes, &self.keys)
    }

    /// The releases of `environment`.
    #[must_use]
    pub fn history<'b>(&'b self, environment: &'b Name) -> History<'b> {
        History { from: self, environment }
    }

    /// Why a node that has the newest trust refuses what is published; `None` if it accepts it.
    ///
    /// # Errors
    /// When there is no trust document, or the store does not answer.
    pub fn refusal(&self, environment: &Name, published: &Published) -> Result<Option<Error>> {
        let trust = self.newest_trust()?;
        if published.trust_version.min(published.pointer_trust) < trust.version {
            match self.published_under(environment, trust) {
                Err(error) if error.is_refusal() => return Ok(Some(error)),
                other => drop(other?),
            }
        }
        let url = self.store.url(&layout::head(environment));
        let head = published.head.as_ref().map_or(Ok(()), |head| remote::admit_new_head(head, trust, now()));
        let refusal = head.and_then(|()| remote::admit_new(&published.manifest, trust, now())).err();
        Ok(refusal.map(|refusal| Error::refusal("verifying", url, &refusal)))
    }

    /// The release of `environment` that this copy of the site last saw published.
    #[must_use]
    pub fn last_seen(&self, environment: &Name) -> Option<LastSeen> {
        last_seen::read(self.site, environment, &self.chain)
    }
}
