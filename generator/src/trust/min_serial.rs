//! Which serials a new trust states: each environment goes on from what is published.
//!
//! For manifests that are made under it, a node holds them against this number alone, not against what
//! it has seen: a serial that a stolen key drove up is forgotten.

use std::collections::BTreeMap;

use stringless_core::name::Name;

use crate::error::{Error, Result};
use crate::release::plan::LAST_SERIAL;
use crate::remote::{self, last_seen};
use crate::site::SiteFolder;
use crate::site::trust_chain::{self, TrustFile};
use crate::store::Store;

/// The `min_serial` of the trust that follows `chain`: as `asked`, else the published serial of each
/// environment, else what the trust before says.
///
/// # Errors
/// When what is published cannot be right, and nothing is known that is.
pub fn of(
    site: &SiteFolder,
    store: &Store,
    chain: &[TrustFile],
    asked: &BTreeMap<Name, u64>,
) -> Result<BTreeMap<Name, u64>> {
    let mut floors = trust_chain::newest(chain)?.min_serial.clone();
    for (environment, serial) in asked {
        site.site.environment(environment)?;
        if !(1..LAST_SERIAL).contains(serial) {
            return Err(Error::usage(format!("stating a serial for `{environment}`: {serial} is none"))
                .hint(format!("`--min-serial {environment}=N`, with N from 1 to {}", LAST_SERIAL - 1)));
        }
    }
    for environment in site.site.environments.keys() {
        let floor = match asked.get(environment) {
            Some(serial) => Some(*serial),
            None => published_serial(site, store, chain, environment)?,
        };
        if let Some(floor) = floor {
            floors.insert(environment.clone(), floor);
        }
    }
    Ok(floors)
}

/// The last serial that is known to be good; none where nothing was published.
fn published_serial(
    site: &SiteFolder,
    store: &Store,
    chain: &[TrustFile],
    environment: &Name,
) -> Result<Option<u64>> {
    let known = last_seen::read(site, environment, chain).map(|known| known.manifest.serial);
    let known = known.filter(|serial| *serial < LAST_SERIAL);
    let ask = |error: Error| {
        error.hint(format!(
            "`--min-serial {environment}=N` states from which serial it goes on: one more than the last good release"
        ))
    };
    let published = match remote::read(store, &site.site.site, environment, &trust_chain::keys(chain)) {
        Ok(None) => return Ok(known),
        Ok(Some(published)) => published.manifest.serial,
        // What somebody put there in its place does not keep the keys from being changed.
        Err(error) if error.exit_code() == REFUSED => {
            return known.map(next).ok_or_else(|| ask(error)).map(Some);
        }
        Err(error) => return Err(error),
    };
    if published < LAST_SERIAL {
        return Ok(Some(published.max(known.unwrap_or(0))));
    }
    let poisoned = Error::refused(format!(
        "changing the trust: serial {published} of `{environment}` is published, which no honest publisher reaches"
    ));
    known.map(next).ok_or_else(|| ask(poisoned)).map(Some)
}

/// After a good one that nobody can look at any more.
fn next(known: u64) -> u64 {
    known + 1
}

const REFUSED: u8 = 3;
