//! The documents whose signatures were verified in this run: a store that says the same again costs nothing.

use std::cell::RefCell;

use stringless_core::fleet::head::Head;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::refusal::Refusal;
use stringless_core::verify::{self, Verified};

use crate::flow::run::LayerRun;
use crate::trust::TrustInUse;

/// The documents of a run's environment.
#[derive(Default)]
pub(super) struct Known {
    manifests: List<Manifest>,
    heads: List<Head>,
}

/// By the hash of the whole document, and the version of the trust.
type List<T> = RefCell<Vec<(Sha256, u64, Verified<T>)>>;

impl Known {
    /// The manifest in these bytes.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub(super) fn manifest(
        &self,
        run: &LayerRun<'_>,
        bytes: &[u8],
        trust: &TrustInUse,
    ) -> Result<Verified<Manifest>, Refusal> {
        known(&self.manifests, bytes, trust, || {
            verify::manifest(bytes, &trust.keys, &run.layer.site, run.environment)
        })
    }

    /// The head in these bytes.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub(super) fn head(
        &self,
        run: &LayerRun<'_>,
        bytes: &[u8],
        trust: &TrustInUse,
    ) -> Result<Verified<Head>, Refusal> {
        known(&self.heads, bytes, trust, || {
            verify::head(bytes, &trust.keys, &run.layer.site, run.environment)
        })
    }
}

fn known<T: Clone>(
    list: &List<T>,
    bytes: &[u8],
    trust: &TrustInUse,
    verify: impl FnOnce() -> Result<Verified<T>, Refusal>,
) -> Result<Verified<T>, Refusal> {
    let (hash, version) = (Sha256::of(bytes), trust.keys.version);
    if let Some((_, _, found)) = list.borrow().iter().find(|known| (known.0, known.1) == (hash, version)) {
        return Ok(found.clone());
    }
    let found = verify()?;
    list.borrow_mut().push((hash, version, found.clone()));
    Ok(found)
}
