//! The manifests whose signatures were verified in this run: a store that says the same again costs nothing.

use std::cell::RefCell;

use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::refusal::Refusal;
use stringless_core::verify::{self, Verified};

use crate::flow::run::LayerRun;
use crate::trust::TrustInUse;

/// By the hash of the whole document, and the version of the trust.
#[derive(Default)]
pub(super) struct Known(RefCell<Vec<(Sha256, u64, Verified<Manifest>)>>);

impl Known {
    /// The manifest of the run's environment in these bytes.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub(super) fn manifest(
        &self,
        run: &LayerRun<'_>,
        bytes: &[u8],
        trust: &TrustInUse,
    ) -> Result<Verified<Manifest>, Refusal> {
        let (hash, version) = (Sha256::of(bytes), trust.keys.version);
        let same = |known: &&(Sha256, u64, Verified<Manifest>)| known.0 == hash && known.1 == version;
        if let Some((_, _, manifest)) = self.0.borrow().iter().find(same) {
            return Ok(manifest.clone());
        }
        let manifest = verify::manifest(bytes, &trust.keys, &run.layer.site, run.environment)?;
        self.0.borrow_mut().push((hash, version, manifest.clone()));
        Ok(manifest)
    }
}
