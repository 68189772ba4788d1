//! The `min_serial` of a new trust: each environment continues from the release that is published.
//!
//! A node compares a manifest that was made under the new trust with this number alone, not with the serials it
//! has seen. So a serial that a stolen key drove up no longer counts.

use std::collections::BTreeMap;

use stringless_core::manifest::Manifest;
use stringless_core::name::Name;

use crate::error::{Error, Result};
use crate::remote::site_store::SiteStore;

/// The `min_serial` of the trust that follows the newest one. For each environment: the serial that was `asked`
/// for, else the published serial, else the serial in the newest trust.
///
/// # Errors
/// When the published serial cannot be right, and no earlier release is known.
pub fn next(remote: &SiteStore<'_>, asked: &BTreeMap<Name, u64>) -> Result<BTreeMap<Name, u64>> {
    let site = &remote.site.site;
    let mut serials = remote.newest_trust()?.min_serial.clone();
    for (environment, serial) in asked {
        site.environment(environment).map_err(Error::usage_fault)?;
        if !(1..Manifest::LAST_SERIAL).contains(serial) {
            return Err(Error::usage(format!(
                "setting the serial of `{environment}`: {serial} is out of range"
            ))
            .hint(format!(
                "`--min-serial {environment}=N`, with N from 1 to {}",
                Manifest::LAST_SERIAL - 1
            )));
        }
    }
    for environment in site.environments.keys() {
        let serial = match asked.get(environment) {
            Some(serial) => Some(*serial),
            None => last_good_serial(remote, environment)?,
        };
        if let Some(serial) = serial {
            serials.insert(environment.clone(), serial);
        }
    }
    Ok(serials)
}

/// The last serial that is known to be good; `None` when nothing was published.
fn last_good_serial(remote: &SiteStore<'_>, environment: &Name) -> Result<Option<u64>> {
    let seen = remote.last_seen(environment).map(|seen| seen.manifest.serial);
    let seen = seen.filter(|serial| *serial < Manifest::LAST_SERIAL);
    let ask = |error: Error| {
        error.hint(format!(
            "`--min-serial {environment}=N` sets the serial to continue from: the serial of the last good release plus one"
        ))
    };
    let published = match remote.published(environment) {
        Ok(None) => return Ok(seen),
        Ok(Some(published)) => published.manifest.serial,
        // A forged pointer must not keep the keys from being changed.
        Err(error) if error.is_refusal() => {
            return seen.map(after).ok_or_else(|| ask(error)).map(Some);
        }
        Err(error) => return Err(error),
    };
    if published < Manifest::LAST_SERIAL {
        return Ok(Some(published.max(seen.unwrap_or(0))));
    }
    let poisoned = Error::refused(format!(
        "changing the trust: serial {published} of `{environment}` is published, and no honest publisher reaches that number"
    ));
    seen.map(after).ok_or_else(|| ask(poisoned)).map(Some)
}

/// The serial after the last good one, whose release can no longer be read from the store.
fn after(seen: u64) -> u64 {
    seen + 1
}
