//! `stringless.lock.json`: the agent binaries that were pushed, and the packages of Puppet that were pinned. `agent push`
//! and `pin` write it, and it belongs into version control. `render` takes the hashes from it, and every manifest those of
//! the agent. No IO.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::json::{self, HeadError};
use stringless_core::manifest::AgentPin;
use stringless_core::version::Version;

use crate::platform::Platforms;
use crate::site::Site;

/// The lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentLock {
    /// The version of the format: 1.
    pub format: u32,
    /// What a reader must understand to use this file; mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The agents that were pushed, each version once, in ascending order.
    pub agents: Vec<AgentPin>,
    /// The packages of Puppet that `stringless pin` recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub puppet: Option<PuppetPins>,
}

/// Pinned packages of OpenVox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PuppetPins {
    /// The version of openvox-agent.
    pub version: String,
    /// For each distro, the package that adds OpenVox's repository and its signing key.
    pub releases: BTreeMap<String, ReleasePin>,
}

/// A pinned package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleasePin {
    /// Its URL when it was pinned.
    pub url: String,
    /// Its SHA-256.
    pub sha256: Sha256,
}

/// The format that this code writes, and the only one that it reads.
const FORMAT: u32 = 1;
/// The name of the lock file, beside the site file.
pub const LOCK_FILE: &str = "stringless.lock.json";

impl AgentLock {
    /// Reads the lock file that came from `origin`.
    ///
    /// # Errors
    /// When the bytes are no lock file, or are one for a newer version of this program.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, Fault> {
        json::check_head(bytes, FORMAT).map_err(|error| newer(&format!("reading `{origin}`"), error))?;
        json::parse(bytes).map_err(|error| {
            Fault::new(format!("reading `{origin}`: {error}")).hint(
                "`stringless agent push` and `stringless pin` write it; restore it from version control",
            )
        })
    }

    /// The pin of the agent `version` for manifests and renderings. It has no files if that version was not pushed.
    #[must_use]
    pub fn pin(&self, version: Version) -> AgentPin {
        let pushed = self.agents.iter().find(|pin| pin.version == version).cloned();
        pushed.unwrap_or(AgentPin {
            minimum: minimum(),
            version,
            allow_downgrade: false,
            targets: BTreeMap::new(),
        })
    }

    /// Adds to the settings of `site`, which came from `origin`, the pins of Puppet's packages that they lack. A pin
    /// counts only for the URL that it was made for.
    ///
    /// # Errors
    /// When `puppet.package` names neither a distro nor a family.
    pub fn add_puppet(&self, site: &mut Site, origin: &str, platforms: &Platforms) -> Result<(), Fault> {
        let is_known = |name: &str| {
            platforms.distros.iter().any(|distro| distro.id == name || distro.family.as_str() == name)
        };
        if let Some(name) = site.puppet.package.names().find(|name| !is_known(name)) {
            return Err(Fault::new(format!(
                "reading `{origin}`: puppet.package: there is no distro or family `{name}`"
            ))
            .hint("`stringless list distros` names the distros; `default` is for all others"));
        }
        let Some(pins) = &self.puppet else { return Ok(()) };
        for (id, pin) in &pins.releases {
            let url = platforms.distro(id).ok().and_then(|distro| distro.puppet.openvox.clone());
            if url.as_ref() == Some(&pin.url) {
                site.puppet.release_sha256.entry(id.clone()).or_insert(pin.sha256);
            }
        }
        site.puppet.pinned_version = Some(pins.version.clone());
        Ok(())
    }

    /// Adds `pin`, and replaces an earlier pin of the same version.
    pub fn add(&mut self, pin: AgentPin) {
        self.agents.retain(|old| old.version != pin.version);
        self.agents.push(pin);
        self.agents.sort_by_key(|pin| pin.version);
    }
}

impl Default for AgentLock {
    fn default() -> Self {
        Self { format: FORMAT, needs: Vec::new(), agents: Vec::new(), puppet: None }
    }
}

/// The oldest agent version that can apply the releases that this program makes.
///
/// # Panics
/// Never: the version is three numbers.
#[must_use]
pub fn minimum() -> Version {
    Version::parse("0.1.0").expect("three numbers")
}

/// A file of this program is for a newer version of it. `doing` is a gerund and an object.
#[must_use]
pub fn newer(doing: &str, error: HeadError) -> Fault {
    let why = match error {
        HeadError::Format(why) => why,
        HeadError::Needs(names) => json::needs(NEWER, &names),
    };
    Fault::new(format!("{doing}: {why}"))
        .hint("install the newest stringless, or the one that the others of this site use")
}

/// The start of the words for a file that `needs` something unknown.
const NEWER: &str = "this needs a newer stringless";
