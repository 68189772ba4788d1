//! A manifest that was decided upon → signed, uploaded, remembered; or waiting for signatures.

use stringless_core::document::Document;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::Trust;
use stringless_core::{layout, verify};

use crate::clock::now;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::plan::{self, Before};
use crate::release::upload::{self, Moved, Packs, Upload, Uploaded};
use crate::remote::{self, Published, last_seen};
use crate::site::SiteFolder;
use crate::site::trust_chain::{self, TrustFile};
use crate::store::Store;
use crate::trust::pending::{self, Content, Pending};
use crate::trust::quorum::Quorum;
use crate::trust::signer::{self, Keys, Signed, Waiting};

/// Where a release goes, and what is there.
#[derive(Debug)]
pub struct Place<'a> {
    /// The site.
    pub site: &'a SiteFolder,
    /// The store that it publishes to.
    pub store: &'a Store,
    /// Its trust documents.
    pub chain: &'a [TrustFile],
    /// What is published there now.
    pub published: Option<&'a Published>,
}

/// How far a release has come.
#[derive(Debug)]
pub enum Outcome {
    /// Nodes see it.
    Published(Box<Manifest>, Moved),
    /// More signatures are needed.
    Waiting(Box<Manifest>, Waiting),
}

impl Place<'_> {
    /// What is known to be published before a new release of the environment.
    #[must_use]
    pub fn before(&self, trust: &Trust, known: Option<&last_seen::Known>) -> Before<'_> {
        let under_newest = known.filter(|known| known.made_under() == trust.version);
        Before {
            published: self.published.map(|p| (&*p.manifest, p.trust_version)),
            known: under_newest.map_or(0, |known| known.manifest.serial),
        }
    }

    /// Signs `manifest` under its serial or the next free one, and publishes it once enough have signed.
    ///
    /// # Errors
    /// When keys, store or another publisher are in the way.
    pub fn release(&self, mut manifest: Manifest, keys: Keys<'_>, progress: &Progress) -> Result<Outcome> {
        let trust = trust_chain::in_force(self.chain)?;
        manifest.serial = self.free_serial(&manifest)?;
        let old = self.still_of_use(pending::release(self.site, &manifest.environment)?)?;
        let content = Content::Manifest(Box::new(manifest.clone()));
        match signer::sign(self.site, content, old, &Quorum::of(trust), keys)? {
            Signed::Waiting(waiting) => Ok(Outcome::Waiting(Box::new(manifest.clone()), waiting)),
            Signed::Whole(document) => self.publish(&manifest.environment, &document, progress),
        }
    }

    /// Publishes a release whose signatures were brought back, if they are enough.
    ///
    /// # Errors
    /// Refused when it was overtaken; else as [`Place::release`].
    pub fn submit(&self, waiting: Pending, manifest: &Manifest, progress: &Progress) -> Result<Outcome> {
        if let Some(why) = self.overtaken(manifest, &waiting.payload)? {
            return Err(Error::refused(format!("publishing `{}`: {why}", waiting.file.display())).hint(
                format!(
                    "rm {}*, and make it anew: `stringless publish -e {}`",
                    waiting.file.display(),
                    manifest.environment
                ),
            ));
        }
        // Cut off before the pointer: what is in the history stays as it is.
        if let Some(document) = self.history(manifest)?.filter(|there| says(there, &waiting.payload)) {
            return self.publish(&manifest.environment, &document, progress);
        }
        match signer::collect(waiting, &Quorum::of(trust_chain::in_force(self.chain)?))? {
            Signed::Waiting(waiting) => Ok(Outcome::Waiting(Box::new(manifest.clone()), waiting)),
            Signed::Whole(document) => self.publish(&manifest.environment, &document, progress),
        }
    }

    /// Whether the published release is this very one: an earlier run was cut off after its last step.
    #[must_use]
    pub fn is_published(&self, manifest: &Manifest) -> bool {
        self.published.is_some_and(|published| *published.manifest == *manifest)
    }

    /// Verifies `document` as a new node would, and uploads it, the pointer last.
    fn publish(&self, environment: &Name, document: &[u8], progress: &Progress) -> Result<Outcome> {
        let trust = trust_chain::in_force(self.chain)?;
        let trusted = trust.trusted_keys();
        let manifest = verify::manifest(document, &trusted, &self.site.site.site, environment)
            .and_then(|manifest| remote::admit_new(&manifest, trust, now()).map(|()| manifest))
            .map_err(|refusal| {
                Error::refusal("verifying", format!("the signed release of `{environment}`"), &refusal)
                    .hint("nodes would not take it: nothing was published")
            })?;
        let upload = Upload {
            store: self.store,
            trust: self.chain,
            packs: Packs::Folder(&self.site.cache("packs")?),
            manifest: &manifest,
            signed: document,
            after: self.published.and_then(|p| p.etag.as_deref()),
            kept: self.published.map_or(&[], |p| p.manifest.packs.as_slice()),
        };
        let moved = match upload::run(&upload, &plan::steps(&manifest), progress)? {
            Uploaded::Done(moved) => moved,
            Uploaded::SerialTaken => {
                return Err(upload::overtaken(self.store, &layout::manifest(environment)));
            }
        };
        last_seen::keep(self.site, environment, document)?;
        // Whatever waits for the environment is overtaken by this, or was this.
        if let Some(waiting) = pending::release(self.site, environment)? {
            waiting.remove()?;
        }
        Ok(Outcome::Published(Box::new((*manifest).clone()), moved))
    }

    /// The first serial from the manifest's on that has no manifest in the history. One is left over from
    /// a publication that was cut off, or belongs to one that is under way: then the pointer decides
    /// between the two. The strides grow: however many were cut off, an end is reached.
    fn free_serial(&self, manifest: &Manifest) -> Result<u64> {
        let (environment, last) = (&manifest.environment, manifest.serial - 1);
        let mut manifest = manifest.clone();
        for tried in 0..MAX_TAKEN {
            if self.history(&manifest)?.is_none() {
                return Ok(manifest.serial);
            }
            manifest.serial += 1 << tried;
        }
        Err(Error::refused(format!(
            "publishing `{environment}`: {MAX_TAKEN} serials after {last} were tried, and each has another manifest in its place"
        ))
        .hint(format!(
            "remove what lies in `env/{environment}/history/` above {last}, once you know how it came there"
        )))
    }

    /// The document that the store has under the manifest's serial.
    fn history(&self, manifest: &Manifest) -> Result<Option<Vec<u8>>> {
        let key = layout::history(&manifest.environment, manifest.serial);
        Ok(self.store.get(&key, stringless_core::json::MAX_BYTES as u64)?.map(|object| object.bytes))
    }

    /// What waits, unless it was overtaken: then nobody needs it any more.
    fn still_of_use(&self, waiting: Option<Pending>) -> Result<Option<Pending>> {
        let Some(pending) = waiting else { return Ok(None) };
        let Content::Manifest(manifest) = &pending.content else { return Ok(None) };
        if self.overtaken(manifest, &pending.payload)?.is_none() {
            return Ok(Some(pending));
        }
        pending.remove()?;
        Ok(None)
    }

    /// Why a release that was made before can no longer be published.
    fn overtaken(&self, manifest: &Manifest, payload: &[u8]) -> Result<Option<String>> {
        let (trust, serial) = (trust_chain::newest(self.chain)?, manifest.serial);
        if manifest.trust_version != trust.version {
            return Ok(Some(format!(
                "it was made under trust version {}, and {} counts now",
                manifest.trust_version, trust.version
            )));
        }
        if self.published.is_some_and(|p| p.made_under() >= trust.version && p.manifest.serial >= serial) {
            return Ok(Some(format!("serial {serial} or a later one was published meanwhile")));
        }
        if manifest.expires.is_some_and(|expires| now() >= expires) {
            return Ok(Some("it expired while it waited".into()));
        }
        if self.history(manifest)?.is_some_and(|there| !says(&there, payload)) {
            return Ok(Some(format!("serial {serial} was taken by another publication meanwhile")));
        }
        Ok(None)
    }
}

/// Whether a signed document has exactly this payload.
fn says(document: &[u8], payload: &[u8]) -> bool {
    Document::parse(document).is_ok_and(|document| document.payload == payload)
}

/// Serials that are tried; the last one is a million after the first.
const MAX_TAKEN: u32 = 21;
