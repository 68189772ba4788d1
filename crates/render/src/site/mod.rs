//! The site file, `stringless.yaml`: text ↔ [`Site`]. No IO, no secrets.

mod apply;
mod check;
mod checks;
pub mod git_url;
mod layers;
mod modules;

#[cfg(feature = "patterns")]
pub mod patterns;
mod size;
mod source;
mod span;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stringless_core::manifest::{Apply, Engine, Failure};
use stringless_core::name::Name;
use stringless_core::store::StoreSettings;
use stringless_core::version::Version;

pub use self::apply::{ApplyOverride, ApplySettings, FailureSettings};
pub use self::checks::{CheckSettings, Want};
pub use self::layers::LayerFiles;
pub use self::modules::{LockNeed, ModulesSettings};
pub use self::size::Size;
pub use self::source::{Branches, Invalid, Prefix, Source};
pub use self::span::{Limit, Span};
use crate::yaml::from_yaml;
use stringless_core::fault::Fault;

/// One organisation's set-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The site's name: part of every signature.
    pub site: Name,
    /// Where the bucket is; the first one is published to, and the agent is first fetched from it.
    pub stores: Vec<StoreSettings>,
    /// The environments that it publishes.
    #[serde(default)]
    pub environments: BTreeMap<Name, Environment>,
    /// Repositories whose branches are environments, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<Name, Branches>,
    /// How nodes apply a release.
    pub apply: ApplySettings,
    /// How long a release counts as new after signing. Default: 30 days.
    #[serde(default = "expires")]
    pub expires: Limit,
    /// What is checked of one's own code.
    #[serde(default)]
    pub checks: CheckSettings,
    /// What nodes are told.
    #[serde(default)]
    pub node: NodeSettings,
    /// How it takes what `Puppetfile`s declare.
    #[serde(default)]
    pub modules: ModulesSettings,
    /// How nodes get the Puppet engine; used only where an engine is `puppet`.
    #[serde(default)]
    pub puppet: PuppetSettings,
    /// Which agent nodes install.
    #[serde(default)]
    pub agent: AgentSettings,
}

/// One environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// What it is built from.
    #[serde(default)]
    pub source: Source,
    /// Settings that differ from the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyOverride>,
}

/// What nodes are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// What runs the agent. Default: `timer`.
    pub schedule: Schedule,
    /// Between two checks. Default: 5 minutes.
    pub interval: Span,
    /// At most so much more, at random. Default: 1 minute.
    pub splay: Span,
    /// At most so many bytes may lie in the node's state folder, as `2GiB`. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_budget: Option<Size>,
    /// How the agent itself is first fetched. Default: `signed` from `s3://`, else `public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fetch: Option<FirstFetch>,
    /// Ways to credentials for `s3://` stores, in order. Default: the cloud's role where it has one,
    /// else the keys that `stringless render` is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialKind>,
    /// `http://host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// A PEM file beside the site file: authorities that nodes trust, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The node's name, where the cloud has no instance id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Other sites that nodes follow. Default: none.
    #[serde(skip_serializing_if = "LayerFiles::is_empty")]
    pub layers: LayerFiles,
}

/// What runs the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// A systemd timer; cron where systemd does not run.
    #[default]
    Timer,
    /// The agent stays resident.
    Daemon,
    /// `/etc/cron.d`.
    Cron,
    /// The first boot only.
    Boot,
}

/// How the agent itself is first fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstFetch {
    /// The script signs the URL with the node's role or static keys.
    Signed,
    /// The generator signs the URL; it lives for seven days at most.
    Presigned,
    /// A plain URL.
    Public,
}

/// A way to credentials for an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// The instance's role.
    InstanceRole,
    /// The environment of the agent.
    Environment,
    /// The role of a container.
    Container,
    /// Unsigned requests.
    None,
    /// Keys, taken from the environment of `stringless render` and embedded.
    Static,
}

/// How nodes get the Puppet engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PuppetSettings {
    /// Whose package. Default: `openvox`.
    pub package: PuppetPackage,
    /// The pinned version; needed for `openvox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Per distro the SHA-256 of the package that adds OpenVox's repository and its signing key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub release_sha256: BTreeMap<String, stringless_core::hash::Sha256>,
}

/// Whose Puppet package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PuppetPackage {
    /// `openvox-agent` from the package repository of OpenVox.
    #[default]
    Openvox,
    /// The distribution's own package, from its own signed archive.
    Distro,
}

/// Which agent nodes install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Its version. Default: the generator's own.
    pub version: Version,
}

impl Site {
    /// Parses and checks a site file that came from `origin`.
    ///
    /// # Errors
    /// With file, line and key, and with the nearest valid key or the way out as the hint.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        let site: Self = from_yaml(text, origin)?;
        site.check(origin)?;
        Ok(site)
    }

    /// How `environment` is applied: the site's settings, overridden by its own.
    ///
    /// # Errors
    /// When the site has no such environment.
    pub fn apply(&self, environment: &Name) -> Result<Apply, Fault> {
        let own = self.environment(environment)?.apply.clone().unwrap_or_default();
        let engine = own.engine.unwrap_or_else(|| self.apply.engine.clone());
        let every = own.reapply.or(self.apply.reapply).unwrap_or(match engine {
            Engine::Puppet(_) => Limit::After(Span::minutes(30)),
            Engine::Script(_) => Limit::Never,
        });
        let timeout = own.timeout.unwrap_or(self.apply.timeout).seconds();
        let FailureSettings { tries, quarantine, fall_back } = own.failure.unwrap_or(self.apply.failure);
        let failure = Failure { tries, quarantine: quarantine.seconds(), fall_back };
        Ok(Apply { engine, timeout, reapply: every.seconds(), failure })
    }

    /// The environment of that name.
    ///
    /// # Errors
    /// When there is none, with those there are.
    pub fn environment(&self, name: &Name) -> Result<&Environment, Fault> {
        self.environments.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.environments.keys().map(Name::as_str).collect();
            Fault::new(format!("looking up the environment `{name}`: the site has none of that name"))
                .hint(format!("`environments` has {}", known.join(", ")))
        })
    }

    /// How the agent is first fetched: what the site says, or what its first store asks for.
    #[must_use]
    pub fn first_fetch(&self) -> FirstFetch {
        let private = self.stores.first().is_some_and(|store| store.url.starts_with("s3://"));
        self.node.first_fetch.unwrap_or(if private { FirstFetch::Signed } else { FirstFetch::Public })
    }
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { version: Version::parse(env!("CARGO_PKG_VERSION")).expect("the crate's own version") }
    }
}

fn expires() -> Limit {
    Limit::After(Span::minutes(30 * 24 * 60))
}

#[cfg(test)]
mod tests;
