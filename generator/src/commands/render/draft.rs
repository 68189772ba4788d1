//! `stringless render --draft`: what stands in the user-data in place of what only the store or a key could tell.

use std::collections::BTreeMap;

use stringless_core::hash::Sha256;
use stringless_core::manifest::{AgentFile, AgentPin};
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_render::platform::Distro;

use crate::error::{Error, Result};
use crate::site::SiteDir;

/// The note above all others.
pub(super) const NOTE: &str =
    "WARNING: this is a draft, to be read: it installs nothing. Render without --draft for a machine";

/// The version of this program, as the heading of a draft says it.
pub(super) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), ", as a draft that installs nothing");

/// The agent of the site, with a hash that no file has.
pub(super) fn pin(site: &SiteDir, distro: &Distro) -> Result<AgentPin> {
    let mut pin = site.lock()?.pin(site.agent_version());
    let sha256 = Sha256::parse(&"0".repeat(64)).map_err(|error| Error::configuration(error.to_string()))?;
    let file = AgentFile { size: 1, sha256 };
    pin.targets = distro.targets.iter().map(|target| (target.clone(), file.clone())).collect();
    Ok(pin)
}

/// Links that lead nowhere.
pub(super) fn links(distro: &Distro) -> BTreeMap<Name, String> {
    let link =
        |target: &Name| (target.clone(), format!("https://draft.invalid/{target}?X-Amz-Signature=DRAFT"));
    distro.targets.iter().map(link).collect()
}

/// Keys that open nothing; those of the environment stay out of what is only read.
pub(super) fn keys() -> Credentials {
    Credentials { access_key_id: "DRAFT".into(), secret_access_key: "DRAFT".into(), session_token: None }
}
