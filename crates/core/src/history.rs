//! The last runs of a node, as it keeps them on its disk: short records, and only of runs that did something or
//! that ended in another way than the run before.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::name::Name;
use crate::report::{LayerReport, Outcome, Report};
use crate::time::Timestamp;

/// The file. A reader passes over keys that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// 1.
    pub format: u32,
    /// The last runs, the newest first; at most [`RUNS`].
    pub runs: Vec<Run>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Run {
    /// When the run began.
    pub started: Timestamp,
    /// How long the run took.
    pub milliseconds: u64,
    /// The version of the agent that ran.
    pub agent: String,
    /// The worst outcome of all layers.
    pub outcome: Outcome,
    /// One record for each layer that ran.
    pub layers: Vec<LayerRun>,
}

/// One layer in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerRun {
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether the run used `--noop`, so that nothing was applied.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub noop: bool,
    /// The serial of the release that was live after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// Why the engine ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The beginning of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Default for History {
    fn default() -> Self {
        Self { format: FORMAT, runs: Vec::new() }
    }
}

impl History {
    /// Reads the file. A damaged one, or one of another format, counts as empty: it is a record for people, and
    /// no run depends on it.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let known = json::check_head(bytes, FORMAT).is_ok();
        json::parse::<Self>(bytes).ok().filter(|_| known).unwrap_or_default()
    }

    /// Adds a run, if it did something or ended in another way than the last one of these layers. False: there
    /// is nothing to add.
    pub fn add(&mut self, report: &Report) -> bool {
        let layers: Vec<LayerRun> = report.layers.iter().map(LayerRun::new).collect();
        let before = |layer: &LayerRun| {
            let same =
                |other: &&LayerRun| (&other.site, &other.environment) == (&layer.site, &layer.environment);
            self.runs.iter().find_map(|run| run.layers.iter().find(same))
        };
        let is_news = |layer: &LayerRun| {
            layer.reason.is_some() || before(layer).is_none_or(|before| before.ended() != layer.ended())
        };
        if !layers.iter().any(is_news) {
            return false;
        }
        let run = Run {
            started: report.started,
            milliseconds: report.milliseconds,
            agent: report.agent.clone(),
            outcome: report.outcome,
            layers,
        };
        self.runs.insert(0, run);
        self.runs.truncate(RUNS);
        true
    }
}

impl LayerRun {
    fn new(report: &LayerReport) -> Self {
        Self {
            site: report.site.clone(),
            environment: report.environment.clone(),
            outcome: report.outcome,
            noop: report.noop,
            serial: report.live.as_ref().map(|live| live.serial),
            reason: report.reason.clone(),
            error: report.error.as_ref().map(|error| error.chars().take(ERROR).collect()),
        }
    }

    /// What makes a run without an engine news: whether it went well, and what is live after it.
    fn ended(&self) -> (Option<Outcome>, Option<u64>) {
        (Some(self.outcome).filter(|outcome| outcome.is_failure()), self.serial)
    }
}

/// The most runs that are kept.
pub const RUNS: usize = 10;
const FORMAT: u32 = 1;
/// The most characters of an error that are kept.
const ERROR: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    fn report(outcome: Outcome, reason: Option<&str>) -> Report {
        let text = r#"{"format": 1, "agent": "1.0.0", "node": "n", "started": "2026-11-20T18:00:00Z", "milliseconds": 5,
                "outcome": "converged", "exit_code": 0, "layers": [{"site": "example", "environment": "production",
                "outcome": "converged", "live": null, "reason": null, "requests": 1, "received": 0, "fetched": 0,
                "error": null, "engine_status": null, "output": "", "warnings": []}]}"#;
        let mut report: Report = json::parse(text.as_bytes()).unwrap();
        report.outcome = outcome;
        report.layers[0].outcome = outcome;
        report.layers[0].reason = reason.map(ToOwned::to_owned);
        report
    }

    #[test]
    fn keeps_only_news_and_only_so_many() {
        let mut history = History::default();
        assert!(history.add(&report(Outcome::Changed, Some("new release"))));
        assert!(!history.add(&report(Outcome::Converged, None)), "an idle run is no news");
        assert!(history.add(&report(Outcome::Temporary, None)), "a failure is");
        assert!(!history.add(&report(Outcome::Temporary, None)), "the same failure once more is not");
        assert!(history.add(&report(Outcome::Refused, None)));
        assert!(history.add(&report(Outcome::Converged, None)), "the first good run is");
        assert_eq!(history.runs.len(), 4);
        for _ in 0..20 {
            assert!(history.add(&report(Outcome::Converged, Some("reapply is due"))));
        }
        assert_eq!(history.runs.len(), RUNS);
        assert_eq!(History::parse(&json::write(&history)), history);
    }

    #[test]
    fn an_error_is_cut() {
        let mut long = report(Outcome::Refused, None);
        long.layers[0].error = Some("\u{e9}".repeat(5000));
        let mut history = History::default();
        assert!(history.add(&long));
        assert_eq!(history.runs[0].layers[0].error.as_ref().unwrap().chars().count(), ERROR);
    }

    #[test]
    fn passes_over_unknown_keys_and_starts_again_after_damage() {
        let mut history = History::default();
        assert!(history.add(&report(Outcome::Changed, Some("new release"))));
        let text = String::from_utf8(json::write(&history)).unwrap();
        let newer = text.replace("\"milliseconds\"", "\"later\": {\"x\": []}, \"milliseconds\"");
        assert_eq!(History::parse(newer.as_bytes()), history);
        for damaged in
            ["", "{", "[]", &text[..text.len() / 2], &text.replace("\"format\": 1", "\"format\": 2")]
        {
            assert_eq!(History::parse(damaged.as_bytes()), History::default(), "{damaged}");
        }
    }
}
