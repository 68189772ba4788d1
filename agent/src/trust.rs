//! The trust in use, and its update to newer versions: N, N+1, … as far as the stores have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::refusal::Refusal;
use stringless_core::time::Timestamp;
use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::{self, Verified};

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::LayerDisk;
use crate::error::{Error, Result};
use crate::log;
use crate::store::document::{DocumentAnswer, RetryPolicy, query_all};
use crate::store::{RequestError, StoreClient};

/// The keys to verify with, and the trust document with the lowest serials and the expiry.
pub struct TrustInUse {
    /// The keys.
    pub keys: TrustedKeys,
    /// The document with these keys; `None` if they come from the bootstrap.
    pub document: Option<Trust>,
    /// Why the saved document is not valid.
    pub damaged: Option<Refusal>,
}

impl TrustInUse {
    /// Loads the newest trust that this node has accepted: the saved one, or the bootstrap's. A damaged
    /// document is ignored: the update starts again from the bootstrap, and the last manifest seen forces the
    /// node to reach the trust that it had before ([`stringless_core::plan::admit`]).
    ///
    /// # Errors
    /// Temporary: the disk.
    pub fn load(bootstrap: &TrustedKeys, site: &Name, layer: &LayerDisk) -> Result<Self> {
        let plain = |damaged| Self { keys: bootstrap.clone(), document: None, damaged };
        let Some(bytes) = layer.trust()? else { return Ok(plain(None)) };
        let trust = match verify::own_trust_document(&bytes, site) {
            Ok(trust) => trust,
            Err(refusal) => return Ok(plain(Some(refusal))),
        };
        // A bootstrap that was rendered later may have a newer trust.
        if trust.version < bootstrap.version {
            return Ok(plain(None));
        }
        Ok(Self { keys: trust.trusted_keys(), document: Some((*trust).clone()), damaged: None })
    }

    /// The lowest serial that the trust allows for an environment; 0 if the trust does not mention it.
    pub fn min_serial(&self, environment: &Name) -> u64 {
        let document = self.document.as_ref();
        document.and_then(|trust| trust.min_serial.get(environment)).copied().unwrap_or(0)
    }

    /// Whether nodes follow a head, which fleet keys sign, in place of the newest manifest.
    pub fn has_fleet(&self) -> bool {
        !self.keys.fleet.is_empty()
    }

    /// When the trust in use expires.
    pub fn expires(&self) -> Option<Timestamp> {
        self.document.as_ref().and_then(|trust| trust.expires)
    }

    /// Accepts and saves one version after another while any store has the next one. Asks all stores in
    /// parallel. Calls `make_room` if the disk has no space for a document.
    ///
    /// Returns whether there was a new version; or, if there was none because of an error, the error of a
    /// store.
    ///
    /// # Errors
    /// Temporary: the disk, or a signal.
    pub fn update(
        &mut self,
        sources: &[Arc<StoreClient>],
        policy: RetryPolicy,
        place: (&Name, &LayerDisk),
        make_room: impl Fn() -> Result<()>,
    ) -> Result<std::result::Result<bool, Error>> {
        let ((site, layer), start) = (place, self.keys.version);
        let mut policy = policy.first_answer_only();
        for _ in 0..MAX_STEPS {
            let Some(next) = self.keys.version.checked_add(1) else { break };
            let (key, mut error, mut found) = (layout::trust(next), None, None);
            query_all(sources, &key, &BTreeMap::new(), &policy, |number, answer| {
                match self.next(&sources[number], &key, answer, site) {
                    Ok(next) => found = found.take().or(next),
                    Err(wrong) => error = error.take().or(Some(wrong)),
                }
                found.is_some()
            })?;
            let Some((trust, bytes)) = found else {
                return Ok(if self.keys.version > start { Ok(true) } else { error.map_or(Ok(false), Err) });
            };
            // If a failed release filled the disk, make room for the rotation that corrects it.
            if layer.save_trust(&bytes).is_err() {
                make_room()?;
                layer.save_trust(&bytes)?;
            }
            reach(Checkpoint::TrustKept);
            log::info(format_args!("{site}: trust version {} accepted", trust.version));
            self.keys = trust.trusted_keys();
            self.document = Some((*trust).clone());
            policy = RetryPolicy::brief().first_answer_only();
        }
        Ok(Ok(true))
    }

    /// The next version, if this store sent it.
    fn next(
        &self,
        source: &StoreClient,
        key: &str,
        answer: std::result::Result<DocumentAnswer, (RequestError, u32)>,
        site: &Name,
    ) -> Result<Option<(Verified<Trust>, Vec<u8>)>> {
        let bytes = match answer {
            Ok(DocumentAnswer::Document(bytes, _)) => bytes,
            Ok(DocumentAnswer::Missing | DocumentAnswer::NotModified) => return Ok(None),
            Err((failure, _)) if failure.is_forbidden() => return Ok(None),
            Err((failure, tried)) => return Err(source.error(key, &failure, tried)),
        };
        let trust = verify::next_trust(&bytes, &self.keys, site)
            .map_err(|refusal| Error::refused(format!("`{key}` from `{}`", source.name), &refusal))?;
        Ok(Some((trust, bytes)))
    }
}

/// The maximum number of rotations in one run.
const MAX_STEPS: usize = 1024;
