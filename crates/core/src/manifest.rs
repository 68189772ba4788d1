//! The manifest: the signed list of packs that form one release of an environment.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::json;
use crate::limits;
use crate::name::Name;
use crate::pack::{Pack, check_index, check_path};
use crate::time::Timestamp;
use crate::version::Version;

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// One release of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `manifest`, so that no other signed payload passes for a manifest.
    #[serde(rename = "type")]
    pub kind: ManifestType,
    /// [`FORMAT`].
    pub format: u32,
    /// What a reader must understand to use this document ([`crate::json::check_head`]); mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// The number of the release. It only ever increases.
    pub serial: u64,
    /// The newest trust version at the time of signing.
    pub trust_version: u64,
    /// When the manifest was created.
    pub created: Timestamp,
    /// From this time on, no node accepts the release as new; null: it does not expire.
    pub expires: Option<Timestamp>,
    /// Whether the environment has ended: nodes keep what they run, apply nothing more, and say so.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub retired: bool,
    /// The oldest agent that may apply the release, and the agent published with it.
    pub agent: AgentPin,
    /// How a node applies the release.
    pub apply: Apply,
    /// The content of the release.
    pub packs: Vec<Pack>,
    /// What the release was built from: information for people, no node acts on it.
    pub source: Source,
}

/// The `type` of a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManifestType {
    /// The only value.
    #[default]
    Manifest,
}

/// The agent versions that matter for a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentPin {
    /// The oldest agent that may apply this release.
    pub minimum: Version,
    /// The published agent, as the bootstrap pins it.
    pub version: Version,
    /// Whether nodes with a newer agent go back to this one.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub allow_downgrade: bool,
    /// The published file for each target (for example `x86_64-unknown-linux-musl`); empty before `agent
    /// push`.
    pub targets: BTreeMap<Name, AgentFile>,
}

/// One published agent binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentFile {
    /// Its size in bytes.
    pub size: u64,
    /// The hash of the file.
    pub sha256: Sha256,
}

/// How a release is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    /// The engine that applies it, with its settings.
    pub engine: Engine,
    /// The engine's time limit in seconds ([`limits::TIMEOUT`]). After that, the agent ends it.
    pub timeout: u64,
    /// Seconds after which an unchanged release is applied again; null: apply only new releases.
    pub reapply: Option<u64>,
    /// What a node does if the engine fails.
    #[serde(default)]
    pub failure: Failure,
}

/// What a node does with a release whose engine fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The number of failed runs after which the release is quarantined ([`limits::TRIES`]).
    pub tries: u32,
    /// Seconds of quarantine before the next try; null: until a newer release, or `--force`.
    pub quarantine: Option<u64>,
    /// Whether the node makes the last good release live and applies it again in the meantime.
    pub fall_back: bool,
}

impl Default for Failure {
    fn default() -> Self {
        Self { tries: 3, quarantine: Some(3600), fall_back: false }
    }
}

/// An engine and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Runs a file of the release.
    Script(ScriptEngine),
    /// Runs `puppet apply`.
    Puppet(PuppetEngine),
}

/// Settings of the `script` engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptEngine {
    /// The executable file, relative to the release.
    pub run: String,
    /// Whether it supports `--noop`: it changes nothing if `STRINGLESS_NOOP` is `1`. Without support,
    /// `--noop` does not run it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub noop: bool,
    /// Whether it changes only what is below `STRINGLESS_ROOT`. Without that promise, the agent does not run
    /// it with `--root`.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub root: bool,
}

/// Settings of the `puppet` engine. Other settings are in the release's `environment.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PuppetEngine {}

/// What a release was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// Name and version of the generator.
    pub tool: String,
    /// The git commit of the source tree, if it is a git repository.
    pub commit: Option<String>,
    /// Whether the tree differed from that commit.
    pub dirty: bool,
    /// The git branch, if the environment is built from a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The serial of the release before this one: the next step back in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<u64>,
    /// For a rollback or a promotion: the release whose content this release repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Origin>,
    /// The modules from the `Puppetfile`, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<Module>,
}

/// The release whose content another release repeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Origin {
    /// Its environment.
    pub environment: Name,
    /// Its serial in that environment.
    pub serial: u64,
}

/// A third-party module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Module {
    /// Its folder in the release, which is also the path of its pack.
    pub path: String,
    /// The name in the `Puppetfile`: `puppetlabs/apt` or `apt`.
    pub name: String,
    /// A version, a commit, or an archive's hash.
    pub version: String,
    /// Its source: the URL of a forge, a repository or an archive.
    pub from: String,
}

impl Apply {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// The key at fault, and the reason.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        limits::TIMEOUT.check(self.timeout).map_err(|why| ("timeout", why))?;
        if let Some(reapply) = self.reapply {
            limits::REAPPLY.check(reapply).map_err(|why| ("reapply", why))?;
        }
        limits::TRIES.check(self.failure.tries.into()).map_err(|why| ("failure.tries", why))?;
        if let Engine::Script(script) = &self.engine {
            check_path(&script.run).map_err(|why| ("engine.script.run", why.into()))?;
        }
        Ok(())
    }
}

impl Manifest {
    /// Every real serial is below this number; a higher one is forged or a mistake. One release each second
    /// would need 285 million years to get there.
    pub const LAST_SERIAL: u64 = 1 << 53;

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the field at fault.
    pub fn check(&self) -> Result<(), String> {
        json::check_format(self.format, FORMAT)?;
        if self.serial == 0 || self.trust_version == 0 {
            return Err("serial and trust_version start at 1".into());
        }
        if self.retired && !self.packs.is_empty() {
            return Err("a release that retires its environment has no packs".into());
        }
        self.apply.check().map_err(|(key, why)| format!("apply.{key}: {why}"))?;
        check_index(&self.packs)
    }

    /// The trusted comment that each signature of this manifest carries.
    #[must_use]
    pub fn comment(&self) -> String {
        comment(&self.site, &self.environment, self.serial)
    }
}

/// The trusted comment of a manifest.
pub(crate) fn comment(site: &Name, environment: &Name, serial: u64) -> String {
    format!("manifest {site} {environment} {serial}")
}
