//! `stringless.lock.json`: which agent binaries were pushed. Written by `agent push`, kept in version
//! control, embedded by `render` and told by each manifest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stringless_core::json;
use stringless_core::manifest::AgentPin;
use stringless_core::version::Version;

use crate::error::{Error, Result};

/// The lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// 1.
    pub format: u32,
    /// The agents that were pushed, each version once, in rising order.
    pub agents: Vec<AgentPin>,
}

/// The name of the lock file, beside the site file.
pub const LOCK_FILE: &str = "stringless.lock.json";

impl Lock {
    /// Reads the lock file of `folder`; a missing one is an empty one.
    ///
    /// # Errors
    /// When it is not understood.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        let fault = |why: String| {
            Error::configuration(format!("reading `{}`: {why}", path.display()))
                .hint("`stringless agent push` writes it; take the version of your version control")
        };
        let lock: Self = json::parse(&bytes).map_err(|e| fault(e.to_string()))?;
        if lock.format != 1 {
            return Err(fault(format!("format {} is not known here, only 1", lock.format)));
        }
        Ok(lock)
    }

    /// Writes the lock file of `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(LOCK_FILE);
        fs::write(&path, json::write(self)).map_err(|e| Error::io("writing", &path, e))
    }

    /// What manifests and renderings say of the agent `version`: its files, or none before it is pushed.
    pub fn pin(&self, version: Version) -> AgentPin {
        let pushed = self.agents.iter().find(|pin| pin.version == version).cloned();
        pushed.unwrap_or(AgentPin { minimum: minimum(), version, targets: BTreeMap::new() })
    }

    /// Remembers `pin` in place of what was known of its version.
    pub fn remember(&mut self, pin: AgentPin) {
        self.agents.retain(|known| known.version != pin.version);
        self.agents.push(pin);
        self.agents.sort_by_key(|pin| pin.version);
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self { format: 1, agents: Vec::new() }
    }
}

/// The oldest agent that understands the releases that are made here.
pub fn minimum() -> Version {
    Version::parse("0.1.0").expect("three numbers")
}
