//! `stringless submit`.

use std::path::Path;

use stringless_core::manifest::Manifest;

use crate::cli::SubmitArgs;
use crate::error::{Error, Result};
use crate::output::failures::Failures;
use crate::output::release::ReleaseReport;
use crate::output::trust_change::TrustChange;
use crate::output::{print, signed};
use crate::progress::Progress;
use crate::release::publish::{Outcome, Publisher};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::pending::{self, Pending, PendingDocument};
use crate::trust::quorum::Quorum;
use crate::trust::signer::{self, Signed};
use crate::trust::{change, sync};

/// Publishes the documents that waited for signatures and have enough of them now.
///
/// # Errors
/// Refused when a signature does not count, or a document was overtaken. Temporary when signatures are missing. One
/// document that cannot be published keeps no other one from being published.
pub fn run(site: Option<&Path>, args: &SubmitArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let mut failures = Failures::default();
    let mut all = Vec::new();
    for read in pending::each(&site) {
        match read {
            Ok(pending) => all.push(pending),
            Err(error) => failures.add(None, error),
        }
    }
    for path in pending::unmatched_signatures(&site, &all) {
        print::note(&format!("warning: `{}` does not belong to a document that waits here", path.display()));
    }
    if all.is_empty() {
        if !failures.is_empty() {
            return failures.finish(Ok(0));
        }
        return Err(Error::configuration("submitting: nothing waits for signatures")
            .hint("`stringless publish --offline` writes what is to be signed elsewhere"));
    }
    let mut remote = SiteStore::open_to_write(&site)?;
    let (mut trust, mut releases) = (None, Vec::new());
    for pending in all {
        match pending.content.clone() {
            PendingDocument::Trust(payload) => {
                match change::submit(&remote, pending, &payload, args.dry_run).map(TrustChange::new) {
                    Ok(changed) => {
                        remote = remote.reload_trust()?;
                        if !args.json {
                            failures.print(&changed.text());
                        }
                        trust = Some(changed);
                    }
                    Err(error) => failures.add(None, error),
                }
            }
            PendingDocument::Manifest(manifest) => {
                match submit_release(&remote, pending, &manifest, args.dry_run) {
                    Ok(released) => {
                        released.warn();
                        if !args.json {
                            failures.print(&released.text());
                        }
                        releases.push(released);
                    }
                    Err(error) => failures.add(Some(&manifest.environment), error),
                }
            }
        }
    }
    signed::finish(&site.site.site, trust, releases, failures, args.json, false)
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
        return Ok(match signer::collect(pending, &Quorum::new(trust))? {
            Signed::Complete(_) => ReleaseReport::dry(manifest.clone(), vec![ELSEWHERE]),
            Signed::Waiting(waiting) => {
                let outcome = Outcome::Waiting(Box::new(manifest.clone()), waiting);
                ReleaseReport::done(outcome, Vec::new(), trust)
            }
        });
    }
    let outcome = publisher.submit(pending, manifest, &Progress::new())?;
    Ok(ReleaseReport::done(outcome, vec![ELSEWHERE], trust))
}

const ELSEWHERE: &str = "signed elsewhere";
