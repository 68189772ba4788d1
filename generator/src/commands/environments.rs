//! `stringless environments`.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;

use crate::cli::{EnvironmentsCommand, RetireArgs};
use crate::clock::now;
use crate::error::{Error, Result};
use crate::output::release::ReleaseReport;
use crate::output::{format, json, print};
use crate::release::publish::Options;
use crate::release::retire::retire;
use crate::remote::Published;
use crate::remote::environments::listed;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::store::Store;
use crate::trust::signer::Keys;

/// The output of `environments list --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    /// The environments of the site, and those of the store.
    environments: Vec<Line>,
}

/// An environment.
#[derive(Serialize, JsonSchema)]
pub struct Line {
    /// Its name.
    environment: Name,
    /// Whether the site has it.
    in_site: bool,
    /// The serial that nodes follow; null when nothing is published.
    serial: Option<u64>,
    /// When the release was signed; null when nothing is published.
    created: Option<String>,
    /// Whether it has ended.
    retired: bool,
    /// Why nodes refuse what the store has.
    error: Option<String>,
}

/// Lists the environments, or ends one.
///
/// # Errors
/// When the store or the keys refuse.
pub fn run(site: Option<&Path>, command: &EnvironmentsCommand) -> Result<u8> {
    let site = SiteDir::open(site)?;
    match command {
        EnvironmentsCommand::List(args) => list(&site, args.json),
        EnvironmentsCommand::Retire(args) => end(&site, args),
    }
}

fn end(site: &SiteDir, args: &RetireArgs) -> Result<u8> {
    let remote = SiteStore::open_to_write(site)?;
    let options = Options {
        keys: Keys { given: &args.sign.key, offline: args.sign.offline },
        force: false,
        dry_run: args.sign.dry_run,
        replace: false,
    };
    let publication = retire(&remote, &args.environment, &options)?;
    if site.site.environments.contains_key(&args.environment) {
        print::note(&format!(
            "note: the site still has `{}`: the next `publish --all` brings it back",
            args.environment
        ));
    }
    let trust = remote.trust_in_force()?;
    let report = publication.map(|publication| ReleaseReport::new(publication, trust));
    report.map_or(Ok(0), |report| report.finish(&site.site.site, args.sign.json, args.sign.offline))
}

fn list(site: &SiteDir, as_json: bool) -> Result<u8> {
    let remote = SiteStore::open(site)?;
    let own: BTreeSet<&Name> = site.site.environments.keys().collect();
    let mut names: BTreeSet<Name> = own.iter().map(|&name| name.clone()).collect();
    // A web server cannot list its files.
    if !matches!(remote.store, Store::Web(_)) {
        names.extend(listed(&remote.store)?);
    }
    let (mut lines, mut failure) = (Vec::new(), None);
    for name in names {
        let (published, refused) = match remote.published(&name) {
            Ok(published) => {
                let refused = published.as_ref().map(|published| refusal(&remote, &name, published));
                (published, refused.transpose()?.flatten())
            }
            // The other environments are listed nevertheless.
            Err(error) if error.is_refusal() => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let manifest = published.as_ref().map(|published| &*published.manifest);
        lines.push(Line {
            in_site: own.contains(&name),
            serial: manifest.map(|manifest| manifest.serial),
            created: manifest.map(|manifest| manifest.created.to_string()),
            retired: manifest.is_some_and(|manifest| manifest.retired),
            error: refused.as_ref().map(ToString::to_string),
            environment: name,
        });
        failure = failure.or(refused);
    }
    if as_json {
        json::print(Some(&site.site.site), &Report { environments: lines })?;
        return Ok(failure.map_or(0, |error| error.exit_code()));
    }
    let mut rows = vec![["ENVIRONMENT", "SERIAL", "CREATED", ""].map(str::to_owned).to_vec()];
    for line in &lines {
        let state = match (line.serial, line.retired, line.in_site) {
            _ if line.error.is_some() => "REFUSED",
            (None, ..) => "not published",
            (_, true, _) => "retired",
            (_, _, false) => "not in the site",
            _ => "",
        };
        rows.push(vec![
            line.environment.to_string(),
            line.serial.map_or_else(|| "-".to_owned(), |serial| serial.to_string()),
            line.created.clone().unwrap_or_else(|| "-".to_owned()),
            state.to_owned(),
        ]);
    }
    print::out(&format::table(&rows))?;
    failure.map_or(Ok(0), Err)
}

/// Why nodes refuse a release that has not expired; an expired one is only old.
fn refusal(remote: &SiteStore<'_>, environment: &Name, published: &Published) -> Result<Option<Error>> {
    match published.manifest.expires {
        Some(end) if end <= now() => Ok(None),
        _ => remote.refusal(environment, published),
    }
}
