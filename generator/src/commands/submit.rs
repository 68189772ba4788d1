//! `stringless submit`.

use std::path::Path;

use serde::Serialize;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use super::keys::{self, Changed};
use crate::cli::SubmitArgs;
use crate::error::{Error, Result};
use crate::output::release::{self, Released};
use crate::output::{pending as waiting, print};
use crate::progress::Progress;
use crate::release::publish::{Outcome, Place};
use crate::remote;
use crate::site::stores::open_store;
use crate::site::{SiteFolder, trust_chain};
use crate::store::Store;
use crate::trust::pending::{self, Content, Pending};
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
    let site = SiteFolder::open(site)?;
    let all = pending::all(&site)?;
    for path in pending::strays(&site, &all) {
        print::note(&format!("warning: `{}` belongs to nothing that waits here", path.display()));
    }
    if all.is_empty() {
        return Err(Error::configuration("submitting: nothing waits for signatures")
            .hint("`stringless publish --offline` writes what is to be signed elsewhere"));
    }
    let store = open_store(&site)?;
    store.check_writable()?;
    let (mut trust, mut releases) = (None, Vec::new());
    for pending in all {
        match pending.content.clone() {
            Content::Trust(payload) => {
                let changed = submit_trust(&site, &store, pending, &payload, args.dry_run)?;
                if !args.json {
                    print::out(&changed.told())?;
                }
                trust = Some(changed);
            }
            Content::Manifest(manifest) => {
                let released = submit_release(&site, &store, pending, &manifest, args.dry_run)?;
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
        trust: trust.map(Changed::report),
        releases: releases.into_iter().map(Released::report).collect(),
    };
    if args.json {
        print::json(&report)?;
    }
    let of_trust = report.trust.as_ref().and_then(|trust| trust.waiting.as_ref());
    let first: Option<&waiting::Report> =
        of_trust.or(report.releases.iter().find_map(|release| release.waiting.as_ref()));
    Released::end(first, false)
}

fn submit_release(
    site: &SiteFolder,
    store: &Store,
    pending: Pending,
    manifest: &Manifest,
    dry_run: bool,
) -> Result<Released> {
    let chain = site.trust()?;
    let trust = trust_chain::in_force(&chain)?;
    sync::refuse_newer(store, site, trust)?;
    let keys = trust_chain::keys(&chain);
    let published = remote::read(store, &site.site.site, &manifest.environment, &keys)?;
    let place = Place { site, store, chain: &chain, published: published.as_ref() };
    if place.is_published(manifest) && !dry_run {
        pending.remove()?;
        return Ok(Released::nothing(manifest));
    }
    if dry_run {
        return Ok(match signer::collect(pending, &Quorum::of(trust))? {
            Signed::Whole(_) => Released::dry(manifest.clone(), vec![ELSEWHERE]),
            Signed::Waiting(waiting) => {
                let outcome = Outcome::Waiting(Box::new(manifest.clone()), waiting);
                Released::done(outcome, Vec::new(), trust)
            }
        });
    }
    let outcome = place.submit(pending, manifest, &Progress::new())?;
    Ok(Released::done(outcome, vec![ELSEWHERE], trust))
}

fn submit_trust(
    site: &SiteFolder,
    store: &Store,
    pending: Pending,
    next: &Trust,
    dry_run: bool,
) -> Result<Changed> {
    let chain = site.trust()?;
    let newest = trust_chain::newest(&chain)?;
    sync::refuse_newer(store, site, newest)?;
    if newest == next && !dry_run {
        // Cut off between `trust/` and the store, or before it was cleared away.
        sync::bring(store, &chain)?;
        pending.remove()?;
        return Ok(Changed::same(next));
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
        sync::bring(store, &chain)?;
    }
    keys::submit(site, store, newest, pending, next, dry_run)
}

const ELSEWHERE: &str = "signed elsewhere";
