//! A draft: what stands in the user-data in place of what only the store or a key could tell.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::manifest::{AgentFile, AgentPin};
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;

use crate::platform::Distro;

/// The note above all others.
pub(super) const NOTE: &str =
    "WARNING: this is a draft, to be read: it installs nothing. Render without --draft for a machine";

/// The version of this program, as the heading of a draft says it.
pub(super) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), ", as a draft that installs nothing");

/// The agent `pin`, with a hash that no file has.
pub(super) fn pin(mut pin: AgentPin, distro: &Distro) -> Result<AgentPin, Fault> {
    let sha256 = Sha256::parse(&"0".repeat(64)).map_err(|error| Fault::new(error.to_string()))?;
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

/// Keys that open nothing; real ones stay out of what is only read.
pub(super) fn keys() -> Credentials {
    Credentials { access_key_id: "DRAFT".into(), secret_access_key: "DRAFT".into(), session_token: None }
}
