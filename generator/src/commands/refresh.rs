//! `stringless refresh`.

use std::path::Path;

use stringless_core::name::Name;

use crate::cli::{RefreshArgs, SigningArgs};
use crate::clock::now;
use crate::error::{Error, Kind, Result};
use crate::output::failures::Failures;
use crate::output::release::ReleaseReport;
use crate::output::signed;
use crate::output::trust_change::TrustChange;
use crate::progress::Progress;
use crate::release::plan::Wanted;
use crate::release::publish::{Options, Publisher};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::change::{self, Wish};
use crate::trust::rotation::Change;
use crate::trust::signer::Keys;
use crate::trust::{expiry, sync};

/// Signs the trust and the releases again if they expire soon, with the same content.
///
/// # Errors
/// When the store or the keys refuse. A release that cannot be signed again is reported, and the others are signed.
pub fn run(site: Option<&Path>, args: &RefreshArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let remote = SiteStore::open_to_write(&site)?;
    let keys = Keys { given: &args.sign.key, offline: args.sign.offline };
    let trust = refresh_trust(&remote, args, keys)?;
    let mut failures = Failures::default();
    if let Some(changed) = &trust
        && !args.sign.json
    {
        failures.print(&changed.text());
    }
    let SigningArgs { json, offline, .. } = args.sign;
    if trust.as_ref().and_then(TrustChange::waiting).is_some() {
        // Releases are signed under the newest trust, and this one is not yet written.
        return signed::finish(&site.site.site, trust, Vec::new(), failures, json, offline);
    }
    let remote = remote.reload_trust()?;
    let mut releases = Vec::new();
    for environment in environments(&site, args)? {
        match refresh(&remote, &environment, args, keys) {
            Ok(None) => {}
            Ok(Some(released)) => {
                released.warn();
                if !args.sign.json {
                    failures.print(&released.text());
                }
                releases.push(released);
            }
            Err(error) if args.environment.is_some() => return Err(error),
            Err(error) => {
                let temporary = error.kind() == Kind::Temporary;
                failures.add(Some(&environment), error);
                // A store that no longer answers fails for the others, too.
                if temporary && let Err(error) = sync::refuse_newer(&remote) {
                    failures.add(None, error);
                    break;
                }
            }
        }
    }
    if !json && releases.is_empty() && trust.is_none() && failures.is_empty() {
        failures.print("nothing to do: nothing is published\n");
    }
    signed::finish(&site.site.site, trust, releases, failures, json, offline)
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
    change::change(remote, &wish, keys, args.sign.dry_run).map(TrustChange::new).map(Some)
}

fn environments(site: &SiteDir, args: &RefreshArgs) -> Result<Vec<Name>> {
    match &args.environment {
        Some(name) => Ok(vec![site.environment(Some(name))?]),
        None => Ok(site.site.environments.keys().cloned().collect()),
    }
}

/// Publishes the published release again under the next serial; `None` when nothing is published.
fn refresh(
    remote: &SiteStore<'_>,
    environment: &Name,
    args: &RefreshArgs,
    keys: Keys<'_>,
) -> Result<Option<ReleaseReport>> {
    // A dry run did not write the new trust, so the old one may have expired.
    let trust = if args.sign.dry_run { remote.newest_trust()? } else { remote.trust_in_force()? };
    sync::refuse_newer(remote)?;
    let published = remote.published(environment)?;
    let Some(published) = published else {
        return match &args.environment {
            None => Ok(None),
            Some(name) => Err(Error::refused(format!("refreshing `{name}`: nothing is published"))
                .hint(format!("`stringless publish -e {name}`"))),
        };
    };
    // A new signature would vouch for content that no trusted key signed.
    if published.trust_version.min(published.pointer_trust) < trust.version {
        let what = match published.trust_version < trust.version {
            true => format!("release {}", published.manifest.serial),
            false => "what nodes read".to_owned(),
        };
        return Err(Error::refused(format!(
            "refreshing `{environment}`: {what} is signed by keys that no longer count"
        ))
        .hint(format!(
            "review it with `stringless diff -e {environment}`, then publish the content of this machine: `stringless publish -e {environment}`"
        )));
    }
    let publisher = Publisher { remote, published: Some(&published) };
    let wanted = Wanted::republished(&published.manifest, remote.site.site.expires.seconds());
    let options = Options { keys, force: args.force, dry_run: args.sign.dry_run, replace: false };
    let publication = publisher.publish_content(wanted, trust, &options, &Progress::new())?;
    Ok(publication.map(|publication| ReleaseReport::new(publication, trust)))
}
