//! The end of an environment: a signed release without content, which nodes follow like any other.

use stringless_core::name::Name;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::release::plan::Wanted;
use crate::release::publish::{Options, Publication, Publisher};
use crate::remote::environments;
use crate::remote::site_store::SiteStore;
use crate::trust::sync;

/// Publishes the release that retires `environment`. [`Publication::Unchanged`] if it is retired already.
///
/// # Errors
/// Refused when nothing is published in it; otherwise when keys, store or another publisher prevent it.
pub fn retire(
    remote: &SiteStore<'_>,
    environment: &Name,
    options: &Options<'_>,
) -> Result<Option<Publication>> {
    let trust = remote.trust_in_force()?;
    sync::refuse_newer(remote)?;
    let Some(published) = remote.published(environment)? else {
        return Err(Error::refused(format!("retiring `{environment}`: nothing is published"))
            .hint("`stringless environments list` shows what the store has"));
    };
    let wanted = Wanted::retired(&published.manifest);
    Publisher { remote, published: Some(&published) }.publish_content(
        wanted,
        trust,
        options,
        &Progress::new(),
    )
}

/// The published environments that the site no longer has, for example because their branches were deleted.
///
/// # Errors
/// Refused when the site has no environment at all: then its sources are probably at fault. Otherwise when the store
/// does not answer, cannot list, or holds what the site's keys did not sign.
pub fn left_over(remote: &SiteStore<'_>) -> Result<Vec<Name>> {
    let mut own = remote.site.environments();
    // A name that two branches would have is not one that the site no longer has.
    own.extend(remote.site.conflicts().into_iter().map(|(name, _)| name));
    if own.is_empty() {
        return Err(Error::refused("looking for environments to retire: the site has no environment at all")
            .hint("do the repositories of `sources` have their branches? `stringless environments retire NAME` retires one"));
    }
    let mut left = Vec::new();
    for name in environments::listed(&remote.store)?.into_iter().filter(|name| !own.contains(name)) {
        if remote.published(&name)?.is_some_and(|published| !published.manifest.retired) {
            left.push(name);
        }
    }
    Ok(left)
}
