//! The first step of a run: finds the manifest to follow. The agent asks all stores in parallel and uses the
//! freshest valid manifest, so that an outdated, hanging or hostile mirror does no harm.

use std::collections::BTreeMap;
use std::sync::Arc;

use stringless_core::document::Document;
use stringless_core::fleet::head::Head;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::refusal::Refusal;
use stringless_core::report::LayerReport;
use stringless_core::state::{Seen, State};
use stringless_core::time::Timestamp;
use stringless_core::verify::Verified;
use stringless_core::{layout, plan};

use crate::disk::Checked;
use crate::error::{Error, Result};
use crate::flow::heads::Named;
use crate::flow::known::Known;
use crate::flow::run::{LayerRun, label, make_room};
use crate::flow::saved::{Followed, Saved};
use crate::flow::selection::{self, Chosen, Selection, StoreAnswer};
use crate::log;
use crate::store::document::{DocumentAnswer, RetryPolicy, query_all};
use crate::store::{RequestError, StoreClient};
use crate::trust::TrustInUse;
use crate::upgrade::Offer;

/// What the node follows.
pub struct Found {
    /// Verified and admitted.
    pub manifest: Verified<Manifest>,
    /// The document: the signatures and the manifest.
    pub document: Vec<u8>,
    /// The head that names the manifest; `None` for a site without fleet keys.
    pub head: Option<Verified<Head>>,
    /// All stores, first the one that sent the manifest.
    pub sources: Vec<Arc<StoreClient>>,
    /// The trust in use.
    pub trust: TrustInUse,
}

/// Finds the freshest valid manifest: one from a store, or the saved one if a store says that it is unchanged. With
/// fleet keys, the freshest valid head names the manifest. The state is written only after all checks pass.
///
/// # Errors
/// No store has a valid manifest: refused if the agent refused one, else temporary.
pub fn check(
    run: &LayerRun<'_>,
    state: &mut State,
    report: &mut LayerReport,
    offer: &mut Option<Offer>,
) -> Result<Found> {
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
    let mut saved = Saved::load(run, state, &trust, &known);
    let selection = Selection { run, saved: &saved, known: &known };
    let (etags, unchanged) = saved.unchanged(&trust);
    let mut answers = selection.query(&sources, &etags, unchanged, &trust)?;
    let before = trust.keys.version;
    selection.update_trust(&sources, &mut answers, &mut trust, state)?;
    if trust.keys.version != before {
        // What keys have signed that no longer count is used no more.
        saved = Saved::load(run, state, &trust, &known);
    }
    let selection = Selection { run, saved: &saved, known: &known };
    let followed = selection.follow(&sources, answers, etags, &trust, report, offer)?;

    let (serial, from) = (followed.manifest.serial, &sources[followed.number].name);
    log::step(format_args!("{}: following release {serial}, from `{from}`", label(run)));
    if !followed.is_saved(&saved, state, run.environment) {
        // If a failed release filled the disk, make room for the release that corrects it.
        if followed.save(run, state).is_err() {
            make_room(run, state, Some(&followed.manifest))?;
            followed.save(run, state)?;
        }
    }
    let Followed { number, manifest, document, head, .. } = followed;
    sources[..=number].rotate_right(1);
    Ok(Found { manifest, document, head: head.map(|(head, ..)| head), sources, trust })
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
    let saved = Saved::load(run, &state, &trust, &known);
    let selection = Selection { run, saved: &saved, known: &known };
    let (etags, unchanged) = saved.unchanged(&trust);
    let answers = selection.query(&sources, &etags, unchanged, &trust)?;
    Ok(selection.follow(&sources, answers, etags, &trust, report, &mut None)?.manifest.serial)
}

/// The pin of the manifest that was accepted last, for a layer that did not find one in this run.
pub fn saved_offer(run: &LayerRun<'_>) -> Option<Offer> {
    let trust = TrustInUse::load(&run.layer.trust, &run.layer.site, &run.disk).ok()?;
    let bytes = run.disk.manifest(run.environment).ok()??;
    let manifest = Known::default().manifest(run, &bytes, &trust).ok()?;
    Some(selection::offer_of(&manifest, clients(run).ok()?))
}

/// The stores of the layer.
fn clients(run: &LayerRun<'_>) -> Result<Vec<Arc<StoreClient>>> {
    run.layer.stores.iter().map(|settings| Ok(Arc::new(StoreClient::new(settings, run.io)?))).collect()
}

/// Records a successful check, and raises the clock's earliest time to the one that the check proves.
pub fn record_check(run: &LayerRun<'_>, found: &Found, report: &mut LayerReport) {
    let at = run.io.clock.now();
    let floor = match &found.head {
        Some(head) => head.clock_floor(at).min(found.trust.expires().unwrap_or(Timestamp::MAX)),
        None => plan::clock_floor(&found.manifest, found.trust.expires(), at),
    };
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
    /// Selects what the node follows.
    fn follow(
        &self,
        sources: &[Arc<StoreClient>],
        mut answers: Vec<StoreAnswer>,
        sent: BTreeMap<String, String>,
        trust: &TrustInUse,
        report: &mut LayerReport,
        offer: &mut Option<Offer>,
    ) -> Result<Followed> {
        if trust.has_fleet() {
            let chosen = self.choose_head(sources, &answers, trust, report)?;
            let Named { number, manifest, document } = self.named(&chosen, sources, trust, offer, report)?;
            let before = self.saved.seen_head.as_ref().map(|seen| seen.sha256);
            let etags = validators(sources, &answers, &chosen.head.sha256(), before, sent);
            let seen = Seen::new(&manifest, trust.keys.version);
            let seen_head = chosen.seen(trust, etags);
            let head = Some((chosen.head, chosen.document, seen_head));
            return Ok(Followed { number, manifest, document, seen, head });
        }
        let chosen = self.choose(sources, &answers, trust, report);
        *offer = self.offer(sources, &answers, trust, chosen.as_ref().ok());
        let Chosen { number, manifest } = chosen?;
        let before = self.saved.seen.as_ref().map(|seen| seen.sha256);
        let etags = validators(sources, &answers, &manifest.sha256(), before, sent);
        let StoreAnswer::Document(document, _) = answers.swap_remove(number) else {
            return Err(Error::temporary("the selected manifest is missing"));
        };
        let seen = Seen { etags, ..Seen::new(&manifest, trust.keys.version) };
        Ok(Followed { number, manifest, document, seen, head: None })
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
            matches!(&answers[number], StoreAnswer::Document(bytes, _) if self.admit_any(bytes, trust).is_ok())
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
            StoreAnswer::Document(bytes, _) => self.admit_any(bytes, trust).err().filter(|refusal| {
                use Refusal::{FleetSignature, Signatures, TrustMissing};
                matches!(refusal, Signatures { .. } | FleetSignature { .. } | TrustMissing { .. })
            }),
            _ => None,
        };
        let good = |answer: &StoreAnswer| match answer {
            StoreAnswer::Document(bytes, _) => self.admit_any(bytes, trust).is_ok(),
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
}

/// For each store, the ETag of exactly this document, from this check or an earlier one.
fn validators(
    sources: &[Arc<StoreClient>],
    answers: &[StoreAnswer],
    sha256: &Sha256,
    before: Option<Sha256>,
    sent: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut etags = if before == Some(*sha256) { sent } else { BTreeMap::new() };
    etags.retain(|name, _| sources.iter().any(|source| source.name == *name));
    for (source, answer) in sources.iter().zip(answers) {
        if let StoreAnswer::Document(bytes, Some(etag)) = answer
            && Document::parse(bytes).is_ok_and(|it| Sha256::of(it.payload) == *sha256)
        {
            etags.insert(source.name.clone(), etag.clone());
        }
    }
    etags
}
