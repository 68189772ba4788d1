//! `stringless submit`.

use std::path::Path;

use serde::Serialize;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use super::keys::{self, TrustChange};
use crate::cli::SubmitArgs;
use crate::error::{Error, Result};
use crate::output::release::{self, ReleaseReport};
use crate::output::{pending as waiting, print};
use crate::progress::Progress;
use crate::release::publish::{Outcome, Publisher};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::pending::{self, Pending, PendingDocument};
use crate::trust::quorum::Quorum;
use crate::trust::signer::{self, Signed};
use crate::trust::sync;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    /// Null where no change of the keys waited.
    trust: Option<keys::Report>,
    releases: Vec<release::Report>,
}

/// Publishes what waited for signatures and has enough of them now.
///
/// # Errors
/// Refused: a signature that does not count, or a document that was overtaken. Temporary: some are missing.
pub fn run(site: Option<&Path>, args: &SubmitArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let all = pending::all(&site)?;
    for path in pending::strays(&site, &all) {
        print::note(&format!("warning: `{}` belongs to nothing that waits here", path.display()));
    }
    if all.is_empty() {
        return Err(Error::configuration("submitting: nothing waits for signatures")
            .hint("`stringless publish --offline` writes what is to be signed elsewhere"));
    }
    let mut remote = SiteStore::open_to_write(&site)?;
    let (mut trust, mut releases) = (None, Vec::new());
    for pending in all {
        match pending.content.clone() {
            PendingDocument::Trust(payload) => {
                let changed = submit_trust(&remote, pending, &payload, args.dry_run)?;
                remote = remote.reload_trust()?;
                if !args.json {
                    print::out(&changed.told())?;
                }
                trust = Some(changed);
            }
            PendingDocument::Manifest(manifest) => {
                let released = submit_release(&remote, pending, &manifest, args.dry_run)?;
                released.warn();
                if !args.json {
                    print::out(&released.told())?;
                }
                releases.push(released);
            }
        }
    }
    let report = Report {
        format: print::JSON_FORMAT,
        site: &site.site.site,
        trust: trust.map(TrustChange::report),
        releases: releases.into_iter().map(ReleaseReport::report).collect(),
    };
    if args.json {
        print::json(&report)?;
    }
    let of_trust = report.trust.as_ref().and_then(|trust| trust.waiting.as_ref());
    let first: Option<&waiting::Report> =
        of_trust.or(report.releases.iter().find_map(|release| release.waiting.as_ref()));
    ReleaseReport::end(first, false)
}

fn submit_release(
    remote: &SiteStore<'_>,
    pending: Pending,
    manifest: &Manifest,
    dry_run: bool,
) -> Result<ReleaseReport> {
    let trust = remote.trust_in_force()?;
    sync::refuse_newer(remote)?;
    let published = remote.published(&manifest.environment)?;
    let publisher = Publisher { remote, published: published.as_ref() };
    if publisher.is_published(manifest) && !dry_run {
        pending.remove()?;
        return Ok(ReleaseReport::nothing(manifest));
    }
    if dry_run {
        return Ok(match signer::collect(pending, &Quorum::of(trust))? {
            Signed::Whole(_) => ReleaseReport::dry(manifest.clone(), vec![ELSEWHERE]),
            Signed::Waiting(waiting) => {
                let outcome = Outcome::Waiting(Box::new(manifest.clone()), waiting);
                ReleaseReport::done(outcome, Vec::new(), trust)
            }
        });
    }
    let outcome = publisher.submit(pending, manifest, &Progress::new())?;
    Ok(ReleaseReport::done(outcome, vec![ELSEWHERE], trust))
}

fn submit_trust(
    remote: &SiteStore<'_>,
    pending: Pending,
    next: &Trust,
    dry_run: bool,
) -> Result<TrustChange> {
    let newest = remote.newest_trust()?;
    sync::refuse_newer(remote)?;
    if newest == next && !dry_run {
        // Cut off between `trust/` and the store, or before it was cleared away.
        sync::sync_chain(remote)?;
        pending.remove()?;
        return Ok(TrustChange::same(next));
    }
    if next.version != newest.version.saturating_add(1) {
        return Err(Error::refused(format!(
            "publishing `{}`: it was overtaken, trust version {} counts now",
            pending.file.display(),
            newest.version
        ))
        .hint(format!(
            "rm {}*, look at `stringless keys list`, and make the change anew",
            pending.file.display()
        )));
    }
    if !dry_run {
        sync::sync_chain(remote)?;
    }
    keys::submit(remote, pending, next, dry_run)
}

const ELSEWHERE: &str = "signed elsewhere";
