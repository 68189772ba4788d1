//! `stringless publish`.

use std::path::Path;

use agent_core::name::Name;
use serde::Serialize;

use super::released::{self, Released};
use super::{checked, open_store, print};
use crate::build::{self, Build};
use crate::cli::PublishArgs;
use crate::error::Result;
use crate::folder::{SiteFolder, TrustFile, now};
use crate::known;
use crate::progress::Progress;
use crate::publish::{self, Decision, Wanted};
use crate::published;
use crate::release::Place;
use crate::signing::Keys;
use crate::store::Store;
use crate::trusts;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    release: released::Report,
}

#[derive(Serialize)]
struct Reports<'a> {
    format: u32,
    site: &'a Name,
    environments: Vec<released::Report>,
}

/// Publishes one or every environment.
///
/// # Errors
/// When a build, the store or the keys refuse. With several environments, all are built before the first
/// is published; one that cannot be published ends it.
pub fn run(site: Option<&Path>, args: &PublishArgs) -> Result<u8> {
    let (site, notes) = SiteFolder::open_to_build(site, args.environment.as_ref(), args.cached)?;
    for note in notes {
        print::note(&format!("note: {note}"));
    }
    let names =
        if args.all { site.environments()? } else { vec![site.environment(args.environment.as_ref())?] };
    let progress = Progress::new();
    let chain = site.trust()?;
    let store = open_store(&site)?;
    store.check_writable()?;
    let publisher = Publisher { site: &site, store: &store, chain: &chain, args, progress: &progress };
    if args.all {
        for name in &names {
            checked::admit(&site, name, &build::build(&site, name, &progress)?)?;
        }
    }
    let (mut all, mut failed) = (Vec::new(), None);
    for name in &names {
        match publisher.publish(name) {
            Ok(released) => {
                let Some(released) = released else { continue };
                released.warn();
                if !args.json {
                    print::out(&released.told())?;
                }
                all.push(released);
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let ends: Vec<Result<u8>> =
        all.iter().map(|released| Released::end(released.waiting(), args.offline)).collect();
    let (format, site) = (print::JSON_FORMAT, &site.site.site);
    let mut reports = all.into_iter().map(Released::report);
    if args.json && args.all {
        print::json(&Reports { format, site, environments: reports.collect() })?;
    } else if args.json
        && let Some(release) = reports.next()
    {
        print::json(&Report { format, site, release })?;
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(ends.into_iter().collect::<Result<Vec<u8>>>()?.into_iter().max().unwrap_or(0)),
    }
}

/// What publishes, and where to.
struct Publisher<'a> {
    site: &'a SiteFolder,
    store: &'a Store,
    chain: &'a [TrustFile],
    args: &'a PublishArgs,
    progress: &'a Progress,
}

impl Publisher<'_> {
    fn publish(&self, environment: &Name) -> Result<Option<Released>> {
        let Self { site, store, chain, args, progress } = self;
        let trust = trusts::in_force(chain)?;
        let published = published::read(store, &site.site.site, environment, &published::keys(chain))?;
        trusts::refuse_newer(store, site, trust)?;
        let build = build::build(site, environment, progress)?;
        if !args.all {
            checked::admit(site, environment, &build)?;
        }
        let place = Place { site, store, chain, published: published.as_ref() };
        let known = known::read(site, environment, chain);
        let wanted = wanted(site, environment, &build)?;
        let before = place.before(trust, known.as_ref());
        Ok(Some(match (publish::decide(wanted, before, trust, now(), args.force)?, &published) {
            (Decision::Sign(manifest, reasons), _) if args.dry_run => Released::dry(*manifest, reasons),
            (Decision::Sign(manifest, reasons), _) => {
                let keys = Keys { given: &args.key, offline: args.offline };
                Released::done(place.release(*manifest, keys, progress)?, reasons, trust)
            }
            (Decision::Nothing, Some(published)) => Released::nothing(&published.manifest),
            (Decision::Nothing, None) => return Ok(None),
        }))
    }
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
