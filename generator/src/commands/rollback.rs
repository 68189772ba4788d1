//! `stringless rollback`.

use std::path::Path;

use stringless_core::manifest::Manifest;

use crate::cli::RollbackArgs;
use crate::error::{Error, Result};
use crate::output::release::ReleaseReport;
use crate::release::publish::Options;
use crate::release::republish;
use crate::remote::history::{History, Release, Walk};
use crate::site::SiteDir;
use crate::trust::signer::Keys;

/// Publishes the content of an earlier release under the next serial.
///
/// # Errors
/// Refused when there is no such release, its content is gone, or keys that no longer count signed it.
pub fn run(site: Option<&Path>, args: &RollbackArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let remote = republish::open(&site)?;
    let Some(published) = remote.published(&environment)? else {
        return Err(Error::refused(format!("rolling `{environment}` back: nothing is published"))
            .hint(format!("`stringless publish -e {environment}`")));
    };
    let history = remote.history(&environment);
    let release = match args.serial {
        Some(serial) if serial == published.manifest.serial => Release::from(&published),
        Some(serial) => history.release(serial)?.ok_or_else(|| {
            Error::usage(format!("rolling `{environment}` back: there is no release {serial}"))
                .hint(format!("`stringless history -e {environment}` lists them"))
        })?,
        None => before(history, &published.manifest)?,
    };
    let trust = remote.trust_in_force()?;
    republish::check_signed_by_newest(&format!("rolling `{environment}` back"), &release, trust.version)?;
    let lifetime = site.site.expires.seconds();
    let wanted = republish::rolled_back(&release.manifest, &published.manifest, lifetime);
    let options = Options {
        keys: Keys { given: &args.sign.key, offline: args.sign.offline },
        force: args.force,
        dry_run: args.sign.dry_run,
        replace: false,
    };
    let publication = republish::publish(&remote, &release, wanted, Some(&published), &options)?;
    let report = publication.map(|publication| ReleaseReport::new(publication, trust));
    report.map_or(Ok(0), |report| report.finish(&site.site.site, args.sign.json, args.sign.offline))
}

/// The last release before `current` that was published and has different content or settings.
fn before(history: History<'_>, current: &Manifest) -> Result<Release> {
    let environment = history.environment;
    let listed: Vec<u64> = history.listed()?.into_iter().map(|(serial, _)| serial).collect();
    for (serial, found) in Walk::before(history, current, &listed) {
        let Some(release) = found? else {
            return Err(Error::refused(format!(
                "rolling `{environment}` back: release {serial} is missing from the history"
            ))
            .hint(format!("name a serial; `stringless history -e {environment}` lists the releases")));
        };
        if release.manifest.packs != current.packs || release.manifest.apply != current.apply {
            return Ok(release);
        }
    }
    Err(Error::refused(format!(
        "rolling `{environment}` back: no release before {} has different content",
        current.serial
    ))
    .hint(format!("`stringless history -e {environment}` lists them")))
}
