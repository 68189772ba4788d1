//! `stringless environments`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use crate::cli::{EnvironmentsCommand, RetireArgs};
use crate::error::Result;
use crate::output::release::ReleaseReport;
use crate::output::{format, json, print};
use crate::release::publish::Options;
use crate::release::retire::retire;
use crate::remote::environments::listed;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::store::Store;
use crate::trust::signer::Keys;

#[derive(Serialize)]
struct Report {
    environments: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    environment: Name,
    /// Whether the site has it.
    in_site: bool,
    /// The serial that nodes follow; null when nothing is published.
    serial: Option<u64>,
    created: Option<String>,
    /// Whether it has ended.
    retired: bool,
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
    let mut lines = Vec::new();
    for name in names {
        let published = remote.published(&name)?;
        let manifest = published.as_ref().map(|published| &*published.manifest);
        lines.push(Line {
            in_site: own.contains(&name),
            serial: manifest.map(|manifest| manifest.serial),
            created: manifest.map(|manifest| manifest.created.to_string()),
            retired: manifest.is_some_and(|manifest| manifest.retired),
            environment: name,
        });
    }
    if as_json {
        json::print(Some(&site.site.site), &Report { environments: lines })?;
        return Ok(0);
    }
    let mut rows = vec![["ENVIRONMENT", "SERIAL", "CREATED", ""].map(str::to_owned).to_vec()];
    for line in &lines {
        let state = match (line.serial, line.retired, line.in_site) {
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
    Ok(0)
}
