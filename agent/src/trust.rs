//! The trust in use, and the walk to a newer one: N, N+1, … as far as the store has them.

use agent_core::layout;
use agent_core::name::Name;
use agent_core::time::Timestamp;
use agent_core::trust::{Trust, TrustedKeys};
use agent_core::verify;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::LayerDisk;
use crate::error::{Error, Result};
use crate::log;
use crate::source::Source;

/// The keys to verify with, and what a rotation said of serials and expiry.
pub struct InUse {
    /// The keys.
    pub keys: TrustedKeys,
    /// The document that they come from; `None` when it is the bootstrap.
    pub document: Option<Trust>,
}

impl InUse {
    /// The newest trust that this node has accepted: kept on disk, or from the bootstrap.
    ///
    /// # Errors
    /// Refused: a kept document that is broken.
    pub fn load(bootstrap: &TrustedKeys, site: &Name, layer: &LayerDisk) -> Result<Self> {
        let plain = Self { keys: bootstrap.clone(), document: None };
        let Some(bytes) = layer.trust()? else { return Ok(plain) };
        let trust = verify::own_trust_document(&bytes, site)
            .map_err(|refusal| Error::refused("the trust document kept on this node", &refusal))?;
        // A bootstrap rendered since may be ahead of what was kept.
        if trust.version < bootstrap.version {
            return Ok(plain);
        }
        Ok(Self { keys: trust.trusted_keys(), document: Some((*trust).clone()) })
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

    /// Accepts version after version while the store has one more, keeping each. True when there was
    /// any.
    ///
    /// # Errors
    /// Refused: one that does not follow. Temporary: the store or the disk.
    pub fn walk(&mut self, source: &Source<'_>, site: &Name, layer: &LayerDisk) -> Result<bool> {
        let start = self.keys.version;
        for _ in 0..MAX_STEPS {
            let Some(next) = self.keys.version.checked_add(1) else { break };
            let key = layout::trust(next);
            let Some(bytes) = source.optional_document(&key)? else { break };
            let trust = verify::next_trust(&bytes, &self.keys, site)
                .map_err(|refusal| Error::refused(format!("`{key}` from `{}`", source.name), &refusal))?;
            layer.keep_trust(&bytes)?;
            reach(Checkpoint::TrustKept);
            log::info(format_args!("{site}: trust version {} accepted", trust.version));
            self.keys = trust.trusted_keys();
            self.document = Some((*trust).clone());
        }
        Ok(self.keys.version > start)
    }
}

/// The most rotations that are followed in one run.
const MAX_STEPS: usize = 1024;
