//! What is left of a run: the report that is printed and saved, the history, and the notice to people.

use stringless_core::history::History;
use stringless_core::json;
use stringless_core::name::Name;
use stringless_core::report::{LayerReport, Outcome, Report};

use super::Session;
use crate::args::Action;
use crate::disk::{read_capped, write};
use crate::error::Result;
use crate::log;
use crate::notify::Notifier;
use crate::output::print;

impl Session<'_> {
    /// Prints the report with `--json`, and saves it unless nothing happened and nothing was wrong before. A
    /// failure here never changes the outcome.
    pub(super) fn report(&self, mut report: Report) {
        if self.args.json {
            let printed = print(&String::from_utf8_lossy(&json::write(&report)));
            let _ = printed.inspect_err(|error| log::warn(error));
        }
        let path = self.io.disk.file("last-run.json");
        let last = read_capped(&path).ok().flatten().and_then(|bytes| json::parse::<Report>(&bytes).ok());
        let idle = |layer: &LayerReport| {
            layer.outcome == Outcome::Converged && layer.reason.is_none() && layer.warnings.is_empty()
        };
        let well = |report: &Report| {
            let quiet =
                report.warnings.is_empty() && report.layers.iter().all(|layer| layer.warnings.is_empty());
            report.outcome <= Outcome::Changed && quiet
        };
        let is_idle = report.warnings.is_empty() && report.layers.iter().all(idle);
        if is_idle && self.args.action == Action::Once {
            log::idle(format_args!("nothing to do: {}", what_is_live(&report)));
        }
        if is_idle && last.as_ref().is_some_and(well) {
            // The run that went well before may have been a dry run.
            return self.notify(&report);
        }
        if let Err(error) = self.save_history(&report) {
            let warning = format!("saving the history: {error}");
            log::warn(&warning);
            // The next run saves it, because this one did not go well in everything.
            report.warnings.push(warning);
        }
        // Keep the last report of each followed layer that did not run this time.
        let ran: Vec<_> = report.layers.iter().map(|layer| layer.site.clone()).collect();
        let followed = |site: &Name| self.config.layers.iter().any(|layer| layer.site == *site);
        let others = last.into_iter().flat_map(|last| last.layers);
        report.layers.extend(others.filter(|layer| !ran.contains(&layer.site) && followed(&layer.site)));
        report.outcome = report.layers.iter().map(|layer| layer.outcome).max().unwrap_or(report.outcome);
        report.exit_code = report.outcome.exit_code(self.args.detailed);
        if let Err(error) = write::replace(&path, &json::write(&report)) {
            log::warn(format_args!("saving the report: {error}"));
        }
        self.notify(&report);
    }

    /// Sends a notice, if the configuration says so.
    fn notify(&self, report: &Report) {
        if let Some(notify) = self.config.notify.as_ref().filter(|_| !self.args.noop) {
            let (root, secrets) = (self.other_root(), &self.secrets);
            Notifier { notify, io: &self.io, root, secrets }.after(report);
        }
    }

    /// Adds a run that did something, or that ended in another way than the one before.
    fn save_history(&self, report: &Report) -> Result<()> {
        let path = self.io.disk.file(HISTORY);
        let saved = read_capped(&path).ok().flatten();
        let mut history = saved.map(|bytes| History::parse(&bytes)).unwrap_or_default();
        if history.add(report) { write::replace(&path, &json::write(&history)) } else { Ok(()) }
    }
}

/// The live release of each layer, for a person.
fn what_is_live(report: &Report) -> String {
    let of = |layer: &LayerReport| {
        let serial =
            layer.live.as_ref().map_or("no release".to_owned(), |live| format!("release {}", live.serial));
        format!("{}/{} has {serial}", layer.site, layer.environment)
    };
    let all: Vec<String> = report.layers.iter().map(of).collect();
    if all.is_empty() { "no layer is due".to_owned() } else { all.join(", ") }
}

/// The file of the history in the state folder.
pub const HISTORY: &str = "runs.json";
