//! What `refresh` and `submit` print of the trust and of the releases that were signed.

use serde::Serialize;
use stringless_core::name::Name;

use super::json;
use super::release::{self, ReleaseReport};
use super::trust_change::{self, TrustChange};
use crate::error::Result;

#[derive(Serialize)]
struct Report {
    /// Null when the trust was not signed.
    trust: Option<trust_change::Report>,
    releases: Vec<release::Report>,
}

/// Ends a command: prints its report with `json`, and says by the exit code whether signatures are missing. With
/// `offline` that was asked for, and the exit code is 0.
///
/// # Errors
/// Temporary when signatures are missing.
pub fn finish(
    site: &Name,
    trust: Option<TrustChange>,
    releases: Vec<ReleaseReport>,
    json: bool,
    offline: bool,
) -> Result<u8> {
    let report = Report {
        trust: trust.map(TrustChange::report),
        releases: releases.into_iter().map(ReleaseReport::report).collect(),
    };
    if json {
        json::print(Some(site), &report)?;
    }
    let trust = report.trust.as_ref().and_then(|trust| trust.waiting.as_ref());
    let waiting = trust.or(report.releases.iter().find_map(|release| release.waiting.as_ref()));
    waiting.map_or(Ok(0), |waiting| waiting.end(offline))
}
