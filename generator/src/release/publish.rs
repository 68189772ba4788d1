//! Signs a planned manifest, uploads it and saves it as the last seen one; or lets it wait for signatures.

use stringless_core::document::Document;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::Trust;
use stringless_core::{layout, verify};

use crate::clock::now;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::lead;
use crate::release::plan::{self, Before, Decision, Wanted};
use crate::release::renewal::Renewal;
use crate::release::upload::{self, Moved, Packs, Upload, Uploaded};
use crate::remote::site_store::SiteStore;
use crate::remote::{self, Published, last_seen};
use crate::trust::pending::{self, Pending, PendingDocument};
use crate::trust::quorum::Quorum;
use crate::trust::signer::{self, Keys, Signed, Waiting};

/// Publishes releases of one environment to one store.
#[derive(Debug)]
pub struct Publisher<'a> {
    /// The store.
    pub remote: &'a SiteStore<'a>,
    /// The release that is published there now.
    pub published: Option<&'a Published>,
}

/// The result of publishing.
#[derive(Debug)]
pub enum Outcome {
    /// The release is published.
    Published(Box<Manifest>, Moved),
    /// More signatures are needed.
    Waiting(Box<Manifest>, Waiting),
}

/// What became of content that was to be published.
#[derive(Debug)]
pub enum Publication {
    /// The published release has this content already.
    Unchanged(Box<Manifest>),
    /// The published release has this content already; half of the life of its head is over.
    Renewed(Box<Manifest>, Renewal),
    /// A dry run: this release would be signed, for these reasons.
    Planned(Box<Manifest>, Vec<&'static str>),
    /// A release was signed, for these reasons.
    Signed(Outcome, Vec<&'static str>),
}

/// How content is published.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The keys that sign.
    pub keys: Keys<'a>,
    /// Sign although nothing changed, or although the published release is dated after now.
    pub force: bool,
    /// Decide only; sign and write nothing.
    pub dry_run: bool,
    /// Make every node follow the new release, although another one is on its way to some.
    pub replace: bool,
}

impl Publisher<'_> {
    /// Decides whether `wanted` needs a new release, and publishes it. `None` when nothing is published and nothing
    /// is to be published.
    ///
    /// # Errors
    /// When the trust forbids the release, or as [`Publisher::release`].
    pub fn publish_content(
        &self,
        wanted: Wanted,
        trust: &Trust,
        options: &Options<'_>,
        progress: &Progress,
    ) -> Result<Option<Publication>> {
        self.refuse_rollout(options)?;
        let before = self.before(&wanted.environment.clone(), trust);
        Ok(match plan::decide(wanted, before, trust, now(), options.force)? {
            Decision::Sign(manifest, reasons) if options.dry_run => {
                Some(Publication::Planned(manifest, reasons))
            }
            Decision::Sign(manifest, reasons) => {
                let outcome = self.release(*manifest, options.keys, progress)?;
                if matches!(outcome, Outcome::Waiting(..)) {
                    // Nodes follow the published release until people have signed.
                    self.renew_head(trust, options)?;
                }
                Some(Publication::Signed(outcome, reasons))
            }
            Decision::Nothing => {
                let Some(published) = self.published else { return Ok(None) };
                let manifest = Box::new((*published.manifest).clone());
                Some(match self.renew_head(trust, options)? {
                    Some(renewal) => Publication::Renewed(manifest, renewal),
                    None => Publication::Unchanged(manifest),
                })
            }
        })
    }

    /// What is known about earlier releases of the environment.
    #[must_use]
    pub fn before(&self, environment: &Name, trust: &Trust) -> Before<'_> {
        let seen = self.remote.last_seen(environment);
        let under_newest = seen.filter(|seen| seen.made_under() == trust.version);
        Before {
            refused: self.published.is_some_and(|p| p.pointer_trust < trust.version),
            published: self.published.map(|p| (&*p.manifest, p.trust_version)),
            last_seen: under_newest.map_or(0, |seen| seen.manifest.serial),
        }
    }

    /// Signs `manifest` with its serial or the next free one, and publishes it if enough keys have signed.
    ///
    /// # Errors
    /// When a key or the store fails, or another publisher was faster.
    pub fn release(&self, mut manifest: Manifest, keys: Keys<'_>, progress: &Progress) -> Result<Outcome> {
        let trust = self.remote.trust_in_force()?;
        manifest.serial = self.free_serial(&manifest)?;
        check(&manifest)?;
        let old = self.still_of_use(pending::release(self.remote.site, &manifest.environment)?)?;
        let content = PendingDocument::Manifest(Box::new(manifest.clone()));
        match signer::sign(self.remote.site, content, old, &Quorum::new(trust), keys)? {
            Signed::Waiting(waiting) => Ok(Outcome::Waiting(Box::new(manifest.clone()), waiting)),
            Signed::Complete(document) => self.publish(&manifest.environment, &document, keys, progress),
        }
    }

    /// Publishes a release that waited for signatures, if there are enough now.
    ///
    /// # Errors
    /// Refused when another release has overtaken it; otherwise as [`Publisher::release`].
    pub fn submit(&self, waiting: Pending, manifest: &Manifest, progress: &Progress) -> Result<Outcome> {
        // The release is signed elsewhere; a head is signed by a fleet key on this machine.
        let keys = Keys { given: &[], offline: false };
        if let Some(why) = self.overtaken(manifest, &waiting.payload)? {
            return Err(Error::refused(format!("publishing `{}`: {why}", waiting.file.display())).hint(
                format!(
                    "rm {}*, then build it again: `stringless publish -e {}`",
                    waiting.file.display(),
                    manifest.environment
                ),
            ));
        }
        // An earlier run was interrupted after it wrote the history: publish the document that is there.
        if let Some(document) = self.history(manifest)?.filter(|there| has_payload(there, &waiting.payload)) {
            return self.publish(&manifest.environment, &document, keys, progress);
        }
        match signer::collect(waiting, &Quorum::new(self.remote.trust_in_force()?))? {
            Signed::Waiting(waiting) => Ok(Outcome::Waiting(Box::new(manifest.clone()), waiting)),
            Signed::Complete(document) => self.publish(&manifest.environment, &document, keys, progress),
        }
    }

    /// Whether exactly this release is published: an earlier run was interrupted after its last step.
    #[must_use]
    pub fn is_published(&self, manifest: &Manifest) -> bool {
        self.published.is_some_and(|published| *published.manifest == *manifest)
    }

    /// Verifies `document` as a new node would, then uploads it, the pointer last.
    fn publish(
        &self,
        environment: &Name,
        document: &[u8],
        keys: Keys<'_>,
        progress: &Progress,
    ) -> Result<Outcome> {
        let trust = self.remote.trust_in_force()?;
        let trusted = trust.trusted_keys();
        let manifest = verify::manifest(document, &trusted, self.remote.name(), environment)
            .and_then(|manifest| remote::admit_new(&manifest, trust, now()).map(|()| manifest))
            .map_err(|refusal| {
                Error::refusal("verifying", format!("the signed release of `{environment}`"), &refusal)
                    .hint("nodes would refuse it: nothing was published")
            })?;
        let pointer = lead::pointer(self.remote.site, self.published, (&manifest, document), trust, keys)?;
        let upload = Upload {
            store: &self.remote.store,
            trust: &self.remote.chain,
            packs: Packs::Folder(&self.remote.site.cache("packs")?),
            manifest: &manifest,
            signed: document,
            pointer: &pointer,
            after: self.published.and_then(|p| p.etag.as_deref()),
            kept: self.published.map_or(&[], |p| p.manifest.packs.as_slice()),
        };
        let moved = match upload::run(&upload, &plan::steps(&manifest), progress)? {
            Uploaded::Done(moved) => moved,
            Uploaded::SerialTaken => {
                return Err(upload::overtaken(&self.remote.store, &layout::head(environment)));
            }
        };
        last_seen::save(self.remote.site, environment, document)?;
        // A document that waits for this environment is the one just published, or overtaken by it.
        if let Some(waiting) = pending::release(self.remote.site, environment)? {
            waiting.remove()?;
        }
        Ok(Outcome::Published(Box::new((*manifest).clone()), moved))
    }

    /// The first serial, from the manifest's own upwards, that has no manifest in the history. A manifest without a
    /// pointer belongs to a publication that was interrupted or is in progress; in the latter case the pointer decides
    /// between the two publishers. Each step is twice as long as the one before, so that a free serial is found
    /// however many publications were interrupted.
    fn free_serial(&self, manifest: &Manifest) -> Result<u64> {
        let (environment, last) = (&manifest.environment, manifest.serial - 1);
        let mut manifest = manifest.clone();
        for tried in 0..MAX_TRIED {
            if self.history(&manifest)?.is_none() {
                return Ok(manifest.serial);
            }
            manifest.serial += 1 << tried;
        }
        Err(Error::refused(format!(
            "publishing `{environment}`: {MAX_TRIED} serials after {last} were tried, and each of them has another manifest in the history"
        ))
        .hint(format!(
            "find out how the documents above {last} in `env/{environment}/history/` came there, then remove them"
        )))
    }

    /// The document that the store's history has under the manifest's serial.
    fn history(&self, manifest: &Manifest) -> Result<Option<Vec<u8>>> {
        let key = layout::history(&manifest.environment, manifest.serial);
        Ok(self.remote.store.get(&key, stringless_core::json::MAX_BYTES as u64)?.map(|object| object.bytes))
    }

    /// The waiting document, unless another release has overtaken it: then it is removed.
    fn still_of_use(&self, waiting: Option<Pending>) -> Result<Option<Pending>> {
        let Some(pending) = waiting else { return Ok(None) };
        let PendingDocument::Manifest(manifest) = &pending.content else { return Ok(None) };
        if self.overtaken(manifest, &pending.payload)?.is_none() {
            return Ok(Some(pending));
        }
        pending.remove()?;
        Ok(None)
    }

    /// Why a release that was made earlier can no longer be published; `None` if it can.
    fn overtaken(&self, manifest: &Manifest, payload: &[u8]) -> Result<Option<String>> {
        let (trust, serial) = (self.remote.newest_trust()?, manifest.serial);
        if manifest.trust_version != trust.version {
            return Ok(Some(format!(
                "it was made under trust version {}, but the newest is {}",
                manifest.trust_version, trust.version
            )));
        }
        if self.published.is_some_and(|p| p.made_under() >= trust.version && p.manifest.serial >= serial) {
            return Ok(Some(format!("serial {serial} or a higher one was published meanwhile")));
        }
        if manifest.expires.is_some_and(|expires| now() >= expires) {
            return Ok(Some("it expired while it waited".into()));
        }
        if self.history(manifest)?.is_some_and(|there| !has_payload(&there, payload)) {
            return Ok(Some(format!("another publication has used serial {serial} meanwhile")));
        }
        Ok(None)
    }
}

/// Refuses a manifest that nodes would refuse, before anybody signs it.
fn check(manifest: &Manifest) -> Result<()> {
    let refused = |why: String| {
        Error::configuration(format!(
            "making release {} of `{}`: {why}",
            manifest.serial, manifest.environment
        ))
        .hint("nodes would refuse it: nothing was signed")
    };
    manifest.check().map_err(refused)?;
    let size = stringless_core::json::write(manifest).len();
    if size > MAX_PAYLOAD {
        return Err(refused(format!(
            "its manifest has {size} bytes, and {MAX_PAYLOAD} are allowed: it has too many modules and top-level folders"
        )));
    }
    Ok(())
}

/// Whether a signed document has exactly this payload.
fn has_payload(document: &[u8], payload: &[u8]) -> bool {
    Document::parse(document).is_ok_and(|document| document.payload == payload)
}

/// How many serials are tried; the last one is about a million above the first.
const MAX_TRIED: u32 = 21;
/// The largest payload: a signed document has at most 1 MiB, signatures included.
const MAX_PAYLOAD: usize = stringless_core::json::MAX_BYTES - (16 << 10);
