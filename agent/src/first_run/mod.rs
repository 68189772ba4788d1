//! Says once how the first run of this instance ended, to what started the machine and waits for it: the key
//! `signal` of the configuration. What cannot be sent now is sent by a later run. It never changes the outcome
//! of a run.

mod post;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::report::Outcome;
use stringless_core::signal::Signal;
use stringless_core::time::Timestamp;

use crate::disk::{read_capped, write};
use crate::first_run::post::{Failure, send};
use crate::io::Io;
use crate::log;
use crate::node::Node;

/// What was sent, as saved in the state folder.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// The instance. A copy of the machine is another one, and sends signals of its own.
    instance: String,
    /// Whether a run of every layer was good. A later failure does not change that.
    good: bool,
    /// When a release was first refused.
    refused: Option<Timestamp>,
    /// When the signals were first sent.
    tried: Option<Timestamp>,
    /// The hashes of the signals that need not be sent again.
    sent: Vec<String>,
    /// Whether nothing is left to do.
    done: bool,
}

/// What a run means for the signals.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// Nothing to send yet, but something to save.
    Save,
    Send,
}

/// Sends the signals, if they wait for a run that ended with `outcome`. `complete`: whether every layer of the
/// node has a release that was applied well. Returns the warnings.
pub fn report(
    wanted: &[Signal],
    node: &Node,
    outcome: Outcome,
    complete: impl FnOnce() -> bool,
    io: &Arc<Io>,
) -> Vec<String> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let saved = read_capped(&io.disk.file(FILE)).ok().flatten();
    let saved = saved.and_then(|bytes| json::parse::<Progress>(&bytes).ok());
    let empty = || Progress { instance: node.id.clone(), ..Progress::default() };
    let mut progress = saved.filter(|saved| saved.instance == node.id).unwrap_or_else(empty);
    if progress.done {
        return Vec::new();
    }
    let step = progress.step(outcome, complete(), io.clock.now());
    if step == Step::Nothing {
        return Vec::new();
    }
    progress.save(io);
    if step == Step::Save {
        return Vec::new();
    }
    let warnings = progress.send(wanted, node, io);
    progress.save(io);
    warnings
}

impl Progress {
    fn step(&mut self, outcome: Outcome, complete: bool, now: Timestamp) -> Step {
        match outcome {
            Outcome::Converged | Outcome::Changed if complete => self.good = true,
            _ if self.tried.is_some() => {}
            Outcome::Converged | Outcome::Changed | Outcome::Temporary => return Step::Nothing,
            // The answer of a captive portal is refused, too, and passes.
            Outcome::Refused if now < self.refused.get_or_insert(now).plus(REFUSED) => return Step::Save,
            Outcome::Refused | Outcome::EngineFailed | Outcome::Usage | Outcome::Configuration => {}
        }
        self.tried.get_or_insert(now);
        Step::Send
    }

    /// Sends what is not yet sent. Returns the warnings.
    fn send(&mut self, wanted: &[Signal], node: &Node, io: &Arc<Io>) -> Vec<String> {
        let over = self.tried.is_some_and(|tried| tried.plus(PATIENCE) <= io.clock.now());
        let (mut warnings, mut left) = (Vec::new(), false);
        for signal in wanted {
            let hash = Sha256::of(&json::write(signal)).to_string();
            if self.sent.contains(&hash) {
                continue;
            }
            let what = if self.good { "went well" } else { "failed" };
            let retry = match send(signal, self.good, node, io) {
                Ok(()) => {
                    log::info(format_args!("sent to {}: the first run {what}", signal.endpoint));
                    false
                }
                Err(Failure { why, last }) => {
                    let next =
                        if last || over { "it is not sent again" } else { "a later run sends it again" };
                    let text =
                        format!("sending to {} that the first run {what}: {why}; {next}", signal.endpoint);
                    log::warn(&text);
                    warnings.push(text);
                    !last
                }
            };
            left |= retry;
            self.sent.extend((!retry).then_some(hash));
        }
        self.done = over || !left;
        warnings
    }

    fn save(&self, io: &Io) {
        // If this cannot be saved, the next run sends the signal again, which does no harm.
        let _ = write::replace(&io.disk.file(FILE), &json::write(self));
    }
}

/// The file's name in the state folder.
const FILE: &str = "signal";
/// For how many seconds a release must be refused before that counts as the end of the first run.
const REFUSED: u64 = 60;
/// For how many seconds a signal that could not be sent is sent again: longer than most groups wait.
const PATIENCE: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of these runs, each with the seconds since the first one; whatever is sent arrives.
    fn steps(runs: &[(Outcome, bool, u64)]) -> (Vec<Step>, Progress) {
        let mut progress = Progress::default();
        let start = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        let step = |&(outcome, complete, at): &(Outcome, bool, u64)| {
            if progress.done {
                return Step::Nothing;
            }
            let step = progress.step(outcome, complete, start.plus(at));
            progress.done = step == Step::Send;
            step
        };
        (runs.iter().map(step).collect(), progress)
    }

    #[test]
    fn one_signal_is_sent_for_the_first_run_that_ends() {
        use Outcome::{Changed, Configuration, Converged, EngineFailed, Refused, Temporary};
        use Step::{Nothing, Save, Send};
        for (runs, expected, good) in [
            (vec![(Changed, true, 0), (EngineFailed, true, 9)], vec![Send, Nothing], true),
            (vec![(Converged, false, 0), (Converged, true, 9)], vec![Nothing, Send], true),
            (vec![(Temporary, false, 0), (Changed, true, 9)], vec![Nothing, Send], true),
            (vec![(EngineFailed, false, 0), (Changed, true, 9)], vec![Send, Nothing], false),
            (vec![(Configuration, false, 0)], vec![Send], false),
            (
                vec![(Refused, false, 0), (Refused, false, 59), (Changed, true, 60)],
                vec![Save, Save, Send],
                true,
            ),
            (
                vec![(Refused, false, 0), (Temporary, false, 9), (Refused, false, 60)],
                vec![Save, Nothing, Send],
                false,
            ),
        ] {
            let (steps, progress) = steps(&runs);
            assert_eq!((steps, progress.good), (expected, good), "{runs:?}");
        }
    }

    #[test]
    fn what_could_not_be_sent_is_sent_by_the_next_run() {
        let mut progress = Progress::default();
        let now = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        for (outcome, complete, good) in [
            (Outcome::EngineFailed, false, false),
            (Outcome::Temporary, false, false),
            (Outcome::Changed, true, true),
            (Outcome::EngineFailed, true, true),
        ] {
            assert_eq!(progress.step(outcome, complete, now), Step::Send);
            assert_eq!(progress.good, good, "{outcome:?}");
        }
    }
}
