//! `status`: what is applied here, and the result of the last run.

use serde::Serialize;
use stringless_core::count::count;
use stringless_core::name::Name;
use stringless_core::report::{Outcome, Report};
use stringless_core::state::{Failed, Release, State};
use stringless_core::time::Timestamp;
use stringless_core::{json, verify};

use crate::disk::read_capped;
use crate::error::Result;
use crate::flow::warnings;
use crate::node::{self, IdSource};
use crate::output::print;
use crate::session::Session;
use crate::trust::TrustInUse;

/// The output of `status --json`.
#[derive(Serialize)]
struct Status {
    format: u32,
    agent: &'static str,
    node: String,
    /// Where the node's id comes from.
    node_from: IdSource,
    region: Option<Name>,
    /// What needs attention on the node itself.
    warnings: Vec<String>,
    layers: Vec<LayerStatus>,
    last_run: Option<Report>,
}

#[derive(Serialize)]
struct LayerStatus {
    site: Name,
    environment: Name,
    trust_version: u64,
    /// The time of the last successful check.
    checked: Option<Timestamp>,
    live: Option<Release>,
    last_good: Option<Release>,
    /// When the last accepted manifest expires.
    expires: Option<Timestamp>,
    /// When the trust in use expires.
    trust_expires: Option<Timestamp>,
    state: State,
    /// What needs attention: an expiry soon, failed releases.
    warnings: Vec<String>,
}

/// Prints what is applied here, as text or as JSON.
///
/// # Errors
/// The state cannot be read.
pub fn status(session: &Session<'_>) -> Result<Outcome> {
    let last_run = read_capped(&session.io.disk.file("last-run.json"))?;
    let node = node::cached(&session.config, &session.root, &session.io.disk);
    let mut status = Status {
        format: 1,
        agent: env!("CARGO_PKG_VERSION"),
        node: node.id,
        node_from: node.id_source,
        region: node.region,
        warnings: node.warning.into_iter().collect(),
        layers: Vec::new(),
        last_run: last_run.and_then(|bytes| json::parse(&bytes).ok()),
    };
    for layer in &session.config.layers {
        let disk = session.io.disk.layer(&layer.site);
        let trust = TrustInUse::load(&layer.trust, &layer.site, &disk)?;
        let (state, damaged) = disk.state()?;
        let manifest = disk.manifest(&layer.environment)?;
        let manifest = manifest
            .and_then(|bytes| verify::manifest(&bytes, &trust.keys, &layer.site, &layer.environment).ok());
        let now = session.io.clock.now();
        let mut warnings: Vec<String> =
            manifest.iter().flat_map(|manifest| warnings::expiries(manifest, trust.expires(), now)).collect();
        warnings.extend(state.failed.values().filter(|failed| failed.times > 0).map(failing));
        warnings.extend(damaged.map(|path| format!("the state `{}` is damaged", path.display())));
        status.layers.push(LayerStatus {
            site: layer.site.clone(),
            environment: layer.environment.clone(),
            trust_version: trust.keys.version,
            checked: disk.checked().map(|checked| checked.at),
            live: disk.live(),
            last_good: state.last_good.get(&layer.environment).cloned(),
            expires: manifest.and_then(|manifest| manifest.expires),
            trust_expires: trust.expires(),
            state,
            warnings,
        });
    }
    if session.args.json {
        return print(&String::from_utf8_lossy(&json::write(&status)));
    }
    print(&text(&status))
}

fn failing(failed: &Failed) -> String {
    let Failed { release, times, at, .. } = failed;
    let (serial, environment) = (release.serial, &release.environment);
    format!("release {serial} of {environment} has failed {}, last at {at}", count(*times, "time"))
}

fn text(status: &Status) -> String {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none yet".to_owned());
    let release = |release: &Option<Release>| {
        or_none(release.as_ref().map(|r| format!("{} of {}", r.serial, r.environment)))
    };
    let mut text = format!("node        {}\n", status.node);
    if let Some(region) = &status.region {
        text += &format!("region      {region}\n");
    }
    for warning in &status.warnings {
        text += &format!("warning     {warning}\n");
    }
    for layer in &status.layers {
        text += &format!("\n{} / {}\n", layer.site, layer.environment);
        text += &format!("  checked   {}\n", or_none(layer.checked.map(|time| time.to_string())));
        text += &format!("  live      release {}\n", release(&layer.live));
        text += &format!("  last good release {}\n", release(&layer.last_good));
        text += &format!("  trust     version {}\n", layer.trust_version);
        if let Some(expires) = layer.expires {
            text += &format!("  expires   {expires}\n");
        }
        if let Some(applied) = &layer.state.applied {
            let how = if applied.ok { "succeeded" } else { "failed, or was cut off" };
            text += &format!("  applied   {} ({how})\n", applied.at);
        }
        for warning in &layer.warnings {
            text += &format!("  warning   {warning}\n");
        }
    }
    if let Some(last) = &status.last_run {
        text += &format!("\nlast run    {} (exit code {})\n", last.started, last.exit_code);
        for layer in &last.layers {
            if layer.noop {
                text += &format!("  {}: run with --noop, so nothing was applied\n", layer.site);
            }
            for line in layer.error.iter().chain(&layer.warnings) {
                text += &format!("  {}: {line}\n", layer.site);
            }
        }
    }
    text
}
