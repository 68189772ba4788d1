//! `stringless promote`.

use std::path::Path;

use crate::cli::PromoteArgs;
use crate::error::{Error, Result};
use crate::output::release::ReleaseReport;
use crate::release::publish::Options;
use crate::release::republish;
use crate::remote::history::Release;
use crate::site::SiteDir;
use crate::trust::signer::Keys;

/// Publishes the content of a release in another environment.
///
/// # Errors
/// Refused when there is no such release, its content is gone, or another engine applies it there.
pub fn run(site: Option<&Path>, args: &PromoteArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let (from, to) = (site.environment(Some(&args.from))?, site.environment(Some(&args.to))?);
    if from == to {
        return Err(Error::usage(format!("promoting `{from}` to `{to}`: it is the same environment"))
            .hint("`stringless rollback` publishes an earlier release of an environment again"));
    }
    let remote = republish::open(&site)?;
    let doing = format!("promoting `{from}` to `{to}`");
    let current = remote.published(&from)?;
    let release = match (args.serial, &current) {
        (None, None) => {
            return Err(Error::refused(format!("{doing}: nothing is published in `{from}`"))
                .hint(format!("`stringless publish -e {from}`")));
        }
        (None, Some(current)) if current.manifest.retired => {
            return Err(Error::refused(format!("{doing}: `{from}` was retired")).hint(format!(
                "`--serial N` takes an earlier release; `stringless history -e {from}` lists them"
            )));
        }
        (None, Some(current)) => Release::from(current),
        (Some(serial), Some(current)) if serial == current.manifest.serial => Release::from(current),
        (Some(serial), _) => remote.history(&from).release(serial)?.ok_or_else(|| {
            Error::usage(format!("{doing}: `{from}` has no release {serial}"))
                .hint(format!("`stringless history -e {from}` lists them"))
        })?,
    };
    let trust = remote.trust_in_force()?;
    republish::check_signed_by_newest(&doing, &release, trust.version)?;
    let settings = &site.site;
    let (apply, agent) = (settings.apply(&to)?, site.pin()?);
    let wanted = republish::promoted(&release.manifest, &to, apply, agent, settings.expires.seconds())?;
    let published = remote.published(&to)?;
    let options = Options {
        keys: Keys { given: &args.sign.key, offline: args.sign.offline },
        force: args.force,
        dry_run: args.sign.dry_run,
        replace: false,
    };
    let publication = republish::publish(&remote, &release, wanted, published.as_ref(), &options)?;
    let report = publication.map(|publication| ReleaseReport::new(publication, trust));
    report.map_or(Ok(0), |report| report.finish(&site.site.site, args.sign.json, args.sign.offline))
}
