//! Shared by `rollback` and `promote`: they publish the content of an existing release again.

use serde::Serialize;
use stringless_core::name::Name;

use crate::cli::SignArgs;
use crate::clock::now;
use crate::error::Result;
use crate::output::print;
use crate::output::release::{self, ReleaseReport};
use crate::progress::Progress;
use crate::release::plan::{self, Decision, Wanted};
use crate::release::publish::{Outcome, Publisher};
use crate::release::republish;
use crate::remote::Published;
use crate::remote::history::Release;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::open_one;
use crate::trust::signer::Keys;
use crate::trust::sync;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    release: release::Report,
}

/// Opens the store that the site publishes to, under a trust that may sign.
///
/// # Errors
/// Refused when the trust has expired, or the store has a newer one.
pub fn open(site: &SiteDir) -> Result<SiteStore<'_>> {
    let remote = SiteStore::open_to_write(site)?;
    remote.trust_in_force()?;
    sync::refuse_newer(&remote)?;
    Ok(remote)
}

/// Publishes the content of `release` as `wanted`, after the release that is `published` in its environment.
///
/// # Errors
/// When a pack is missing, or keys, store or another publisher prevent it.
pub fn publish(
    remote: &SiteStore<'_>,
    release: &Release,
    wanted: Wanted,
    published: Option<&Published>,
    args: &SignArgs,
) -> Result<u8> {
    let (site, progress) = (remote.site, Progress::new());
    let trust = remote.trust_in_force()?;
    let others: Vec<_> = site.site.stores[1..].iter().map(|settings| open_one(site, settings)).collect();
    republish::gather(site, &remote.store, &others, &release.manifest)?;
    let environment = wanted.environment.clone();
    let publisher = Publisher { remote, published };
    let before = publisher.before(&environment, trust);
    let released = match (plan::decide(wanted, before, trust, now(), args.force)?, published) {
        (Decision::Sign(manifest, reasons), _) if args.dry_run => ReleaseReport::dry(*manifest, reasons),
        (Decision::Sign(manifest, reasons), _) => {
            let keys = Keys { given: &args.key, offline: args.offline };
            let outcome = publisher.release(*manifest, keys, &progress)?;
            if let Outcome::Waiting(manifest, _) = &outcome {
                republish::keep(site, &remote.store, manifest)?;
            }
            ReleaseReport::done(outcome, reasons, trust)
        }
        (Decision::Nothing, Some(published)) => ReleaseReport::nothing(&published.manifest),
        (Decision::Nothing, None) => return Ok(0),
    };
    released.warn();
    if !args.json {
        print::out(&released.told())?;
        return ReleaseReport::end(released.waiting(), args.offline);
    }
    let report = Report { format: print::JSON_FORMAT, site: &site.site.site, release: released.report() };
    print::json(&report)?;
    ReleaseReport::end(report.release.waiting.as_ref(), args.offline)
}
