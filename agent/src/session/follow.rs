//! Which pin counts for this node, and following it.

use stringless_core::json;
use stringless_core::name::Name;
use stringless_core::report::{LayerReport, Outcome, Report};
use stringless_core::time::Timestamp;

use super::Session;
use crate::disk::{Lock, read_capped};
use crate::error::Result;
use crate::flow;
use crate::node::{self, Node};
use crate::output::print;
use crate::upgrade::{self, Followed, Offer, place};
use crate::{log, version};

impl Session<'_> {
    /// Whether this run may replace the agent: with `--noop` nothing changes, with `--root` this agent is not the one of
    /// the system that it works on, and an agent on trial is not installed yet.
    pub(super) fn follows(&self) -> bool {
        !self.args.noop && self.other_root().is_none() && !place::is_on_trial()
    }

    /// Follows the first layer's pin that has a file for this machine. A layer without a manifest in this run counts with
    /// the one that it has on disk, so that the agent does not change with the layers that happen to be due.
    pub(super) fn follow(
        &self,
        reports: &[LayerReport],
        offers: Vec<Option<Offer>>,
        node: &Node,
        lock: &mut Option<Lock>,
    ) -> Followed {
        let Some(target) = version::target().filter(|_| self.follows()) else {
            return Followed::Stayed(Vec::new());
        };
        let blocked = |offer: &Option<Offer>| offer.as_ref().is_some_and(|offer| offer.blocked);
        let expected = reports.iter().zip(&offers).filter(|(_, offer)| !blocked(offer));
        let expected: Vec<Outcome> = expected.map(|(report, _)| report.outcome).collect();
        let worst = expected.iter().copied().max().unwrap_or(Outcome::Converged);
        let engines = offers.iter().flatten().map(|offer| offer.timeout).sum();
        let mut offers: Vec<(&Name, Option<Offer>)> =
            reports.iter().map(|report| &report.site).zip(offers).collect();
        let found = self.config.layers.iter().find_map(|layer| {
            let ran = offers.iter_mut().find(|(site, _)| **site == layer.site);
            let offer = ran.and_then(|(_, offer)| offer.take());
            let offer = offer.or_else(|| flow::saved_offer(&self.layer(layer, &[], node)));
            offer.filter(|offer| offer.agent.targets.contains_key(target))
        });
        let Some(offer) = found else { return Followed::Stayed(Vec::new()) };
        let node = upgrade::Node {
            args: self.args,
            config: &self.config,
            secrets: &self.secrets,
            io: &self.io,
            expected,
            engines,
            probe: &|| self.probe().filter_map(|(_, result)| result.err()).map(|error| error.outcome).max(),
        };
        let mut followed = upgrade::follow(&node, &offer, lock);
        if let Followed::Upgraded(outcome) = &mut followed {
            *outcome = worst.max(*outcome);
        }
        if lock.is_none() {
            // The report is written under the lock, unless another run has it by now.
            *lock = self.io.disk.lock().ok();
        }
        followed
    }

    /// Asks the stores of each layer without changing anything. Returns the serial of each release.
    pub fn probe(&self) -> impl Iterator<Item = (String, Result<u64>)> {
        let node = node::cached(&self.config, &self.root, &self.io.disk);
        self.config.layers.iter().map(move |layer| {
            let title = format!("{}/{}", layer.site, self.environment(layer));
            (title, flow::probe(&self.layer(layer, &[], &node)))
        })
    }

    /// Whether the new agent did something in its first run, which began after `started`, and saved a report of it. With
    /// `--json`, prints that.
    pub(super) fn new_agent_reported(&self, started: Timestamp) -> bool {
        let saved = read_capped(&self.io.disk.file("last-run.json")).ok().flatten();
        let report = saved.and_then(|bytes| json::parse::<Report>(&bytes).ok());
        let of_new = |one: &Report| {
            let did = one.layers.iter().any(|layer| layer.reason.is_some() || layer.error.is_some());
            one.agent != version::text() && one.started >= started && did
        };
        let Some(report) = report.filter(of_new) else { return false };
        if self.args.json {
            let printed = print(&String::from_utf8_lossy(&json::write(&report)));
            let _ = printed.inspect_err(|error| log::warn(error));
        }
        true
    }
}
