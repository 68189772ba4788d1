//! `stringless publish`.

use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use super::checks;
use crate::cli::PublishArgs;
use crate::clock::now;
use crate::error::Result;
use crate::output::print;
use crate::output::release::{self, Released};
use crate::pack::{self, Build};
use crate::progress::Progress;
use crate::release::plan::{self, Decision, Wanted};
use crate::release::publish::Place;
use crate::remote::{self, last_seen};
use crate::site::SiteFolder;
use crate::site::stores::open_store;
use crate::site::trust_chain::{self, TrustFile};
use crate::store::Store;
use crate::trust::signer::Keys;
use crate::trust::sync;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    release: release::Report,
}

#[derive(Serialize)]
struct Reports<'a> {
    format: u32,
    site: &'a Name,
    environments: Vec<release::Report>,
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
            checks::admit(&site, name, &pack::build(&site, name, &progress)?)?;
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
        let trust = trust_chain::in_force(chain)?;
        let published = remote::read(store, &site.site.site, environment, &trust_chain::keys(chain))?;
        sync::refuse_newer(store, site, trust)?;
        let build = pack::build(site, environment, progress)?;
        if !args.all {
            checks::admit(site, environment, &build)?;
        }
        let place = Place { site, store, chain, published: published.as_ref() };
        let known = last_seen::read(site, environment, chain);
        let wanted = wanted(site, environment, &build)?;
        let before = place.before(trust, known.as_ref());
        Ok(Some(match (plan::decide(wanted, before, trust, now(), args.force)?, &published) {
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
