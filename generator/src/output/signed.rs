//! What `refresh` and `submit` print of the trust and of the releases that were signed.

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;

use super::failures::{Failure, Failures};
use super::json;
use super::release::{self, ReleaseReport};
use super::trust_change::{self, TrustChange};
use crate::error::Result;

/// The output of `refresh --json` and `submit --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Null when the trust was not signed.
    trust: Option<trust_change::Report>,
    /// The releases that were signed.
    releases: Vec<release::Report>,
    /// Why other documents were not signed or published.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Failure],
}

/// Ends a command: prints its report with `json`, and says by the exit code whether signatures are missing, or which of
/// `failures` is the gravest. With `offline` missing signatures were asked for, and do not count.
///
/// # Errors
/// Temporary when signatures are missing.
pub fn finish(
    site: &Name,
    trust: Option<TrustChange>,
    releases: Vec<ReleaseReport>,
    failures: Failures,
    json: bool,
    offline: bool,
) -> Result<u8> {
    let report = Report {
        trust: trust.map(TrustChange::report),
        releases: releases.into_iter().map(ReleaseReport::report).collect(),
        errors: failures.list(),
    };
    let printed = if json { json::print(Some(site), &report) } else { Ok(()) };
    let trust = report.trust.as_ref().and_then(|trust| trust.waiting.as_ref());
    let waiting = trust.or(report.releases.iter().find_map(|release| release.waiting.as_ref()));
    let end = waiting.map_or(Ok(0), |waiting| waiting.end(offline));
    failures.finish(printed.and(end))
}
