//! The first step of a run: finds the manifest to follow. The agent asks all stores in parallel and uses the
//! freshest valid manifest, so that an outdated, hanging or hostile mirror does no harm.

use std::collections::BTreeMap;
use std::sync::Arc;

use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::refusal::Refusal;
use stringless_core::report::LayerReport;
use stringless_core::state::{Seen, State};
use stringless_core::verify::Verified;
use stringless_core::{layout, plan};

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::Checked;
use crate::error::{Error, Result};
use crate::flow::known::Known;
use crate::flow::run::{LayerRun, label, make_room};
use crate::flow::selection::{self, Chosen, Selection, StoreAnswer};
use crate::log;
use crate::store::document::{DocumentAnswer, RetryPolicy, query_all};
use crate::store::{RequestError, StoreClient};
use crate::trust::TrustInUse;
use crate::upgrade::Offer;

/// The manifest to follow.
pub struct Head {
    /// Verified and admitted.
    pub manifest: Verified<Manifest>,
    /// The document: the signatures and the manifest.
    pub document: Vec<u8>,
    /// All stores, first the one that sent the manifest.
    pub sources: Vec<Arc<StoreClient>>,
    /// The trust in use.
    pub trust: TrustInUse,
}

/// Finds the freshest valid manifest: one from a store, or the saved one if a store says that it is
/// unchanged. The state is written only after all checks pass.
///
/// # Errors
/// No store has a valid manifest: refused if the agent refused one, else temporary.
pub fn check(
    run: &LayerRun<'_>,
    state: &mut State,
    report: &mut LayerReport,
    offer: &mut Option<Offer>,
) -> Result<Head> {
    let mut sources = clients(run)?;
    let mut trust = TrustInUse::load(&run.layer.trust, &run.layer.site, &run.disk)?;
    if let Some(refusal) = &trust.damaged {
        let aside = run.disk.put_trust_aside()?;
        let text = format!(
            "{}: the trust saved on this node was damaged ({refusal}); moved to `{}`",
            label(run),
            aside.display()
        );
        log::warn(&text);
        report.warnings.push(text);
    }
    let known = Known::default();
    let saved = saved_manifest(run, &trust, &known);
    let seen = last_seen(run, state, saved.as_ref(), &trust);
    let selection = Selection { run, seen: seen.as_ref(), known: &known };
    let etags = selection.etags(saved.as_ref().map(|(manifest, _)| manifest), trust.keys.version);
    let saved = saved.map(|(_, bytes)| bytes).unwrap_or_default();

    let mut answers = selection.query(&sources, &etags, &saved, &trust)?;
    selection.update_trust(&sources, &mut answers, &mut trust, state)?;
    let chosen = selection.choose(&sources, &answers, &trust, report);
    *offer = selection.offer(&sources, &answers, &trust, chosen.as_ref().ok());
    let chosen = chosen?;

    let Chosen { number, manifest } = chosen;
    let (serial, from) = (manifest.serial, &sources[number].name);
    log::step(format_args!("{}: following release {serial}, from `{from}`", label(run)));
    let etags = selection.validators(&sources, &answers, &manifest, etags);
    let StoreAnswer::Document(document, _) = answers.swap_remove(number) else {
        return Err(Error::temporary("the selected manifest is missing"));
    };
    let seen = Seen { etags, ..Seen::new(&manifest, trust.keys.version) };
    if saved != document || state.seen.get(run.environment) != Some(&seen) {
        // If a failed release filled the disk, make room for the release that corrects it.
        if save(run, state, seen.clone(), &document).is_err() {
            make_room(run, state, Some(&manifest))?;
            save(run, state, seen, &document)?;
        }
    }
    sources[..=number].rotate_right(1);
    Ok(Head { manifest, document, sources, trust })
}

/// The same without changing anything: no trust is updated, no state is written. Returns the serial.
///
/// # Errors
/// As [`check`]; configuration: the state cannot be read.
pub fn probe(run: &LayerRun<'_>, report: &mut LayerReport) -> Result<u64> {
    let (state, _) = run.disk.state()?;
    let sources = clients(run)?;
    let trust = TrustInUse::load(&run.layer.trust, &run.layer.site, &run.disk)?;
    let known = Known::default();
    let saved = saved_manifest(run, &trust, &known);
    let seen = last_seen(run, &state, saved.as_ref(), &trust);
    let selection = Selection { run, seen: seen.as_ref(), known: &known };
    let etags = selection.etags(saved.as_ref().map(|(manifest, _)| manifest), trust.keys.version);
    let saved = saved.map(|(_, bytes)| bytes).unwrap_or_default();
    let answers = selection.query(&sources, &etags, &saved, &trust)?;
    Ok(selection.choose(&sources, &answers, &trust, report)?.manifest.serial)
}

/// The pin of the manifest that was accepted last, for a layer that did not find one in this run.
pub fn saved_offer(run: &LayerRun<'_>) -> Option<Offer> {
    let trust = TrustInUse::load(&run.layer.trust, &run.layer.site, &run.disk).ok()?;
    let (manifest, _) = saved_manifest(run, &trust, &Known::default())?;
    Some(selection::offer_of(&manifest, clients(run).ok()?))
}

/// The stores of the layer.
fn clients(run: &LayerRun<'_>) -> Result<Vec<Arc<StoreClient>>> {
    run.layer.stores.iter().map(|settings| Ok(Arc::new(StoreClient::new(settings, run.io)?))).collect()
}

/// Records a successful check, and raises the clock's earliest time to the one that the check proves.
pub fn record_check(run: &LayerRun<'_>, head: &Head, report: &mut LayerReport) {
    let at = run.io.clock.now();
    let floor = plan::clock_floor(&head.manifest, head.trust.expires(), at);
    run.io.clock.raise_floor(floor);
    if let Err(error) = run.disk.save_checked(&Checked { at, floor }) {
        report.warnings.push(error.to_string());
    }
}

/// Logs the answer of a store, with `-v`.
fn log_answer(
    run: &LayerRun<'_>,
    name: &str,
    answer: &std::result::Result<DocumentAnswer, (RequestError, u32)>,
) {
    let said = match answer {
        Ok(DocumentAnswer::Document(bytes, _)) => format!("a document of {} bytes", bytes.len()),
        Ok(DocumentAnswer::NotModified) => "unchanged".to_owned(),
        Ok(DocumentAnswer::Missing) => "there is no such object".to_owned(),
        Err((failure, _)) => failure.message.clone(),
    };
    log::step(format_args!("{}: store `{name}`: {said}", label(run)));
}

impl Selection<'_> {
    /// The ETags to send: only if the complete manifest that they belong to is saved.
    fn etags(&self, saved: Option<&Verified<Manifest>>, trust_version: u64) -> BTreeMap<String, String> {
        match (self.seen, saved) {
            (Some(seen), Some(saved))
                if seen.sha256 == saved.sha256() && seen.trust_version == trust_version =>
            {
                seen.etags.clone()
            }
            _ => BTreeMap::new(),
        }
    }

    fn query(
        &self,
        sources: &[Arc<StoreClient>],
        etags: &BTreeMap<String, String>,
        saved: &[u8],
        trust: &TrustInUse,
    ) -> Result<Vec<StoreAnswer>> {
        let key = layout::head(self.run.environment);
        let mut answers: Vec<StoreAnswer> = sources.iter().map(|_| StoreAnswer::Pending).collect();
        query_all(sources, &key, etags, &RetryPolicy::full(), |number, answer| {
            let source = &sources[number];
            log_answer(self.run, &source.name, &answer);
            answers[number] = match answer {
                Ok(DocumentAnswer::Document(bytes, etag)) => StoreAnswer::Document(bytes, etag),
                Ok(DocumentAnswer::NotModified) => {
                    StoreAnswer::Document(saved.to_vec(), etags.get(&source.name).cloned())
                }
                Ok(DocumentAnswer::Missing) => {
                    let message = format!("fetching `{key}` from `{}`: there is no such object", source.name);
                    StoreAnswer::Unusable(
                        Error::temporary(message).hint("`stringless publish` puts it there"),
                    )
                }
                Err((failure, tried)) => StoreAnswer::Unusable(source.error(&key, &failure, tried)),
            };
            matches!(&answers[number], StoreAnswer::Document(bytes, _) if self.admit(bytes, trust).is_ok())
        })?;
        Ok(answers)
    }

    /// Updates the trust if a manifest needs it: if unknown keys signed the manifest, or if it names a newer
    /// trust.
    fn update_trust(
        &self,
        sources: &[Arc<StoreClient>],
        answers: &mut [StoreAnswer],
        trust: &mut TrustInUse,
        state: &State,
    ) -> Result<()> {
        let asks = |answer: &StoreAnswer, trust: &TrustInUse| match answer {
            StoreAnswer::Document(bytes, _) => self.admit(bytes, trust).err().filter(|refusal| {
                matches!(refusal, Refusal::Signatures { .. } | Refusal::TrustMissing { .. })
            }),
            _ => None,
        };
        let good = |answer: &StoreAnswer| match answer {
            StoreAnswer::Document(bytes, _) => self.admit(bytes, trust).is_ok(),
            _ => false,
        };
        if !answers.iter().any(|answer| asks(answer, trust).is_some()) {
            return Ok(());
        }
        let policy = if answers.iter().any(good) { RetryPolicy::brief() } else { RetryPolicy::full() };
        let place = (&self.run.layer.site, &self.run.disk);
        let Err(error) = trust.update(sources, policy, place, || make_room(self.run, state, None))? else {
            return Ok(());
        };
        let key = layout::head(self.run.environment);
        for (source, answer) in sources.iter().zip(answers) {
            if let Some(refusal) = asks(answer, trust) {
                let refused = Error::refused(format!("`{key}` from `{}`", source.name), &refusal);
                let start = format!("{refused}; and getting a newer trust failed: ");
                *answer = StoreAnswer::Unusable(error.clone().prefix(&start));
            }
        }
        Ok(())
    }

    /// For each store, the ETag of exactly this manifest, from this check or an earlier one.
    fn validators(
        &self,
        sources: &[Arc<StoreClient>],
        answers: &[StoreAnswer],
        manifest: &Verified<Manifest>,
        sent: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let same = self.seen.is_some_and(|seen| seen.sha256 == manifest.sha256());
        let mut etags = if same { sent } else { BTreeMap::new() };
        etags.retain(|name, _| sources.iter().any(|source| source.name == *name));
        for (source, answer) in sources.iter().zip(answers) {
            if let StoreAnswer::Document(bytes, Some(etag)) = answer
                && Document::parse(bytes).is_ok_and(|it| Sha256::of(it.payload) == manifest.sha256())
            {
                etags.insert(source.name.clone(), etag.clone());
            }
        }
        etags
    }
}

/// A verified manifest, and its document.
type Saved = (Verified<Manifest>, Vec<u8>);

/// What the node accepted last. If the state was lost, the saved manifest still protects against rollback.
fn last_seen(run: &LayerRun<'_>, state: &State, saved: Option<&Saved>, trust: &TrustInUse) -> Option<Seen> {
    let from_saved = || saved.map(|(manifest, _)| Seen::new(manifest, trust.keys.version));
    state.seen.get(run.environment).cloned().or_else(from_saved)
}

/// The saved manifest, verified again, with its bytes.
fn saved_manifest(run: &LayerRun<'_>, trust: &TrustInUse, known: &Known) -> Option<Saved> {
    let bytes = run.disk.manifest(run.environment).ok()??;
    Some((known.manifest(run, &bytes, trust).ok()?, bytes))
}

fn save(run: &LayerRun<'_>, state: &mut State, seen: Seen, bytes: &[u8]) -> Result<()> {
    run.disk.save_manifest(run.environment, bytes)?;
    reach(Checkpoint::ManifestKept);
    state.seen.insert(run.environment.clone(), seen);
    run.disk.save_state(state)?;
    reach(Checkpoint::Admitted);
    Ok(())
}
