//! Distros: `distros/<id>.yaml`, each with the defaults of `templates/families/<family>.yaml`.

use serde::{Deserialize, Serialize};
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

/// A release of an operating system.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Distro {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Other ids that people use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Its template is `templates/families/<family>.tera`.
    pub family: Name,
    /// How a script recognises the system at run time.
    pub os_release: OsRelease,
    /// The agent's targets for its CPUs; the first is the usual one.
    pub targets: Vec<Name>,
    /// Its templates are in `templates/init/<init>/`.
    pub init: Name,
    /// The boot agents of its images: ids of `templates/boot/`, the usual one first.
    pub boot_agents: Vec<Name>,
    /// The boot agent and its version on the stock images.
    pub first_boot: String,
    /// The last day of its support, `YYYY-MM-DD`; `None` for a rolling release, and before a release.
    pub eol: Option<String>,
    /// The URL of the page that names this day.
    #[serde(default)]
    pub eol_source: Option<String>,
    /// The distro to use after that day; `None` if there is none yet.
    pub successor: Option<String>,
    /// The folders of the agent.
    pub paths: Paths,
    /// How it gets the Puppet engine.
    pub puppet: PuppetPackages,
}

/// Values of `/etc/os-release`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OsRelease {
    /// `ID`.
    pub id: Name,
    /// `VERSION_ID`, or its parts before a dot; `None` if the system has none, or if any version fits.
    #[serde(default)]
    pub version: Option<Name>,
    /// `VARIANT_ID`, if systems differ in it.
    #[serde(default)]
    pub variant: Option<Name>,
    /// `VERSION_CODENAME`, if there is no `VERSION_ID` yet.
    #[serde(default)]
    pub codename: Option<Name>,
}

/// Folders on the node, absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// For the agent's program.
    pub bin: String,
    /// For its configuration.
    pub etc: String,
    /// For its state.
    pub state: String,
}

/// Packages of the Puppet engine; null if there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PuppetPackages {
    /// The URL of the package that adds OpenVox's repository and its signing key.
    #[serde(default)]
    pub openvox: Option<String>,
    /// The CPUs that OpenVox builds for; empty: all of the distro.
    #[serde(default)]
    pub openvox_cpus: Vec<Name>,
    /// The name of the distribution's own package.
    #[serde(default)]
    pub distro: Option<String>,
    /// What the distribution's own package holds, if its developers no longer support that.
    #[serde(default)]
    pub distro_ended: Option<String>,
    /// Why there is neither package.
    #[serde(default)]
    pub none: Option<String>,
}

impl OsRelease {
    /// What distinguishes this system from others with the same `ID`: the expression of a shell that reads it,
    /// and its value, which is empty if any version fits. A variant identifies a system better than its version.
    #[must_use]
    pub fn distinction(&self) -> (&'static str, &str) {
        let (key, value) = match (&self.variant, &self.version, &self.codename) {
            (Some(variant), _, _) => ("${VARIANT_ID-}", Some(variant)),
            (None, None, Some(codename)) => ("${VERSION_CODENAME-}", Some(codename)),
            (None, version, _) => ("${VERSION_ID-}", version.as_ref()),
        };
        (key, value.map_or("", Name::as_str))
    }
}

impl Distro {
    /// The last day of its support, or why there is none.
    #[must_use]
    pub fn supported_until(&self) -> &str {
        let without = if self.is_released() { "rolling" } else { "not released" };
        self.eol.as_deref().unwrap_or(without)
    }

    /// Whether it is more than a preview: what has no date yet is known by its code name alone.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.eol.is_some() || self.os_release.codename.is_none()
    }

    /// The last day of its support, if that day is before `now`.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<&str> {
        // In this notation, the order of texts is the order of time.
        self.eol.as_deref().filter(|eol| now.to_string()[..10] > **eol)
    }
}
