//! Of what the stores have sent, the manifest to follow.

use std::sync::Arc;

use agent_core::layout;
use agent_core::outcome::{Ending, LayerReport};
use agent_core::plan;

use super::{Bound, Chosen, Heard};
use crate::error::{Error, Result};
use crate::log;
use crate::source::Source;
use crate::trust::InUse;

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
