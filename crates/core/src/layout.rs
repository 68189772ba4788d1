//! The object names in a bucket, below the site's prefix.

use alloc::format;
use alloc::string::String;

use crate::hash::Sha256;
use crate::name::Name;
use crate::version::Version;

/// The signed trust document of one version; immutable.
#[must_use]
pub fn trust(version: u64) -> String {
    format!("trust/{version}.json")
}

/// What nodes of an environment follow: its signed manifest. A check that finds nothing new reads only this object.
#[must_use]
pub fn head(environment: &Name) -> String {
    format!("env/{environment}/head")
}

/// The signed manifest of one release; immutable.
#[must_use]
pub fn history(environment: &Name, serial: u64) -> String {
    format!("env/{environment}/history/{serial}")
}

/// A publisher's claim, used in stores without conditional writes. Nodes never read it.
#[must_use]
pub fn claim(environment: &Name) -> String {
    format!("env/{environment}/claim")
}

/// The list of packs that gc is removing, and when it started. It exists only while gc runs. Nodes never read
/// it.
#[must_use]
pub fn gc_mark() -> String {
    String::from("packs/doomed")
}

/// An object that `stringless doctor --write` writes and removes. Nodes never read it.
#[must_use]
pub fn scratch(name: &str) -> String {
    format!("scratch/{name}")
}

/// A pack; immutable.
#[must_use]
pub fn pack(sha256: &Sha256) -> String {
    format!("packs/{sha256}.tar.gz")
}

/// An agent binary; immutable.
#[must_use]
pub fn agent(version: &Version, target: &Name) -> String {
    format!("agent/{version}/{target}/stringless-agent")
}
