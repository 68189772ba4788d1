//! `stringless rollback`.

use std::path::Path;

use stringless_core::manifest::Manifest;

use super::republish::{open, publish};
use crate::cli::RollbackArgs;
use crate::error::{Error, Result};
use crate::release::republish;
use crate::remote::history::{History, Release, Walk};
use crate::site::SiteDir;

/// Publishes the content of an earlier release under the next serial.
///
/// # Errors
/// Refused when there is no such release, its content is gone, or keys that no longer count signed it.
pub fn run(site: Option<&Path>, args: &RollbackArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let remote = open(&site)?;
    let Some(published) = remote.published(&environment)? else {
        return Err(Error::refused(format!("rolling `{environment}` back: nothing is published"))
            .hint(format!("`stringless publish -e {environment}`")));
    };
    let history = remote.history(&environment);
    let release = match args.serial {
        Some(serial) if serial == published.manifest.serial => Release::from(&published),
        Some(serial) => history.release(serial)?.ok_or_else(|| {
            Error::refused(format!("rolling `{environment}` back: there is no release {serial}"))
                .hint(format!("`stringless history -e {environment}` lists them"))
        })?,
        None => before(history, &published.manifest)?,
    };
    let trust = remote.trust_in_force()?;
    republish::vouched(&format!("rolling `{environment}` back"), &release, trust.version)?;
    let lifetime = site.site.expires.seconds();
    let wanted = republish::rolled_back(&release.manifest, &published.manifest, lifetime);
    publish(&remote, &release, wanted, Some(&published), &args.sign)
}

/// The last release before `current` that nodes saw, and whose content or settings are others.
fn before(history: History<'_>, current: &Manifest) -> Result<Release> {
    let environment = history.environment;
    let listed: Vec<u64> = history.listed()?.into_iter().map(|(serial, _)| serial).collect();
    for (serial, found) in Walk::before(history, current, &listed) {
        let Some(release) = found? else {
            return Err(Error::refused(format!(
                "rolling `{environment}` back: release {serial} came before, and is not in the history"
            ))
            .hint(format!("name the one that is meant: `stringless history -e {environment}` lists them")));
        };
        if release.manifest.packs != current.packs || release.manifest.apply != current.apply {
            return Ok(release);
        }
    }
    Err(Error::refused(format!(
        "rolling `{environment}` back: no release before {} has other content",
        current.serial
    ))
    .hint(format!("`stringless history -e {environment}` lists them")))
}
