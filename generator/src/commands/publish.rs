//! `stringless publish`.

use std::path::Path;

use agent_core::name::Name;
use serde::Serialize;

use super::released::{self, Released};
use super::{open_store, print};
use crate::build::{self, Build};
use crate::cli::PublishArgs;
use crate::error::Result;
use crate::folder::{SiteFolder, now};
use crate::known;
use crate::progress::Progress;
use crate::publish::{self, Decision, Wanted};
use crate::published;
use crate::release::Place;
use crate::signing::Keys;
use crate::trusts;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    release: released::Report,
}

/// Publishes an environment.
///
/// # Errors
/// When the build, the store or the keys refuse.
pub fn run(site: Option<&Path>, args: &PublishArgs) -> Result<u8> {
    let site = SiteFolder::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let progress = Progress::new();
    let chain = site.trust()?;
    let trust = trusts::in_force(&chain)?;
    let store = open_store(&site)?;
    store.check_writable()?;
    let published = published::read(&store, &site.site.site, &environment, &published::keys(&chain))?;
    trusts::refuse_newer(&store, &site, trust)?;
    let build = build::build(&site, &environment, &progress)?;
    let place = Place { site: &site, store: &store, chain: &chain, published: published.as_ref() };
    let known = known::read(&site, &environment, &chain);
    let wanted = wanted(&site, &environment, &build)?;
    let decision = publish::decide(wanted, place.before(trust, known.as_ref()), trust, now(), args.force)?;
    let released = match (decision, &published) {
        (Decision::Sign(manifest, reasons), _) if args.dry_run => Released::dry(*manifest, reasons),
        (Decision::Sign(manifest, reasons), _) => {
            let keys = Keys { given: &args.key, offline: args.offline };
            Released::done(place.release(*manifest, keys, &progress)?, reasons, trust)
        }
        (Decision::Nothing, Some(published)) => Released::nothing(&published.manifest),
        (Decision::Nothing, None) => return Ok(0),
    };
    released.warn();
    if !args.json {
        print::out(&released.told())?;
        return Released::end(released.waiting(), args.offline);
    }
    let report = Report { format: print::JSON_FORMAT, site: &site.site.site, release: released.report() };
    print::json(&report)?;
    Released::end(report.release.waiting.as_ref(), args.offline)
}

fn wanted(site: &SiteFolder, environment: &Name, build: &Build) -> Result<Wanted> {
    Ok(Wanted {
        site: site.site.site.clone(),
        environment: environment.clone(),
        packs: build.packs.clone(),
        apply: site.site.apply(environment)?,
        agent: site.lock()?.pin(site.site.agent.version),
        lifetime: site.site.expires.seconds(),
        source: build.source.clone(),
    })
}
