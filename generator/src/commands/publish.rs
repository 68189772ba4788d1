//! `stringless publish`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;

use crate::checks;
use crate::cli::PublishArgs;
use crate::error::{Kind, Result};
use crate::output::failures::{Failure, Failures};
use crate::output::release::{self, ReleaseReport};
use crate::output::{self, json, print};
use crate::pack::{self, Build};
use crate::progress::Progress;
use crate::release::plan::Wanted;
use crate::release::publish::{Options, Publisher};
use crate::release::retire;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::signer::Keys;
use crate::trust::sync;

/// The output of `publish --all --json`.
#[derive(Serialize, JsonSchema)]
pub struct Reports<'a> {
    /// The releases, one for each environment.
    environments: Vec<release::Report>,
    /// Why other environments were not published.
    errors: &'a [Failure],
}

/// Publishes one or every environment.
///
/// # Errors
/// When a build, the store or the keys refuse. With several environments, all are built before the first is published;
/// one that cannot be built or published is reported, and the others are published.
pub fn run(site: Option<&Path>, args: &PublishArgs) -> Result<u8> {
    let (site, notes) = SiteDir::open_to_build(site, args.environment.as_ref(), args.cached)?;
    for note in notes {
        print::note(&format!("note: {note}"));
    }
    let name = if args.all { None } else { Some(site.environment(args.environment.as_ref())?) };
    let remote = SiteStore::open_to_write(&site)?;
    let publishing = Publishing { remote: &remote, args, progress: Progress::new() };
    if let Some(name) = name {
        let Some(released) = publishing.publish(&name, None)? else { return Ok(0) };
        return released.finish(&site.site.site, args.sign.json, args.sign.offline);
    }
    let mut failures = Failures::default();
    let reports: Vec<release::Report> =
        publishing.all(&mut failures)?.into_iter().map(ReleaseReport::report).collect();
    let waiting = reports.iter().find_map(|report| report.waiting.clone());
    let printed = if args.sign.json {
        json::print(Some(&site.site.site), &Reports { environments: reports, errors: failures.list() })
    } else {
        Ok(())
    };
    failures.finish(printed.and(waiting.map_or(Ok(0), |waiting| waiting.end(args.sign.offline))))
}

/// What is published, and how.
struct Publishing<'a> {
    remote: &'a SiteStore<'a>,
    args: &'a PublishArgs,
    progress: Progress,
}

impl Publishing<'_> {
    /// Builds all environments, then publishes those that could be built.
    fn all(&self, failures: &mut Failures) -> Result<Vec<ReleaseReport>> {
        failures.add_all(self.remote.site.conflicts());
        let mut builds = Vec::new();
        for name in self.remote.site.environments() {
            match self.build(&name) {
                Ok(build) => builds.push((name, build)),
                Err(error) => failures.add(Some(&name), error),
            }
        }
        let mut all = Vec::new();
        for (name, build) in builds {
            match self.publish(&name, Some(build)) {
                Ok(None) => {}
                Ok(Some(released)) => {
                    released.warn();
                    if !self.args.sign.json {
                        failures.print(&released.text());
                    }
                    all.push(released);
                }
                Err(error) => {
                    let temporary = error.kind() == Kind::Temporary;
                    failures.add(Some(&name), error);
                    // A store that no longer answers fails for the others, too.
                    if temporary && let Err(error) = sync::refuse_newer(self.remote) {
                        failures.add(None, error);
                        break;
                    }
                }
            }
        }
        if self.args.prune && failures.is_empty() {
            self.prune(&mut all, failures)?;
        } else if !self.remote.site.site.sources.is_empty() {
            note_left_over(self.remote);
        }
        Ok(all)
    }

    /// Retires the published environments that the site no longer has.
    fn prune(&self, all: &mut Vec<ReleaseReport>, failures: &mut Failures) -> Result<()> {
        let sign = &self.args.sign;
        let trust = self.remote.trust_in_force()?;
        let keys = Keys { given: &sign.key, offline: sign.offline };
        let options = Options { keys, force: false, dry_run: sign.dry_run, replace: false };
        for name in retire::left_over(self.remote)? {
            match retire::retire(self.remote, &name, &options) {
                Ok(publication) => {
                    let Some(publication) = publication else { continue };
                    let released = ReleaseReport::new(publication, trust);
                    released.warn();
                    if !sign.json {
                        failures.print(&released.text());
                    }
                    all.push(released);
                }
                Err(error) => failures.add(Some(&name), error),
            }
        }
        Ok(())
    }

    fn build(&self, name: &Name) -> Result<Build> {
        let build = pack::build(self.remote.site, name, &self.progress)?;
        output::checks::admit(self.remote.site, name, &checks::check(self.remote.site, &build.tree)?)?;
        Ok(build)
    }

    /// Publishes one environment; `None` when nothing is published and nothing is to be published.
    fn publish(&self, environment: &Name, build: Option<Build>) -> Result<Option<ReleaseReport>> {
        let (remote, sign) = (self.remote, &self.args.sign);
        let trust = remote.trust_in_force()?;
        let published = remote.published(environment)?;
        sync::refuse_newer(remote)?;
        // The build of another environment removes old packs that only this one needs.
        let build = match build.filter(Build::is_complete) {
            Some(build) => build,
            None => self.build(environment)?,
        };
        build.prove(remote.site, environment, published.as_ref(), trust, &self.progress)?;
        let wanted = wanted(remote.site, environment, &build)?;
        let options = Options {
            keys: Keys { given: &sign.key, offline: sign.offline },
            force: self.args.force,
            dry_run: sign.dry_run,
            replace: self.args.replace,
        };
        let publisher = Publisher { remote, published: published.as_ref() };
        let publication = publisher.publish_content(wanted, trust, &options, &self.progress)?;
        Ok(publication.map(|publication| ReleaseReport::new(publication, trust)))
    }
}

/// Names the environments that `--prune` would retire. Without a list of the store there is nothing to name.
fn note_left_over(remote: &SiteStore<'_>) {
    for name in retire::left_over(remote).unwrap_or_default() {
        print::note(&format!(
            "note: `{name}` is published, and the site no longer has it: `stringless publish --all --prune` retires it"
        ));
    }
}

fn wanted(site: &SiteDir, environment: &Name, build: &Build) -> Result<Wanted> {
    Ok(Wanted {
        site: site.site.site.clone(),
        environment: environment.clone(),
        packs: build.packs.clone(),
        apply: site.site.apply(environment)?,
        agent: site.pin()?,
        lifetime: site.site.expires.seconds(),
        source: build.source.clone(),
        retired: false,
    })
}
