//! `stringless promote`.

use std::path::Path;

use super::republish::Ground;
use crate::cli::PromoteArgs;
use crate::error::{Error, Result};
use crate::release::republish;
use crate::remote::history::Release;
use crate::site::SiteFolder;

/// Publishes the content of one environment's release in another one.
///
/// # Errors
/// Refused when there is no such release, its content is gone, or another engine applies it there.
pub fn run(site: Option<&Path>, args: &PromoteArgs) -> Result<u8> {
    let site = SiteFolder::open(site)?;
    let (from, to) = (site.environment(Some(&args.from))?, site.environment(Some(&args.to))?);
    if from == to {
        return Err(Error::usage(format!("promoting `{from}` to `{to}`: it is the same environment"))
            .hint("`stringless rollback` brings an earlier release of an environment back"));
    }
    let ground = Ground::open(site)?;
    let doing = format!("promoting `{from}` to `{to}`");
    let current = ground.published(&from)?;
    let release = match (args.serial, &current) {
        (None, None) => {
            return Err(Error::refused(format!("{doing}: nothing is published in `{from}`"))
                .hint(format!("`stringless publish -e {from}`")));
        }
        (None, Some(current)) => Release::from(current),
        (Some(serial), Some(current)) if serial == current.manifest.serial => Release::from(current),
        (Some(serial), _) => ground.shelf(&from).release(serial)?.ok_or_else(|| {
            Error::refused(format!("{doing}: `{from}` has no release {serial}"))
                .hint(format!("`stringless history -e {from}` lists them"))
        })?,
    };
    republish::vouched(&doing, &release, ground.trust()?.version)?;
    let settings = &ground.site.site;
    let (apply, agent) = (settings.apply(&to)?, ground.site.lock()?.pin(settings.agent.version));
    let wanted = republish::promoted(&release.manifest, &to, apply, agent, settings.expires.seconds())?;
    let published = ground.published(&to)?;
    ground.publish(&release, wanted, published.as_ref(), &args.sign)
}
