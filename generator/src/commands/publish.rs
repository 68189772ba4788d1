//! `stringless publish`.

use std::collections::VecDeque;
use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use crate::checks;
use crate::cli::PublishArgs;
use crate::error::Result;
use crate::output::release::{self, ReleaseReport};
use crate::output::{self, json, print};
use crate::pack::{self, Build};
use crate::progress::Progress;
use crate::release::plan::Wanted;
use crate::release::publish::{Options, Publisher};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::signer::Keys;
use crate::trust::sync;

#[derive(Serialize)]
struct Reports {
    environments: Vec<release::Report>,
}

/// Publishes one or every environment.
///
/// # Errors
/// When a build, the store or the keys refuse. With several environments, all are built before the first is published;
/// the first that cannot be published ends the command.
pub fn run(site: Option<&Path>, args: &PublishArgs) -> Result<u8> {
    let (site, notes) = SiteDir::open_to_build(site, args.environment.as_ref(), args.cached)?;
    for note in notes {
        print::note(&format!("note: {note}"));
    }
    let names =
        if args.all { site.environments()? } else { vec![site.environment(args.environment.as_ref())?] };
    let progress = Progress::new();
    let remote = SiteStore::open_to_write(&site)?;
    let mut builds = VecDeque::new();
    let build = |name: &Name| -> Result<Build> {
        let build = pack::build(&site, name, &progress)?;
        output::checks::admit(name, &checks::check(&site, &build.tree)?)?;
        Ok(build)
    };
    if args.all {
        // Every environment builds before the first is published.
        builds = names.iter().map(build).collect::<Result<_>>()?;
    }
    let (mut all, mut failed) = (Vec::new(), None);
    for name in &names {
        // The build of another environment removes old packs that only this one needs.
        let next = builds.pop_front().filter(Build::is_complete);
        match publish(&remote, name, || next.map_or_else(|| build(name), Ok), args, &progress) {
            Ok(None) => {}
            Ok(Some(released)) => {
                released.warn();
                if !args.sign.json {
                    print::out(&released.text())?;
                }
                all.push(released);
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let reports: Vec<release::Report> = all.into_iter().map(ReleaseReport::report).collect();
    let waiting = reports.iter().find_map(|report| report.waiting.clone());
    let site = Some(&site.site.site);
    if args.sign.json && args.all {
        json::print(site, &Reports { environments: reports })?;
    } else if args.sign.json
        && let Some(report) = reports.first()
    {
        json::print(site, report)?;
    }
    match failed {
        Some(error) => Err(error),
        None => waiting.map_or(Ok(0), |waiting| waiting.end(args.sign.offline)),
    }
}

/// Publishes one environment; `None` when nothing is published and nothing is to be published.
fn publish(
    remote: &SiteStore<'_>,
    environment: &Name,
    build: impl FnOnce() -> Result<Build>,
    args: &PublishArgs,
    progress: &Progress,
) -> Result<Option<ReleaseReport>> {
    let trust = remote.trust_in_force()?;
    let published = remote.published(environment)?;
    sync::refuse_newer(remote)?;
    let wanted = wanted(remote.site, environment, &build()?)?;
    let options = Options {
        keys: Keys { given: &args.sign.key, offline: args.sign.offline },
        force: args.force,
        dry_run: args.sign.dry_run,
    };
    let publisher = Publisher { remote, published: published.as_ref() };
    let publication = publisher.publish_content(wanted, trust, &options, progress)?;
    Ok(publication.map(|publication| ReleaseReport::new(publication, trust)))
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
