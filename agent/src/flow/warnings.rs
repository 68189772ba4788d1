//! What needs attention although nothing failed: in the report, and on standard error.

use stringless_core::manifest::Manifest;
use stringless_core::plan;
use stringless_core::report::LayerReport;
use stringless_core::time::Timestamp;

use crate::flow::check::Head;
use crate::flow::run::{Run, label};
use crate::log;

/// A system's clock behind the time used is wrong, or was far ahead once.
pub fn clock(run: &Run<'_>, report: &mut LayerReport) {
    let Some(system) = run.io.clock.behind() else { return };
    let text = format!(
        "{}: the system's clock shows {system}; the time used is {}, of the user-data or of an earlier check. If \
         the clock is right, remove the files `layers/*/checked` of the state folder",
        label(run),
        run.io.clock.now()
    );
    log::warn(&text);
    report.warnings.push(text);
}

/// Expiry never stops what runs; it is announced before it comes, and said when it has come.
pub fn expiry(run: &Run<'_>, head: &Head, report: &mut LayerReport) {
    let now = run.io.clock.now();
    for warning in expiries(&head.manifest, head.trust.expires(), now) {
        let text = format!("{}: {warning}", label(run));
        log::warn(&text);
        report.warnings.push(text);
    }
}

/// What expires soon, or has expired, in words.
pub fn expiries(manifest: &Manifest, trust: Option<Timestamp>, now: Timestamp) -> Vec<String> {
    let all = [("manifest", Some(manifest.created), manifest.expires), ("trust", None, trust)];
    let soon = all.into_iter().filter_map(|(what, from, expires)| {
        let expires = expires.filter(|expires| plan::expires_soon(from, *expires, now))?;
        let verb = if now < expires { "expires" } else { "expired" };
        Some(format!("the {what} {verb} at {expires}: `stringless refresh` renews it"))
    });
    soon.collect()
}
