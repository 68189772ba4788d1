//! `stringless promote`.

use std::path::Path;

use super::republish::{open, publish};
use crate::cli::PromoteArgs;
use crate::error::{Error, Result};
use crate::release::republish;
use crate::remote::history::Release;
use crate::site::SiteDir;

/// Publishes the content of one environment's release in another one.
///
/// # Errors
/// Refused when there is no such release, its content is gone, or another engine applies it there.
pub fn run(site: Option<&Path>, args: &PromoteArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let (from, to) = (site.environment(Some(&args.from))?, site.environment(Some(&args.to))?);
    if from == to {
        return Err(Error::usage(format!("promoting `{from}` to `{to}`: it is the same environment"))
            .hint("`stringless rollback` brings an earlier release of an environment back"));
    }
    let remote = open(&site)?;
    let doing = format!("promoting `{from}` to `{to}`");
    let current = remote.published(&from)?;
    let release = match (args.serial, &current) {
        (None, None) => {
            return Err(Error::refused(format!("{doing}: nothing is published in `{from}`"))
                .hint(format!("`stringless publish -e {from}`")));
        }
        (None, Some(current)) => Release::from(current),
        (Some(serial), Some(current)) if serial == current.manifest.serial => Release::from(current),
        (Some(serial), _) => remote.history(&from).release(serial)?.ok_or_else(|| {
            Error::refused(format!("{doing}: `{from}` has no release {serial}"))
                .hint(format!("`stringless history -e {from}` lists them"))
        })?,
    };
    republish::vouched(&doing, &release, remote.trust_in_force()?.version)?;
    let settings = &site.site;
    let (apply, agent) = (settings.apply(&to)?, site.lock()?.pin(ground.site.agent_version()));
    let wanted = republish::promoted(&release.manifest, &to, apply, agent, settings.expires.seconds())?;
    let published = remote.published(&to)?;
    publish(&remote, &release, wanted, published.as_ref(), &args.sign)
}
