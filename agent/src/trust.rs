//! The trust in use, and the walk to a newer one: N, N+1, … as far as the stores have them.

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
use crate::store::document::{Found, Patience, ask_all};
use crate::store::{Source, Trouble};

/// The keys to verify with, and what a rotation said of serials and expiry.
pub struct InUse {
    /// The keys.
    pub keys: TrustedKeys,
    /// The document that they come from; `None` when it is the bootstrap.
    pub document: Option<Trust>,
    /// What is wrong with the document that was kept.
    pub damaged: Option<Refusal>,
}

impl InUse {
    /// The newest trust that this node has accepted: kept on disk, or from the bootstrap. A kept document
    /// that is damaged counts for nothing: the way from the bootstrap is walked anew, and what was seen
    /// under a newer trust asks for that one ([`stringless_core::plan::admit`]).
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
        // A bootstrap rendered since may be ahead of what was kept.
        if trust.version < bootstrap.version {
            return Ok(plain(None));
        }
        Ok(Self { keys: trust.trusted_keys(), document: Some((*trust).clone()), damaged: None })
    }

    /// The lowest serial that the trust allows for an environment; 0: it says nothing of it.
    pub fn min_serial(&self, environment: &Name) -> u64 {
        let document = self.document.as_ref();
        document.and_then(|trust| trust.min_serial.get(environment)).copied().unwrap_or(0)
    }

    /// When the trust in use expires.
    pub fn expires(&self) -> Option<Timestamp> {
        self.document.as_ref().and_then(|trust| trust.expires)
    }

    /// Accepts version after version while one of the stores has one more that follows, keeping each. All
    /// stores are asked at once. `make_room` is called where the disk has none for a document.
    ///
    /// Gives whether there was any; where there was none, and that is not just what the stores say, what
    /// went wrong with one of them.
    ///
    /// # Errors
    /// Temporary: the disk, or a signal.
    pub fn walk(
        &mut self,
        sources: &[Arc<Source>],
        patience: Patience,
        place: (&Name, &LayerDisk),
        make_room: impl Fn() -> Result<()>,
    ) -> Result<std::result::Result<bool, Error>> {
        let ((site, layer), start) = (place, self.keys.version);
        let mut patience = patience.for_one();
        for _ in 0..MAX_STEPS {
            let Some(next) = self.keys.version.checked_add(1) else { break };
            let (key, mut error, mut found) = (layout::trust(next), None, None);
            ask_all(sources, &key, &BTreeMap::new(), &patience, |number, answer| {
                match self.read(&sources[number], &key, answer, site) {
                    Ok(next) => found = found.take().or(next),
                    Err(wrong) => error = error.take().or(Some(wrong)),
                }
                found.is_some()
            })?;
            let Some((trust, bytes)) = found else {
                return Ok(if self.keys.version > start { Ok(true) } else { error.map_or(Ok(false), Err) });
            };
            // A disk that a failed release has filled is to take the rotation that mends it.
            if layer.keep_trust(&bytes).is_err() {
                make_room()?;
                layer.keep_trust(&bytes)?;
            }
            reach(Checkpoint::TrustKept);
            log::info(format_args!("{site}: trust version {} accepted", trust.version));
            self.keys = trust.trusted_keys();
            self.document = Some((*trust).clone());
            patience = Patience::brief().for_one();
        }
        Ok(Ok(true))
    }

    /// The next version, if that is what this store sent.
    fn read(
        &self,
        source: &Source,
        key: &str,
        answer: std::result::Result<Found, (Trouble, u32)>,
        site: &Name,
    ) -> Result<Option<(Verified<Trust>, Vec<u8>)>> {
        let bytes = match answer {
            Ok(Found::Document(bytes, _)) => bytes,
            Ok(Found::Missing | Found::NotModified) => return Ok(None),
            Err((trouble, _)) if trouble.is_forbidden() => return Ok(None),
            Err((trouble, tried)) => return Err(source.error(key, &trouble, tried)),
        };
        let trust = verify::next_trust(&bytes, &self.keys, site)
            .map_err(|refusal| Error::refused(format!("`{key}` from `{}`", source.name), &refusal))?;
        Ok(Some((trust, bytes)))
    }
}

/// The most rotations that are followed in one run.
const MAX_STEPS: usize = 1024;
