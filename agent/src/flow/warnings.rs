//! Warnings in the report and on standard error: what needs attention although nothing failed.

use stringless_core::fleet::head::Head;
use stringless_core::manifest::Manifest;
use stringless_core::plan;
use stringless_core::report::LayerReport;
use stringless_core::state::State;
use stringless_core::time::Timestamp;

use crate::flow::check::Found;
use crate::flow::run::{LayerRun, label};
use crate::log;

/// Warns about a system clock that is behind the agent's time. It is wrong now, or it was far ahead before.
pub fn clock(run: &LayerRun<'_>, report: &mut LayerReport) {
    let Some(system) = run.io.clock.behind() else { return };
    let text = format!(
        "{}: the system clock shows {system}, but the user-data or an earlier check is from {}. If the clock is \
         right, remove the files `layers/*/checked` in the state folder",
        label(run),
        run.io.clock.now()
    );
    log::warn(&text);
    report.warnings.push(text);
}

/// Logs why nothing is due, with `-v`.
pub fn log_idle(run: &LayerRun<'_>, state: &State, manifest: &Manifest) {
    let Some(applied) = &state.applied else { return };
    let next = match manifest.apply.reapply {
        Some(every) => format!("the engine runs again at {}", applied.at.plus(every)),
        None => "the engine runs again for a new release only".to_owned(),
    };
    let (serial, at) = (manifest.serial, applied.at);
    log::step(format_args!("{}: release {serial} was applied at {at}; {next}", label(run)));
}

/// Warns before and after an expiry. Expiry never stops the running release.
pub fn expiry(run: &LayerRun<'_>, found: &Found, report: &mut LayerReport) {
    let now = run.io.clock.now();
    for warning in expiries(&found.manifest, found.head.as_deref(), found.trust.expires(), now) {
        let text = format!("{}: {warning}", label(run));
        log::warn(&text);
        report.warnings.push(text);
    }
}

/// The texts for what expires soon or has expired.
pub fn expiries(
    manifest: &Manifest,
    head: Option<&Head>,
    trust: Option<Timestamp>,
    now: Timestamp,
) -> Vec<String> {
    let head = head.map(|head| ("head", Some(head.created), head.expires));
    let manifest = ("manifest", Some(manifest.created), manifest.expires);
    let all = [Some(manifest), head, Some(("trust", None, trust))].into_iter().flatten();
    let soon = all.filter_map(|(what, from, expires)| {
        let expires = expires.filter(|expires| plan::expires_soon(from, *expires, now))?;
        let verb = if now < expires { "expires" } else { "expired" };
        Some(format!("the {what} {verb} at {expires}: `stringless refresh` renews it"))
    });
    soon.collect()
}
