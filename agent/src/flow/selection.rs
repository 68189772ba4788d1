//! Of what the stores have sent, the manifest to follow.

use std::sync::Arc;

use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::plan::{self, Floor};
use stringless_core::refusal::Refusal;
use stringless_core::report::{Ending, LayerReport};
use stringless_core::state::Seen;
use stringless_core::verify::{self, Verified};
use stringless_core::version::Version;

use crate::error::{Error, Result};
use crate::flow::run::Run;
use crate::log;
use crate::store::Source;
use crate::trust::InUse;

/// What a store had to say.
pub(super) enum Heard {
    /// Nothing yet.
    Nothing,
    /// A manifest, or whatever these bytes are, with their validator.
    Document(Vec<u8>, Option<String>),
    /// It is of no use.
    Useless(Error),
}

/// What a run holds manifests against.
pub(super) struct Bound<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) seen: Option<&'a Seen>,
    pub(super) agent: Version,
}

/// A manifest and the number of the store that sent it.
pub(super) struct Chosen {
    pub(super) number: usize,
    pub(super) manifest: Verified<Manifest>,
}

impl Bound<'_> {
    /// The freshest manifest that holds under the trust as it is now; the first store's of several. What
    /// was passed over is said.
    pub(super) fn choose(
        &self,
        sources: &[Arc<Source>],
        heard: &[Heard],
        trust: &InUse,
        report: &mut LayerReport,
    ) -> Result<Chosen> {
        let key = layout::manifest(self.run.environment);
        let mut valid: Vec<Chosen> = Vec::new();
        let mut useless: Vec<(&str, Error)> = Vec::new();
        for ((number, source), heard) in sources.iter().enumerate().zip(heard) {
            let name = source.name.as_str();
            match heard {
                Heard::Document(bytes, _) => match self.judge(bytes, trust) {
                    Ok(manifest) => valid.push(Chosen { number, manifest }),
                    Err(refusal) => {
                        let what = format!("`{key}` from `{name}`");
                        useless.push((name, Error::refused(what, &refusal)));
                    }
                },
                Heard::Useless(error) => useless.push((name, error.clone())),
                Heard::Nothing => useless.push((name, Error::temporary("it did not answer in time"))),
            }
        }
        let best = valid.iter().map(|one| plan::freshness(&one.manifest)).max();
        let best = valid.iter().position(|one| Some(plan::freshness(&one.manifest)) == best);
        let Some(best) = best else { return Err(none_of(useless)) };
        let best = valid.remove(best);
        for other in &valid {
            let (serial, freshest) = (other.manifest.serial, best.manifest.serial);
            let why = match other.manifest.sha256() == best.manifest.sha256() {
                true => continue,
                false if serial == freshest => format!("it has other bytes for release {serial}"),
                false => format!("it has release {serial}, and {freshest} is the freshest"),
            };
            useless.push((&sources[other.number].name, Error::temporary(why)));
        }
        for (name, error) in useless {
            let text = format!("ignored store `{name}`: {error}");
            log::warn(&text);
            report.warnings.push(text);
        }
        Ok(best)
    }

    /// Whether these bytes are a manifest that this node may follow.
    pub(super) fn judge(
        &self,
        bytes: &[u8],
        trust: &InUse,
    ) -> std::result::Result<Verified<Manifest>, Refusal> {
        let run = self.run;
        let manifest = verify::manifest(bytes, &trust.keys, &run.layer.site, run.environment)?;
        let floor = Floor {
            seen: self.seen,
            bootstrap: if *run.environment == run.layer.environment { run.layer.min_serial } else { 0 },
            bootstrap_version: run.layer.trust.version,
            trust: trust.min_serial(run.environment),
            trust_version: trust.keys.version,
            trust_expires: trust.expires(),
            agent: self.agent,
            now: run.io.clock.now(),
        };
        plan::admit(&manifest, &floor)?;
        Ok(manifest)
    }
}

/// No store helped: the one error, or all of them, the gravest first.
fn none_of(mut useless: Vec<(&str, Error)>) -> Error {
    useless.sort_by_key(|(_, error)| error.ending != Ending::Refused);
    if useless.len() == 1 {
        return useless.remove(0).1;
    }
    let mut all = useless.into_iter();
    let (_, first) = all.next().unwrap_or(("", Error::configuration("stores: at least one is needed")));
    let first = first.before("no store has a valid manifest: ");
    all.fold(first, |first, (name, error)| first.and(format_args!("; `{name}`: {error}")))
}
