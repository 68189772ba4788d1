//! The first step of a run: which manifest to follow. All stores are asked at once, and the freshest valid
//! one counts, so that a stale, a hanging or a hostile mirror cannot win.

use std::collections::BTreeMap;
use std::sync::Arc;

use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::refusal::Refusal;
use stringless_core::report::LayerReport;
use stringless_core::state::{Seen, State};
use stringless_core::verify::{self, Verified};
use stringless_core::version::Version;
use stringless_core::{layout, plan};

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::Checked;
use crate::error::{Error, Result};
use crate::flow::run::{Run, label, make_room};
use crate::flow::selection::{Bound, Chosen, Heard};
use crate::log;
use crate::store::Source;
use crate::store::document::{Found, Patience, ask_all};
use crate::trust::InUse;

/// The manifest to follow.
pub struct Head {
    /// Verified and admitted.
    pub manifest: Verified<Manifest>,
    /// Its bytes, signatures included.
    pub document: Vec<u8>,
    /// Every store, the one that it came from first.
    pub sources: Vec<Arc<Source>>,
    /// The trust in use.
    pub trust: InUse,
}

/// Finds the freshest valid manifest: a store's, or the one kept from before where a store says that it
/// still holds. State is written only after every check holds.
///
/// # Errors
/// No store had a valid one: refused, where one was refused, else temporary.
pub fn check(run: &Run<'_>, state: &mut State, report: &mut LayerReport) -> Result<Head> {
    let mut sources = Vec::new();
    for settings in &run.layer.stores {
        sources.push(Arc::new(Source::new(settings, run.io)?));
    }
    let mut trust = InUse::load(&run.layer.trust, &run.layer.site, &run.disk)?;
    if let Some(refusal) = &trust.damaged {
        let aside = run.disk.put_trust_aside()?;
        let text = format!(
            "{}: the trust kept on this node was damaged ({refusal}) and is put aside as `{}`",
            label(run),
            aside.display()
        );
        log::warn(&text);
        report.warnings.push(text);
    }
    let kept = kept(run, &trust);
    let from_kept = || kept.as_ref().map(|(manifest, _)| Seen::of(manifest, trust.keys.version));
    // Where the state was lost, what it guarded against rollback stands in the manifest that was kept.
    let seen = state.seen.get(run.environment).cloned().or_else(from_kept);
    let bound = Bound { run, seen: seen.as_ref(), agent: this_version()? };
    let etags = bound.etags(kept.as_ref().map(|(manifest, _)| manifest), trust.keys.version);
    let kept = kept.map(|(_, bytes)| bytes).unwrap_or_default();

    let mut heard = bound.ask(&sources, &etags, &kept, &trust)?;
    bound.walk(&sources, &mut heard, &mut trust, state)?;
    let chosen = bound.choose(&sources, &heard, &trust, report)?;

    let Chosen { number, manifest } = chosen;
    let etags = bound.validators(&sources, &heard, &manifest, etags);
    let Heard::Document(document, _) = heard.swap_remove(number) else {
        return Err(Error::temporary("the manifest that was chosen is gone"));
    };
    let seen = Seen { etags, ..Seen::of(&manifest, trust.keys.version) };
    if kept != document || state.seen.get(run.environment) != Some(&seen) {
        // A disk that a failed release has filled is to take the one that mends it.
        if keep(run, state, seen.clone(), &document).is_err() {
            make_room(run, state, Some(&manifest))?;
            keep(run, state, seen, &document)?;
        }
    }
    sources[..=number].rotate_right(1);
    Ok(Head { manifest, document, sources, trust })
}

/// Writes down that a check got through, and raises the clock's floor to what it vouches for.
pub fn vouch(run: &Run<'_>, head: &Head, report: &mut LayerReport) {
    let at = run.io.clock.now();
    let floor = plan::vouched(&head.manifest, head.trust.expires(), at);
    run.io.clock.vouch(floor);
    if let Err(error) = run.disk.keep_checked(&Checked { at, floor }) {
        report.warnings.push(error.to_string());
    }
}

impl Bound<'_> {
    /// The validators that may be sent: only when what they stand for is here, whole.
    fn etags(&self, kept: Option<&Verified<Manifest>>, trust_version: u64) -> BTreeMap<String, String> {
        match (self.seen, kept) {
            (Some(seen), Some(kept))
                if seen.sha256 == kept.sha256() && seen.trust_version == trust_version =>
            {
                seen.etags.clone()
            }
            _ => BTreeMap::new(),
        }
    }

    fn ask(
        &self,
        sources: &[Arc<Source>],
        etags: &BTreeMap<String, String>,
        kept: &[u8],
        trust: &InUse,
    ) -> Result<Vec<Heard>> {
        let key = layout::manifest(self.run.environment);
        let mut heard: Vec<Heard> = sources.iter().map(|_| Heard::Nothing).collect();
        ask_all(sources, &key, etags, &Patience::full(), |number, answer| {
            let source = &sources[number];
            heard[number] = match answer {
                Ok(Found::Document(bytes, etag)) => Heard::Document(bytes, etag),
                Ok(Found::NotModified) => Heard::Document(kept.to_vec(), etags.get(&source.name).cloned()),
                Ok(Found::Missing) => {
                    let message = format!("fetching `{key}` from `{}`: there is no such object", source.name);
                    Heard::Useless(Error::temporary(message).hint("`stringless publish` puts it there"))
                }
                Err((trouble, tried)) => Heard::Useless(source.error(&key, &trouble, tried)),
            };
            matches!(&heard[number], Heard::Document(bytes, _) if self.judge(bytes, trust).is_ok())
        })?;
        Ok(heard)
    }

    /// Follows a rotation where a manifest asks for it: signed by keys that this node does not know yet,
    /// or naming a newer trust.
    fn walk(
        &self,
        sources: &[Arc<Source>],
        heard: &mut [Heard],
        trust: &mut InUse,
        state: &State,
    ) -> Result<()> {
        let asks = |heard: &Heard, trust: &InUse| match heard {
            Heard::Document(bytes, _) => self.judge(bytes, trust).err().filter(|refusal| {
                matches!(refusal, Refusal::Signatures { .. } | Refusal::TrustMissing { .. })
            }),
            _ => None,
        };
        let good =
            |heard: &Heard| matches!(heard, Heard::Document(bytes, _) if self.judge(bytes, trust).is_ok());
        if !heard.iter().any(|heard| asks(heard, trust).is_some()) {
            return Ok(());
        }
        let patience = if heard.iter().any(good) { Patience::brief() } else { Patience::full() };
        let place = (&self.run.layer.site, &self.run.disk);
        let Err(error) = trust.walk(sources, patience, place, || make_room(self.run, state, None))? else {
            return Ok(());
        };
        let key = layout::manifest(self.run.environment);
        for (source, heard) in sources.iter().zip(heard) {
            if let Some(refusal) = asks(heard, trust) {
                let refused = Error::refused(format!("`{key}` from `{}`", source.name), &refusal);
                let start = format!("{refused}; and no newer trust was to be had: ");
                *heard = Heard::Useless(error.clone().before(&start));
            }
        }
        Ok(())
    }

    /// Per store the validator for just this manifest: of this check, or of an earlier one.
    fn validators(
        &self,
        sources: &[Arc<Source>],
        heard: &[Heard],
        manifest: &Verified<Manifest>,
        sent: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let same = self.seen.is_some_and(|seen| seen.sha256 == manifest.sha256());
        let mut etags = if same { sent } else { BTreeMap::new() };
        etags.retain(|name, _| sources.iter().any(|source| source.name == *name));
        for (source, heard) in sources.iter().zip(heard) {
            if let Heard::Document(bytes, Some(etag)) = heard
                && Document::parse(bytes).is_ok_and(|it| Sha256::of(it.payload) == manifest.sha256())
            {
                etags.insert(source.name.clone(), etag.clone());
            }
        }
        etags
    }
}

/// The manifest of the last accepted check, verified anew, with its bytes.
fn kept(run: &Run<'_>, trust: &InUse) -> Option<(Verified<Manifest>, Vec<u8>)> {
    let bytes = run.disk.manifest(run.environment).ok()??;
    let manifest = verify::manifest(&bytes, &trust.keys, &run.layer.site, run.environment).ok()?;
    Some((manifest, bytes))
}

fn keep(run: &Run<'_>, state: &mut State, seen: Seen, bytes: &[u8]) -> Result<()> {
    run.disk.keep_manifest(run.environment, bytes)?;
    reach(Checkpoint::ManifestKept);
    state.seen.insert(run.environment.clone(), seen);
    run.disk.keep_state(state)?;
    reach(Checkpoint::Admitted);
    Ok(())
}

fn this_version() -> Result<Version> {
    Version::parse(env!("CARGO_PKG_VERSION")).map_err(|error| Error::configuration(error.to_string()))
}
