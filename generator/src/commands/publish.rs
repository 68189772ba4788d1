//! `stringless publish`.

use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use super::checks;
use crate::cli::PublishArgs;
use crate::clock::now;
use crate::error::Result;
use crate::output::print;
use crate::output::release::{self, ReleaseReport};
use crate::pack::{self, Build};
use crate::progress::Progress;
use crate::release::plan::{self, Decision, Wanted};
use crate::release::publish::Publisher;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
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
    let (site, notes) = SiteDir::open_to_build(site, args.environment.as_ref(), args.cached)?;
    for note in notes {
        print::note(&format!("note: {note}"));
    }
    let names =
        if args.all { site.environments()? } else { vec![site.environment(args.environment.as_ref())?] };
    let progress = Progress::new();
    let remote = SiteStore::open_to_write(&site)?;
    let publication = Publication { remote: &remote, args, progress: &progress };
    if args.all {
        for name in &names {
            checks::admit(&site, name, &pack::build(&site, name, &progress)?)?;
        }
    }
    let (mut all, mut failed) = (Vec::new(), None);
    for name in &names {
        match publication.publish(name) {
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
        all.iter().map(|released| ReleaseReport::end(released.waiting(), args.offline)).collect();
    let (format, site) = (print::JSON_FORMAT, &site.site.site);
    let mut reports = all.into_iter().map(ReleaseReport::report);
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
struct Publication<'a> {
    remote: &'a SiteStore<'a>,
    args: &'a PublishArgs,
    progress: &'a Progress,
}

impl Publication<'_> {
    fn publish(&self, environment: &Name) -> Result<Option<ReleaseReport>> {
        let Self { remote, args, progress } = self;
        let (site, trust) = (remote.site, remote.trust_in_force()?);
        let published = remote.published(environment)?;
        sync::refuse_newer(remote)?;
        let build = pack::build(site, environment, progress)?;
        if !args.all {
            checks::admit(site, environment, &build)?;
        }
        let publisher = Publisher { remote, published: published.as_ref() };
        let wanted = wanted(site, environment, &build)?;
        let before = publisher.before(environment, trust);
        Ok(Some(match (plan::decide(wanted, before, trust, now(), args.force)?, &published) {
            (Decision::Sign(manifest, reasons), _) if args.dry_run => ReleaseReport::dry(*manifest, reasons),
            (Decision::Sign(manifest, reasons), _) => {
                let keys = Keys { given: &args.key, offline: args.offline };
                ReleaseReport::done(publisher.release(*manifest, keys, progress)?, reasons, trust)
            }
            (Decision::Nothing, Some(published)) => ReleaseReport::nothing(&published.manifest),
            (Decision::Nothing, None) => return Ok(None),
        }))
    }
}

fn wanted(site: &SiteDir, environment: &Name, build: &Build) -> Result<Wanted> {
    Ok(Wanted {
        site: site.site.site.clone(),
        environment: environment.clone(),
        packs: build.packs.clone(),
        apply: site.site.apply(environment)?,
        agent: site.lock()?.pin(site.agent_version()),
        lifetime: site.site.expires.seconds(),
        source: build.source.clone(),
    })
}
