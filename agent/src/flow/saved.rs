//! What the node accepted in earlier runs, and what it accepts in this one.

use std::collections::BTreeMap;

use stringless_core::fleet::admit::SeenHead;
use stringless_core::fleet::head::Head;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::state::{Seen, State};
use stringless_core::verify::Verified;

use crate::checkpoint::{Checkpoint, reach};
use crate::error::Result;
use crate::flow::known::Known;
use crate::flow::run::LayerRun;
use crate::trust::TrustInUse;

/// What the node accepted last, verified again. The signed documents still protect against rollback if the state was lost.
pub(super) struct Saved {
    /// The manifest, with its document.
    pub(super) manifest: Option<(Verified<Manifest>, Vec<u8>)>,
    /// The head, with its document.
    pub(super) head: Option<(Verified<Head>, Vec<u8>)>,
    /// What is known of the manifest.
    pub(super) seen: Option<Seen>,
    /// What is known of the head.
    pub(super) seen_head: Option<SeenHead>,
}

impl Saved {
    /// Reads what is on disk.
    pub(super) fn load(run: &LayerRun<'_>, state: &State, trust: &TrustInUse, known: &Known) -> Self {
        let manifest = run.disk.manifest(run.environment).ok().flatten();
        let manifest = manifest.and_then(|bytes| Some((known.manifest(run, &bytes, trust).ok()?, bytes)));
        let head = run.disk.head(run.environment).ok().flatten().filter(|_| trust.has_fleet());
        let head = head.and_then(|bytes| Some((known.head(run, &bytes, trust).ok()?, bytes)));
        let seen = state.seen.get(run.environment).cloned();
        let seen_head = state.heads.get(run.environment).cloned();
        Self {
            seen: seen.or_else(|| Some(Seen::new(&manifest.as_ref()?.0, trust.keys.version))),
            seen_head: seen_head.or_else(|| Some(SeenHead::new(&head.as_ref()?.0, trust.keys.version))),
            manifest,
            head,
        }
    }

    /// The document that a store need not send again, and its ETags. There are none unless the complete document is saved,
    /// and was accepted under the trust in use.
    pub(super) fn unchanged(&self, trust: &TrustInUse) -> (BTreeMap<String, String>, &[u8]) {
        let known = match trust.has_fleet() {
            true => self.seen_head.as_ref().zip(self.head.as_ref()).map(|(seen, (head, bytes))| {
                (seen.sha256 == head.sha256(), seen.trust_version, &seen.etags, bytes)
            }),
            false => self.seen.as_ref().zip(self.manifest.as_ref()).map(|(seen, (manifest, bytes))| {
                (seen.sha256 == manifest.sha256(), seen.trust_version, &seen.etags, bytes)
            }),
        };
        match known {
            Some((true, version, etags, bytes)) if version == trust.keys.version => (etags.clone(), bytes),
            _ => (BTreeMap::new(), &[]),
        }
    }
}

/// What was selected, and what the state says of it from now on.
pub(super) struct Followed {
    pub(super) number: usize,
    pub(super) manifest: Verified<Manifest>,
    pub(super) document: Vec<u8>,
    pub(super) seen: Seen,
    pub(super) head: Option<(Verified<Head>, Vec<u8>, SeenHead)>,
}

impl Followed {
    /// Whether all of it is on disk already.
    pub(super) fn is_saved(&self, saved: &Saved, state: &State, environment: &Name) -> bool {
        let same = |saved: Option<&Vec<u8>>, document: &Vec<u8>| saved == Some(document);
        let manifest = saved.manifest.as_ref().map(|(_, bytes)| bytes);
        let head = saved.head.as_ref().map(|(_, bytes)| bytes);
        same(manifest, &self.document)
            && state.seen.get(environment) == Some(&self.seen)
            && self.head.as_ref().is_none_or(|(_, document, seen)| {
                same(head, document) && state.heads.get(environment) == Some(seen)
            })
    }

    /// Writes the documents, then the state.
    ///
    /// # Errors
    /// Temporary: the disk.
    pub(super) fn save(&self, run: &LayerRun<'_>, state: &mut State) -> Result<()> {
        run.disk.save_manifest(run.environment, &self.document)?;
        reach(Checkpoint::ManifestKept);
        state.seen.insert(run.environment.clone(), self.seen.clone());
        if let Some((_, document, seen)) = &self.head {
            run.disk.save_head(run.environment, document)?;
            reach(Checkpoint::HeadKept);
            state.heads.insert(run.environment.clone(), seen.clone());
        }
        run.disk.save_state(state)?;
        reach(Checkpoint::Admitted);
        Ok(())
    }
}
