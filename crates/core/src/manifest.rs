//! The manifest: the signed list of packs that makes one release of an environment.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::name::Name;
use crate::pack::{Pack, check_index, check_path};
use crate::time::Timestamp;
use crate::version::Version;

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// One release of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `manifest`: no other signed payload can be taken for one.
    #[serde(rename = "type")]
    pub kind: ManifestType,
    /// [`FORMAT`].
    pub format: u32,
    /// The site that it belongs to.
    pub site: Name,
    /// The environment that it is a release of.
    pub environment: Name,
    /// The release's number, only ever rising.
    pub serial: u64,
    /// The newest trust version at the time of signing.
    pub trust_version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is no longer accepted as new; null: never.
    pub expires: Option<Timestamp>,
    /// Which agent may apply it, and which is published beside it.
    pub agent: AgentPin,
    /// How the node applies it.
    pub apply: Apply,
    /// Its content.
    pub packs: Vec<Pack>,
    /// What it was built from. Told to people, never acted upon.
    pub source: Source,
}

/// The `type` of a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManifestType {
    /// The one value.
    #[default]
    Manifest,
}

/// The agent's versions that matter to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentPin {
    /// The oldest agent that may apply this release.
    pub minimum: Version,
    /// The published agent, as the bootstrap pins it.
    pub version: Version,
    /// Per target (`x86_64-unknown-linux-musl`) the published file; empty before `agent push`.
    pub targets: BTreeMap<Name, AgentFile>,
}

/// One published agent binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// In bytes.
    pub size: u64,
    /// Of the file.
    pub sha256: Sha256,
}

/// How a release is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// What applies it, with its settings.
    pub engine: Engine,
    /// Seconds after which the engine is ended; 1 to 86,400.
    pub timeout: u64,
    /// Seconds after which an unchanged release is applied again; null: only on change.
    pub reapply: Option<u64>,
    /// What a node does when the engine fails.
    #[serde(default)]
    pub failure: Failure,
}

/// What a node does about a release whose engine fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// So many runs may fail before the release is quarantined: 1 to 100.
    pub tries: u32,
    /// Seconds of quarantine before the next try; null: until a newer release, or `--force`.
    pub quarantine: Option<u64>,
    /// Whether the last good release is made live and applied again meanwhile.
    pub fall_back: bool,
}

impl Default for Failure {
    fn default() -> Self {
        Self { tries: 3, quarantine: Some(3600), fall_back: false }
    }
}

/// An engine and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Engine {
    /// Runs a file of the release.
    Script(ScriptEngine),
    /// Runs `puppet apply`.
    Puppet(PuppetEngine),
}

/// Settings of the `script` engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptEngine {
    /// The executable file, relative to the release.
    pub run: String,
    /// Whether it changes nothing where `STRINGLESS_NOOP` is `1`; else `--noop` does not run it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub noop: bool,
}

/// Settings of the `puppet` engine; the rest stands in the release's `environment.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PuppetEngine {}

/// What a release was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name and version of the generator.
    pub tool: String,
    /// The git commit of the source tree, if it is one.
    pub commit: Option<String>,
    /// Whether the tree differed from that commit.
    pub dirty: bool,
    /// The branch that it is, where the environment is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The release that it took over from: the one before it, from which the history goes on backwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<u64>,
    /// The release whose content it has again, where it was rolled back or promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Origin>,
    /// What the `Puppetfile` brought, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<Module>,
}

/// A release that another one repeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Its environment.
    pub environment: Name,
    /// Its number there.
    pub serial: u64,
}

/// A module of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its folder in the release, which is the path of its pack.
    pub path: String,
    /// As the `Puppetfile` has it: `puppetlabs/apt`, or `apt`.
    pub name: String,
    /// A version, a commit, or an archive's hash.
    pub version: String,
    /// Where it is from: the URL of a forge, a repository or an archive.
    pub from: String,
}

impl Manifest {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the field at fault.
    pub fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format {} is not known here, only {FORMAT}", self.format));
        }
        if self.serial == 0 || self.trust_version == 0 {
            return Err("serial and trust_version start at 1".into());
        }
        if !(1..=MAX_TIMEOUT).contains(&self.apply.timeout) {
            return Err(format!("apply.timeout must be 1 to {MAX_TIMEOUT} seconds"));
        }
        if self.apply.reapply == Some(0) {
            return Err("apply.reapply must be null or at least 1 second".into());
        }
        if !(1..=MAX_FAILED_TRIES).contains(&self.apply.failure.tries) {
            return Err(format!("apply.failure.tries must be 1 to {MAX_FAILED_TRIES}"));
        }
        if let Engine::Script(script) = &self.apply.engine {
            check_path(&script.run).map_err(|why| format!("apply.engine.script.run {why}"))?;
        }
        check_index(&self.packs)
    }

    /// The trusted comment that each of its signatures carries.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("manifest {} {} {}", self.site, self.environment, self.serial)
    }
}

const MAX_TIMEOUT: u64 = 86_400;
const MAX_FAILED_TRIES: u32 = 100;
