//! `stringless refresh`.

use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use super::keys::{self, TrustChange, Wish};
use crate::cli::RefreshArgs;
use crate::clock::now;
use crate::error::{Error, Result};
use crate::output::release::{self, ReleaseReport};
use crate::output::{pending, print};
use crate::progress::Progress;
use crate::release::plan::{self, Decision, Wanted};
use crate::release::publish::Publisher;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::rotation::Change;
use crate::trust::signer::Keys;
use crate::trust::{expiry, sync};

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    /// Null where it is not due.
    trust: Option<keys::Report>,
    releases: Vec<release::Report>,
}

/// Signs again what is near its date: the trust, then each release, with the same content.
///
/// # Errors
/// When the store or the keys refuse.
pub fn run(site: Option<&Path>, args: &RefreshArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let remote = SiteStore::open_to_write(&site)?;
    let keys = Keys { given: &args.key, offline: args.offline };
    let trust = refresh_trust(&remote, args, keys)?;
    if let Some(changed) = &trust
        && !args.json
    {
        print::out(&changed.told())?;
    }
    if let Some(waiting) = trust.as_ref().and_then(TrustChange::waiting) {
        if args.json {
            return json(&site, trust, Vec::new(), args.offline);
        }
        // Releases are signed under the newest trust, which this is not yet.
        return waiting.end(args.offline);
    }
    let remote = remote.reload_trust()?;
    let mut releases = Vec::new();
    for environment in environments(&site, args)? {
        if let Some(released) = refresh(&remote, &environment, args, keys)? {
            released.warn();
            if !args.json {
                print::out(&released.told())?;
            }
            releases.push(released);
        }
    }
    if args.json {
        return json(&site, trust, releases, args.offline);
    }
    if releases.is_empty() && trust.is_none() {
        print::out("nothing to do: nothing is published\n")?;
    }
    let waiting = releases.iter().find_map(ReleaseReport::waiting);
    ReleaseReport::end(waiting, args.offline)
}

fn json(site: &SiteDir, trust: Option<TrustChange>, releases: Vec<ReleaseReport>, asked: bool) -> Result<u8> {
    let report = Report {
        format: print::JSON_FORMAT,
        site: &site.site.site,
        trust: trust.map(TrustChange::report),
        releases: releases.into_iter().map(ReleaseReport::report).collect(),
    };
    print::json(&report)?;
    let of_trust = report.trust.as_ref().and_then(|trust| trust.waiting.as_ref());
    let first: Option<&pending::Report> =
        of_trust.or(report.releases.iter().find_map(|release| release.waiting.as_ref()));
    ReleaseReport::end(first, asked)
}

fn refresh_trust(remote: &SiteStore<'_>, args: &RefreshArgs, keys: Keys<'_>) -> Result<Option<TrustChange>> {
    let newest = remote.newest_trust()?;
    let asked = args.trust || args.expires.is_some() || !args.min_serial.is_empty();
    if !asked && !expiry::trust_is_due(newest, now()) {
        return Ok(None);
    }
    let expires = match args.expires {
        Some(limit) => limit.seconds().map(|seconds| now().plus(seconds)),
        None => newest.expires.map(|_| now().plus(expiry::TRUST_LIFE)),
    };
    let wish = Wish {
        change: Change::Renew,
        expires: Some(expires),
        min_serial: args.min_serial.iter().cloned().collect(),
    };
    keys::change(remote, &wish, keys, args.dry_run).map(Some)
}

fn environments(site: &SiteDir, args: &RefreshArgs) -> Result<Vec<Name>> {
    match &args.environment {
        Some(name) => Ok(vec![site.environment(Some(name))?]),
        None => Ok(site.site.environments.keys().cloned().collect()),
    }
}

/// The published release again, under the next serial; none where nothing is published.
fn refresh(
    remote: &SiteStore<'_>,
    environment: &Name,
    args: &RefreshArgs,
    keys: Keys<'_>,
) -> Result<Option<ReleaseReport>> {
    // The trust that a dry run would have written is not there.
    let trust = if args.dry_run { remote.newest_trust()? } else { remote.trust_in_force()? };
    sync::refuse_newer(remote)?;
    let published = remote.published(environment)?;
    let Some(published) = published else {
        return match &args.environment {
            None => Ok(None),
            Some(name) => Err(Error::refused(format!("refreshing `{name}`: nothing is published"))
                .hint(format!("`stringless publish -e {name}`"))),
        };
    };
    // To sign it again would be to vouch for it.
    if published.trust_version < trust.version {
        return Err(Error::refused(format!(
            "refreshing `{environment}`: release {} is signed by keys that no longer count",
            published.manifest.serial
        ))
        .hint(format!(
            "look at it with `stringless diff -e {environment}`, then publish what is here: `stringless publish -e {environment}`"
        )));
    }
    let publisher = Publisher { remote, published: Some(&published) };
    let wanted = Wanted::again(&published.manifest, remote.site.site.expires.seconds());
    let before = publisher.before(environment, trust);
    let decision = plan::decide(wanted, before, trust, now(), args.force)?;
    Ok(Some(match decision {
        Decision::Nothing => ReleaseReport::nothing(&published.manifest),
        Decision::Sign(manifest, reasons) if args.dry_run => ReleaseReport::dry(*manifest, reasons),
        Decision::Sign(manifest, reasons) => {
            ReleaseReport::done(publisher.release(*manifest, keys, &Progress::new())?, reasons, trust)
        }
    }))
}
