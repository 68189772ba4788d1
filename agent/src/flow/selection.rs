//! Selects the manifest to follow from the answers of the stores.

use std::sync::Arc;

use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::plan::{self, Floor};
use stringless_core::refusal::Refusal;
use stringless_core::report::{LayerReport, Outcome};
use stringless_core::state::Seen;
use stringless_core::upgrade::Pinned;
use stringless_core::verify::{self, Verified};

use crate::error::{Error, Result};
use crate::flow::floor::floor;
use crate::flow::known::Known;
use crate::flow::run::LayerRun;
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
    pub(super) seen: Option<&'a Seen>,
    pub(super) known: &'a Known,
}

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
        let mut valid: Vec<Chosen> = Vec::new();
        let mut ignored: Vec<(&str, Error)> = Vec::new();
        for ((number, source), answer) in sources.iter().enumerate().zip(answers) {
            let name = source.name.as_str();
            match answer {
                StoreAnswer::Document(bytes, _) => match self.admit(bytes, trust) {
                    Ok(manifest) => valid.push(Chosen { number, manifest }),
                    Err(refusal) => {
                        let what = format!("`{key}` from `{name}`");
                        let error = Error::refused(what, &refusal);
                        let newer = matches!(refusal, Refusal::Needs(_) | Refusal::AgentTooOld { .. });
                        ignored.push((name, if newer { error.hint(UPGRADE) } else { error }));
                    }
                },
                StoreAnswer::Unusable(error) => ignored.push((name, error.clone())),
                StoreAnswer::Pending => ignored.push((name, Error::temporary("it did not answer in time"))),
            }
        }
        let best = valid.iter().map(|one| plan::freshness(&one.manifest)).max();
        let best = valid.iter().position(|one| Some(plan::freshness(&one.manifest)) == best);
        let Some(best) = best else { return Err(no_valid_manifest(ignored)) };
        let best = valid.remove(best);
        for other in &valid {
            let (serial, freshest) = (other.manifest.serial, best.manifest.serial);
            let why = match other.manifest.sha256() == best.manifest.sha256() {
                true => continue,
                false if serial == freshest => format!("it has other bytes for release {serial}"),
                false => format!("it has release {serial}, but {freshest} is the freshest"),
            };
            ignored.push((&sources[other.number].name, Error::temporary(why)));
        }
        for (name, error) in ignored {
            let text = format!("ignored store `{name}`: {error}");
            log::warn(&text);
            report.warnings.push(text);
        }
        Ok(best)
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
    fn pinned(
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
        let in_order = |number: usize| {
            let mut sources = sources.to_vec();
            sources[..=number].rotate_right(1);
            sources
        };
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
            Some((number, pinned)) => Some(Offer {
                site: pinned.site.clone(),
                serial: pinned.serial,
                agent: pinned.agent.clone(),
                sources: in_order(number),
                timeout: DAY,
                blocked: true,
            }),
            None => chosen.map(|chosen| offer_of(&chosen.manifest, in_order(chosen.number))),
        }
    }

    fn floor(&self, trust: &TrustInUse) -> Floor<'_> {
        let run = self.run;
        floor(run.layer, run.environment, self.seen, trust, run.io.clock.now())
    }
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

/// The error if no store has a valid manifest: the errors of all stores, refusals first.
fn no_valid_manifest(mut ignored: Vec<(&str, Error)>) -> Error {
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
