//! `stringless refresh`.

use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use super::keys::{self, Changed, Wish};
use crate::cli::RefreshArgs;
use crate::clock::now;
use crate::error::{Error, Result};
use crate::output::release::{self, Released};
use crate::output::{pending, print};
use crate::progress::Progress;
use crate::release::plan::{self, Decision, Wanted};
use crate::release::publish::Place;
use crate::remote::{self, last_seen};
use crate::site::SiteFolder;
use crate::site::stores::open_store;
use crate::site::trust_chain::{self, TrustFile};
use crate::store::Store;
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
    let site = SiteFolder::open(site)?;
    let store = open_store(&site)?;
    store.check_writable()?;
    let keys = Keys { given: &args.key, offline: args.offline };
    let trust = refresh_trust(&site, &store, args, keys)?;
    if let Some(changed) = &trust
        && !args.json
    {
        print::out(&changed.told())?;
    }
    if let Some(waiting) = trust.as_ref().and_then(Changed::waiting) {
        if args.json {
            return json(&site, trust, Vec::new(), args.offline);
        }
        // Releases are signed under the newest trust, which this is not yet.
        return waiting.end(args.offline);
    }
    let mut releases = Vec::new();
    for environment in environments(&site, args)? {
        let chain = site.trust()?;
        if let Some(released) = refresh(&site, &store, &chain, &environment, args, keys)? {
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
    let waiting = releases.iter().find_map(Released::waiting);
    Released::end(waiting, args.offline)
}

fn json(site: &SiteFolder, trust: Option<Changed>, releases: Vec<Released>, asked: bool) -> Result<u8> {
    let report = Report {
        format: print::JSON_FORMAT,
        site: &site.site.site,
        trust: trust.map(Changed::report),
        releases: releases.into_iter().map(Released::report).collect(),
    };
    print::json(&report)?;
    let of_trust = report.trust.as_ref().and_then(|trust| trust.waiting.as_ref());
    let first: Option<&pending::Report> =
        of_trust.or(report.releases.iter().find_map(|release| release.waiting.as_ref()));
    Released::end(first, asked)
}

fn refresh_trust(
    site: &SiteFolder,
    store: &Store,
    args: &RefreshArgs,
    keys: Keys<'_>,
) -> Result<Option<Changed>> {
    let chain = site.trust()?;
    let newest = trust_chain::newest(&chain)?;
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
    keys::change(site, store, &wish, keys, args.dry_run).map(Some)
}

fn environments(site: &SiteFolder, args: &RefreshArgs) -> Result<Vec<Name>> {
    match &args.environment {
        Some(name) => Ok(vec![site.environment(Some(name))?]),
        None => Ok(site.site.environments.keys().cloned().collect()),
    }
}

/// The published release again, under the next serial; none where nothing is published.
fn refresh(
    site: &SiteFolder,
    store: &Store,
    chain: &[TrustFile],
    environment: &Name,
    args: &RefreshArgs,
    keys: Keys<'_>,
) -> Result<Option<Released>> {
    // The trust that a dry run would have written is not there.
    let trust = if args.dry_run { trust_chain::newest(chain)? } else { trust_chain::in_force(chain)? };
    sync::refuse_newer(store, site, trust)?;
    let published = remote::read(store, &site.site.site, environment, &trust_chain::keys(chain))?;
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
    let place = Place { site, store, chain, published: Some(&published) };
    let known = last_seen::read(site, environment, chain);
    let wanted = Wanted::again(&published.manifest, site.site.expires.seconds());
    let decision = plan::decide(wanted, place.before(trust, known.as_ref()), trust, now(), args.force)?;
    Ok(Some(match decision {
        Decision::Nothing => Released::nothing(&published.manifest),
        Decision::Sign(manifest, reasons) if args.dry_run => Released::dry(*manifest, reasons),
        Decision::Sign(manifest, reasons) => {
            Released::done(place.release(*manifest, keys, &Progress::new())?, reasons, trust)
        }
    }))
}
