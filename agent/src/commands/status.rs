//! `status`: what this node follows, what is applied here, what starts the agent, and how the last runs ended.

mod text;

use stringless_core::count::count;
use stringless_core::fleet::selector::Subject;
use stringless_core::history::History;
use stringless_core::report::Outcome;
use stringless_core::state::{Failed, Seen};
use stringless_core::status::{HeadStatus, LayerStatus, NextCheck, Pin, Status};
use stringless_core::{json, verify};

use crate::disk::read_capped;
use crate::error::Result;
use crate::flow::warnings;
use crate::host::schedule;
use crate::node;
use crate::output::print;
use crate::session::Session;
use crate::session::report::HISTORY;
use crate::trust::TrustInUse;
use crate::{upgrade, version};

/// Prints what is applied here, as text or as JSON.
///
/// # Errors
/// The state cannot be read.
pub fn status(session: &Session<'_>) -> Result<Outcome> {
    let last_run = read_capped(&session.io.disk.file("last-run.json"))?;
    let node = node::cached(&session.config, &session.root, &session.io.disk);
    let no_role = node.no_role.map(|missing| format!("no role: the tag `{}`: {}", missing.tag, missing.why));
    let record = upgrade::read(&session.io.disk).unwrap_or_default();
    let mut status = Status {
        format: 1,
        agent: version::text(),
        previous: record.previous(version::own()),
        quarantined: record.quarantined,
        unwritable: record.unwritable,
        node: node.id,
        node_from: node.id_source,
        region: node.region,
        role: node.role,
        role_from: node.role_from,
        labels: node.labels,
        warnings: node.warning.into_iter().chain(node.role_warning).chain(no_role).collect(),
        schedule: schedule::find(&session.root),
        layers: Vec::new(),
        last_run: last_run.and_then(|bytes| json::parse(&bytes).ok()),
        runs: read_capped(&session.io.disk.file(HISTORY))?
            .map_or_else(Vec::new, |bytes| History::parse(&bytes).runs),
    };
    for layer in &session.config.layers {
        let disk = session.io.disk.layer(&layer.site);
        let trust = TrustInUse::load(&layer.trust, &layer.site, &disk)?;
        let (state, damaged) = disk.state()?;
        let manifest = disk.manifest(&layer.environment)?;
        let manifest = manifest
            .and_then(|bytes| verify::manifest(&bytes, &trust.keys, &layer.site, &layer.environment).ok());
        let now = session.io.clock.now();
        let head = disk.head(&layer.environment)?.filter(|_| trust.has_fleet());
        let head =
            head.and_then(|bytes| verify::head(&bytes, &trust.keys, &layer.site, &layer.environment).ok());
        let seen = state.seen.get(&layer.environment).map(Seen::freshness);
        let subject = Subject { node: &status.node, record: None };
        let head_status = head.as_ref().map(|head| HeadStatus::new(head, seen, &subject, now));
        let mut warnings: Vec<String> = manifest
            .iter()
            .flat_map(|manifest| warnings::expiries(manifest, head.as_deref(), trust.expires(), now))
            .collect();
        warnings.extend(state.failed.values().filter(|failed| failed.times > 0).map(failing));
        warnings.extend(damaged.map(|path| format!("the state `{}` is damaged", path.display())));
        let checked = disk.checked().map(|checked| checked.at);
        let next_check = checked.map(|at| NextCheck {
            earliest: at.plus(layer.interval),
            latest: at.plus(layer.interval + layer.splay),
        });
        status.layers.push(LayerStatus {
            site: layer.site.clone(),
            environment: layer.environment.clone(),
            stores: layer.stores.iter().map(|store| store.url.clone()).collect(),
            trust_version: trust.keys.version,
            interval: layer.interval,
            next_check: next_check.filter(|_| !status.schedule.is_empty()),
            agent: manifest
                .as_ref()
                .map(|manifest| Pin { version: manifest.agent.version, minimum: manifest.agent.minimum }),
            checked,
            live: disk.live(),
            last_good: state.last_good.get(&layer.environment).cloned(),
            expires: manifest.and_then(|manifest| manifest.expires),
            trust_expires: trust.expires(),
            head: head_status,
            state,
            warnings,
        });
    }
    if session.args.json {
        return print(&String::from_utf8_lossy(&json::write(&status)));
    }
    print(&text::text(&status))
}

fn failing(failed: &Failed) -> String {
    let Failed { release, times, at, .. } = failed;
    let (serial, environment) = (release.serial, &release.environment);
    format!("release {serial} of {environment} has failed {}, last at {at}", count(*times, "time"))
}
