//! Selects the manifest to follow from the answers of the stores.

use std::sync::Arc;

use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::plan::{self, Floor};
use stringless_core::refusal::Refusal;
use stringless_core::report::{LayerReport, Outcome};
use stringless_core::upgrade::Pinned;
use stringless_core::verify::{self, Verified};

use crate::error::{Error, Result};
use crate::flow::floor::floor;
use crate::flow::known::Known;
use crate::flow::run::LayerRun;
use crate::flow::saved::Saved;
use crate::log;
use crate::store::StoreClient;
use crate::trust::TrustInUse;
use crate::upgrade::Offer;

/// The answer of a store.
pub(super) enum StoreAnswer {
    /// There is no answer yet.
    Pending,
    /// Bytes that should be a manifest, with their ETag.
    Document(Vec<u8>, Option<String>),
    /// The answer is an error.
    Unusable(Error),
}

/// What a manifest must match in this run.
pub(super) struct Selection<'a> {
    pub(super) run: &'a LayerRun<'a>,
    pub(super) saved: &'a Saved,
    pub(super) known: &'a Known,
}

impl StoreAnswer {
    /// The bytes of the document, if there is one.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Document(bytes, _) => bytes,
            _ => &[],
        }
    }
}

/// What is valid of the answers, each with the number of its store; and the stores to ignore, with the reasons.
type Sorted<'a, T> = (Vec<(usize, T)>, Vec<(&'a str, Error)>);

/// A manifest and the number of the store that sent it.
pub(super) struct Chosen {
    pub(super) number: usize,
    pub(super) manifest: Verified<Manifest>,
}

impl Selection<'_> {
    /// The freshest manifest that is valid under the current trust; of several equal ones, the first store's.
    /// Logs a warning for each store that is ignored.
    pub(super) fn choose(
        &self,
        sources: &[Arc<StoreClient>],
        answers: &[StoreAnswer],
        trust: &TrustInUse,
        report: &mut LayerReport,
    ) -> Result<Chosen> {
        let key = layout::head(self.run.environment);
        let (mut valid, mut ignored) = self.sort(&key, sources, answers, |bytes| self.admit(bytes, trust));
        let best = valid.iter().map(|(_, manifest)| plan::freshness(manifest)).max();
        let best = valid.iter().position(|(_, manifest)| Some(plan::freshness(manifest)) == best);
        let Some(best) = best else { return Err(none_is_valid(ignored)) };
        let (number, manifest) = valid.remove(best);
        for (number, other) in &valid {
            let (serial, freshest) = (other.serial, manifest.serial);
            let why = match other.sha256() == manifest.sha256() {
                true => continue,
                false if serial == freshest => format!("it has other bytes for release {serial}"),
                false => format!("it has release {serial}, but {freshest} is the freshest"),
            };
            ignored.push((&sources[*number].name, Error::temporary(why)));
        }
        warn_of_ignored(ignored, report);
        Ok(Chosen { number, manifest })
    }

    /// Sorts the answers by whether they are valid.
    pub(super) fn sort<'s, T>(
        &self,
        key: &str,
        sources: &'s [Arc<StoreClient>],
        answers: &[StoreAnswer],
        admit: impl Fn(&[u8]) -> std::result::Result<T, Refusal>,
    ) -> Sorted<'s, T> {
        let (mut valid, mut ignored) = (Vec::new(), Vec::new());
        for ((number, source), answer) in sources.iter().enumerate().zip(answers) {
            let name = source.name.as_str();
            match answer {
                StoreAnswer::Document(bytes, _) => match admit(bytes) {
                    Ok(found) => valid.push((number, found)),
                    Err(refusal) => ignored.push((name, refused(key, name, &refusal))),
                },
                StoreAnswer::Unusable(error) => ignored.push((name, error.clone())),
                StoreAnswer::Pending => ignored.push((name, Error::temporary("it did not answer in time"))),
            }
        }
        (valid, ignored)
    }

    /// Whether these bytes are what a store may have as the head: a head with fleet keys, otherwise a manifest.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub(super) fn admit_any(&self, bytes: &[u8], trust: &TrustInUse) -> std::result::Result<(), Refusal> {
        match trust.has_fleet() {
            true => self.admit_head(bytes, trust).map(drop),
            false => self.admit(bytes, trust).map(drop),
        }
    }

    /// Whether these bytes are a manifest that this node may follow.
    pub(super) fn admit(
        &self,
        bytes: &[u8],
        trust: &TrustInUse,
    ) -> std::result::Result<Verified<Manifest>, Refusal> {
        let manifest = self.known.manifest(self.run, bytes, trust).map_err(|refusal| {
            match self.pinned(bytes, trust, &refusal) {
                // What is not understood may be signed under a newer trust.
                Some(Err(missing @ Refusal::TrustMissing { .. })) => missing,
                _ => refusal,
            }
        })?;
        plan::admit(&manifest, &self.floor(trust))?;
        Ok(manifest)
    }

    /// What leads to another agent, in a manifest that was refused for want of one.
    pub(super) fn pinned(
        &self,
        bytes: &[u8],
        trust: &TrustInUse,
        refusal: &Refusal,
    ) -> Option<std::result::Result<Verified<Pinned>, Refusal>> {
        if !refusal.may_need_newer_agent() {
            return None;
        }
        let pinned = verify::pinned(bytes, &trust.keys, &self.run.layer.site, self.run.environment).ok()?;
        Some(plan::admit_pinned(&pinned, &self.floor(trust)).map(|()| pinned))
    }

    /// The pin of the freshest manifest, whether or not this agent can use it.
    pub(super) fn offer(
        &self,
        sources: &[Arc<StoreClient>],
        answers: &[StoreAnswer],
        trust: &TrustInUse,
        chosen: Option<&Chosen>,
    ) -> Option<Offer> {
        let blocked = answers.iter().enumerate().filter_map(|(number, answer)| match answer {
            StoreAnswer::Document(bytes, _) => {
                let refusal = self.admit(bytes, trust).err()?;
                Some((number, self.pinned(bytes, trust, &refusal)?.ok()?))
            }
            _ => None,
        });
        let blocked = blocked.max_by_key(|(_, pinned)| (pinned.trust_version, pinned.serial));
        let fresher = |pinned: &Pinned| {
            chosen.is_none_or(|chosen| {
                plan::freshness(&chosen.manifest) < (pinned.trust_version, pinned.serial)
            })
        };
        match blocked.filter(|(_, pinned)| fresher(pinned)) {
            Some((number, pinned)) => Some(blocked_offer(&pinned, in_order(sources, number))),
            None => chosen.map(|chosen| offer_of(&chosen.manifest, in_order(sources, chosen.number))),
        }
    }

    pub(super) fn floor(&self, trust: &TrustInUse) -> Floor<'_> {
        let run = self.run;
        floor(run.layer, run.environment, self.saved.seen.as_ref(), trust, run.io.clock.now())
    }
}

/// All stores, the one with this number first.
pub(super) fn in_order(sources: &[Arc<StoreClient>], number: usize) -> Vec<Arc<StoreClient>> {
    let mut sources = sources.to_vec();
    sources[..=number].rotate_right(1);
    sources
}

/// The pin of a manifest that this agent can use.
pub(super) fn offer_of(manifest: &Manifest, sources: Vec<Arc<StoreClient>>) -> Offer {
    Offer {
        site: manifest.site.clone(),
        serial: manifest.serial,
        agent: manifest.agent.clone(),
        sources,
        timeout: manifest.apply.timeout,
        blocked: false,
    }
}

/// The pin of a manifest that only another agent can use.
pub(super) fn blocked_offer(pinned: &Pinned, sources: Vec<Arc<StoreClient>>) -> Offer {
    Offer {
        site: pinned.site.clone(),
        serial: pinned.serial,
        agent: pinned.agent.clone(),
        sources,
        timeout: DAY,
        blocked: true,
    }
}

/// The error of a document that is refused.
pub(super) fn refused(key: &str, name: &str, refusal: &Refusal) -> Error {
    let error = Error::refused(format!("`{key}` from `{name}`"), refusal);
    match refusal {
        Refusal::Needs(_) | Refusal::AgentTooOld { .. } => error.hint(UPGRADE),
        Refusal::Expired { what: "head", .. } => error.hint("`stringless refresh` signs it again"),
        _ => error,
    }
}

/// Logs and reports why stores are ignored.
pub(super) fn warn_of_ignored(ignored: Vec<(&str, Error)>, report: &mut LayerReport) {
    for (name, error) in ignored {
        let text = format!("ignored store `{name}`: {error}");
        log::warn(&text);
        report.warnings.push(text);
    }
}

/// The error if no store has a valid manifest: the errors of all stores, refusals first.
pub(super) fn none_is_valid(mut ignored: Vec<(&str, Error)>) -> Error {
    ignored.sort_by_key(|(_, error)| error.outcome != Outcome::Refused);
    if ignored.len() == 1 {
        return ignored.remove(0).1;
    }
    let mut all = ignored.into_iter();
    let (_, first) = all.next().unwrap_or(("", Error::configuration("stores: at least one is required")));
    let first = first.prefix("no store has a valid manifest: ");
    all.fold(first, |first, (name, error)| first.append(format_args!("; `{name}`: {error}")))
}

/// The longest time that an engine may run, in seconds: what a manifest says that is not understood is unknown.
const DAY: u64 = 86_400;
const UPGRADE: &str = "`stringless agent push` and `stringless publish` pin a newer agent; the node then upgrades itself, \
                       unless `agent.follow` in agent.json is false";
