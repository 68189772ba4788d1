//! `stringless.lock.json`: the agent binaries that were pushed, and the packages of Puppet that were pinned. `agent push`
//! and `pin` write it, and it belongs into version control. `render` takes the hashes from it, and every manifest those of
//! the agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::manifest::AgentPin;
use stringless_core::version::Version;
use stringless_render::platform::Platforms;
use stringless_render::site::PuppetSettings;

use super::SiteDir;
use crate::error::{Error, Result};

/// The lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PuppetPins {
    /// The version of openvox-agent.
    pub version: String,
    /// For each distro, the package that adds OpenVox's repository and its signing key.
    pub releases: BTreeMap<String, ReleasePin>,
}

/// A pinned package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Reads the lock file in `folder`. A missing file counts as an empty one.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        let fault = |why: String| {
            Error::configuration(format!("reading `{}`: {why}", path.display())).hint(
                "`stringless agent push` and `stringless pin` write it; restore it from version control",
            )
        };
        json::check_head(&bytes, FORMAT)
            .map_err(|e| Error::newer(format!("reading `{}`", path.display()), e))?;
        json::parse(&bytes).map_err(|e| fault(e.to_string()))
    }

    /// Writes the lock file into `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(LOCK_FILE);
        fs::write(&path, json::write(self)).map_err(|e| Error::io("writing", &path, e))
    }

    /// The pin of the agent `version` for manifests and renderings. It has no files if that version was not pushed.
    pub fn pin(&self, version: Version) -> AgentPin {
        let pushed = self.agents.iter().find(|pin| pin.version == version).cloned();
        pushed.unwrap_or(AgentPin {
            minimum: minimum(),
            version,
            allow_downgrade: false,
            targets: BTreeMap::new(),
        })
    }

    /// The pin of the agent that `site` wants, for manifests.
    pub fn pin_of(&self, site: &SiteDir) -> AgentPin {
        AgentPin { allow_downgrade: site.site.agent.allow_downgrade, ..self.pin(site.agent_version()) }
    }

    /// Adds to `settings` the pins of Puppet's packages that they lack. A pin counts only for the URL that it was made for.
    pub fn add_puppet(&self, settings: &mut PuppetSettings, platforms: &Platforms) {
        let Some(pins) = &self.puppet else { return };
        for (id, pin) in &pins.releases {
            let url = platforms.distro(id).ok().and_then(|distro| distro.puppet.openvox.clone());
            if url.as_ref() == Some(&pin.url) {
                settings.release_sha256.entry(id.clone()).or_insert(pin.sha256);
            }
        }
        settings.pinned_version = Some(pins.version.clone());
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
pub fn minimum() -> Version {
    Version::parse("0.1.0").expect("three numbers")
}
