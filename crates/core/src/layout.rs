//! Where things lie in a bucket, below the site's prefix.

use alloc::format;
use alloc::string::String;

use crate::hash::Sha256;
use crate::name::Name;
use crate::version::Version;

/// The signed trust document of a version; immutable.
#[must_use]
pub fn trust(version: u64) -> String {
    format!("trust/{version}.json")
}

/// The signed manifest of an environment: the one object that an idle check reads.
#[must_use]
pub fn manifest(environment: &Name) -> String {
    format!("env/{environment}/manifest")
}

/// The signed manifest of one release; immutable.
#[must_use]
pub fn history(environment: &Name, serial: u64) -> String {
    format!("env/{environment}/history/{serial}")
}

/// The claim of a publisher, in stores without conditional writes. Nodes never read it.
#[must_use]
pub fn claim(environment: &Name) -> String {
    format!("env/{environment}/claim")
}

/// Which packs are being removed, and since when; there while that lasts. Nodes never read it.
#[must_use]
pub fn doomed() -> String {
    String::from("packs/doomed")
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
