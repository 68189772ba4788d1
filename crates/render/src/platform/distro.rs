//! Systems that boot: `distros/<id>.yaml`, each laid over its family's `templates/families/<family>.yaml`.

use serde::{Deserialize, Serialize};
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

/// A release of an operating system.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distro {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Other ids that people use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Picks `templates/families/<family>.tera`.
    pub family: Name,
    /// How the system tells at run time what it is.
    pub os_release: OsRelease,
    /// The agent's targets for its CPUs; the first is the usual one.
    pub targets: Vec<Name>,
    /// Picks `templates/init/<init>.tera`.
    pub init: Name,
    /// What runs user-data on its images: ids of `templates/boot/`, the usual one first.
    pub boot_agents: Vec<Name>,
    /// That program and its version on the stock images.
    pub first_boot: String,
    /// The end of its support, `YYYY-MM-DD`; `None` where it rolls on.
    pub eol: Option<String>,
    /// The distro to use after that; `None` where there is none yet.
    pub successor: Option<String>,
    /// Where things go.
    pub paths: Paths,
    /// How it gets the Puppet engine.
    pub puppet: PuppetPackages,
}

/// What `/etc/os-release` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OsRelease {
    /// `ID`.
    pub id: Name,
    /// `VERSION_ID`, or its parts before a dot; `None` where it has none or any will do.
    #[serde(default)]
    pub version: Option<Name>,
    /// `VARIANT_ID`, where it tells systems apart.
    #[serde(default)]
    pub variant: Option<Name>,
}

/// Folders on the node, absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Of the agent's program.
    pub bin: String,
    /// Of its configuration.
    pub etc: String,
    /// Of its state.
    pub state: String,
}

/// Packages of the Puppet engine; null where there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PuppetPackages {
    /// The URL of the package that adds OpenVox's repository and its signing key.
    #[serde(default)]
    pub openvox: Option<String>,
    /// The name of the distribution's own package.
    #[serde(default)]
    pub distro: Option<String>,
    /// Why there is neither.
    #[serde(default)]
    pub none: Option<String>,
}

impl Distro {
    /// The day on which its support ended, where that lies before `now`.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<&str> {
        // Both are written so that their order is that of time.
        self.eol.as_deref().filter(|eol| now.to_string()[..10] > **eol)
    }
}
