//! The site file, `stringless.yaml`: text ↔ [`Site`]. No IO, no secrets.
//!
//! `version` of the agent has no default here: the tool that reads the file decides it.

mod apply;
mod check;
mod checks;
pub mod git_url;
mod layers;
mod modules;
mod notify;
mod puppet;

#[cfg(feature = "patterns")]
pub mod patterns;
mod size;
mod source;
mod span;
mod stores;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stringless_core::label::Labels;
use stringless_core::manifest::{Apply, Engine, Failure};
use stringless_core::name::Name;
use stringless_core::store::StoreSettings;
use stringless_core::tag::TagKey;
use stringless_core::version::Version;

pub use self::apply::{ApplyOverride, ApplySettings, EngineSettings, FailureSettings};
pub use self::apply::{PuppetApplySettings, ScriptSettings};
pub use self::checks::{CheckSettings, Want};
pub use self::layers::LayerFiles;
pub use self::modules::{LockNeed, ModulesSettings};
pub use self::notify::NotifySettings;
pub use self::puppet::{PackageChoice, PuppetPackage, PuppetSettings};
pub use self::size::Size;
pub use self::source::{Branches, Invalid, Prefix, Source};
pub use self::span::{Limit, Span};
use crate::yaml::from_yaml;
use stringless_core::fault::Fault;

/// A site file: how one organisation publishes and applies its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The site's name: part of every signature.
    pub site: Name,
    /// The stores. Releases are published to the first one, and nodes fetch the agent from it first.
    #[serde(deserialize_with = "stores::read")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<stores::Written>", length(min = 1)))]
    pub stores: Vec<StoreSettings>,
    /// The environments that the site publishes.
    #[serde(default)]
    pub environments: BTreeMap<Name, Environment>,
    /// Repositories whose branches are further environments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<Name, Branches>,
    /// How nodes apply a release.
    pub apply: ApplySettings,
    /// How long after signing nodes accept a release as new. Default: 30 days.
    #[serde(default = "expires")]
    pub expires: Limit,
    /// What is checked in the site's own code before it is published.
    #[serde(default)]
    pub checks: CheckSettings,
    /// Settings written into each node's configuration.
    #[serde(default)]
    pub node: NodeSettings,
    /// How the site gets the modules that `Puppetfile`s declare.
    #[serde(default)]
    pub modules: ModulesSettings,
    /// How nodes get the Puppet engine; used only if an engine is `puppet`.
    #[serde(default)]
    pub puppet: PuppetSettings,
    /// The agent that nodes install.
    #[serde(default)]
    pub agent: AgentSettings,
}

/// One environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Where its content comes from.
    #[serde(default)]
    pub source: Source,
    /// Settings in which it differs from the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyOverride>,
}

/// Settings written into each node's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// What runs the agent. Default: `timer`.
    pub schedule: Schedule,
    /// The time between two checks. Default: 5 minutes.
    pub interval: Span,
    /// The longest random delay that is added to `interval`. Default: 1 minute.
    pub splay: Span,
    /// The largest size of the node's state folder, as `2GiB`. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_budget: Option<Size>,
    /// How the bootstrap script fetches the agent. Default: `signed` from `s3://`, else `public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fetch: Option<FirstFetch>,
    /// Sources of credentials for `s3://` stores, in the order in which they are tried. Default: the
    /// cloud's role if it has roles, else the keys that are given to `stringless render`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialKind>,
    /// The proxy: `http://host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts that nodes reach without the proxy, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// A PEM file beside the site file: certificate authorities that nodes trust besides their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The node's name on a cloud without instance ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Who gets a notice after a run that failed, and after the next good run. Default: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifySettings>,
    /// The role of nodes; `render --role` replaces it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// The tag of the machine that holds its role instead: one user-data for machines of several roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_from: Option<RoleFrom>,
    /// Labels of nodes, as `{dc: fra1}`; `render --label` adds to them. Default: none.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Other sites that nodes follow. Default: none.
    #[serde(skip_serializing_if = "LayerFiles::is_empty")]
    pub layers: LayerFiles,
}

/// Where a node finds its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleFrom {
    /// The key of a tag of the machine, as the cloud's metadata service gives it.
    pub tag: TagKey,
}

/// What runs the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// A systemd timer; cron on systems without systemd.
    #[default]
    Timer,
    /// The agent itself, as a service.
    Daemon,
    /// Cron, by a file in `/etc/cron.d`.
    Cron,
    /// The first boot, and nothing later.
    Boot,
}

/// How the bootstrap script fetches the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FirstFetch {
    /// The script signs the request with the node's role or with static keys.
    Signed,
    /// The generator signs the URL, which is valid for at most seven days.
    Presigned,
    /// From a plain URL, unsigned.
    Public,
}

/// A source of credentials for an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// The instance's role.
    InstanceRole,
    /// The agent's environment variables.
    Environment,
    /// The role of a container.
    Container,
    /// None: requests are unsigned.
    None,
    /// Keys from the environment variables of `stringless render`, embedded in the user-data.
    Static,
}

/// The agent that nodes install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// The agent's version. Default: the version of the generator that reads the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Whether nodes install a newer version by themselves once it is published. Default: true.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub follow: bool,
    /// Whether nodes with a newer version go back to this one. Default: false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_downgrade: bool,
    /// Where `stringless agent push` fetches the agents: `https://…` or `file:///…`, with `{version}` for the version.
    /// Default: the folder `target/agents` where there is one, else the address of the generator's releases.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = r"^(https://|file:///)[!-~]*$")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { version: None, follow: true, allow_downgrade: false, from: None }
    }
}

impl Site {
    /// Parses and checks a site file that came from `origin`.
    ///
    /// # Errors
    /// Names the file, the line and the key; the hint names the nearest valid key or another remedy.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        let site: Self = from_yaml(text, origin)?;
        site.check(origin)?;
        Ok(site)
    }

    /// How nodes apply `environment`: the site's settings, overridden by those of the environment.
    ///
    /// # Errors
    /// When the site has no such environment.
    pub fn apply(&self, environment: &Name) -> Result<Apply, Fault> {
        let none = ApplyOverride::default();
        Ok(self.merged(self.environment(environment)?.apply.as_ref().unwrap_or(&none)))
    }

    /// The site's settings, overridden by `own`.
    fn merged(&self, own: &ApplyOverride) -> Apply {
        let engine = Engine::from(own.engine.as_ref().unwrap_or(&self.apply.engine));
        let reapply = own.reapply.or(self.apply.reapply).unwrap_or(match engine {
            Engine::Puppet(_) => Limit::After(Span::minutes(30)),
            Engine::Script(_) => Limit::Never,
        });
        let timeout = own.timeout.unwrap_or(self.apply.timeout).seconds();
        let FailureSettings { tries, quarantine, fall_back } = own.failure.unwrap_or(self.apply.failure);
        let failure = Failure { tries, quarantine: quarantine.seconds(), fall_back };
        Apply { engine, timeout, reapply: reapply.seconds(), failure }
    }

    /// The environment with this name.
    ///
    /// # Errors
    /// When the site has none with this name; the hint lists those it has.
    pub fn environment(&self, name: &Name) -> Result<&Environment, Fault> {
        self.environments.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.environments.keys().map(Name::as_str).collect();
            Fault::new(format!("looking up the environment `{name}`: the site has none of that name"))
                .hint(format!("`environments` has {}", known.join(", ")))
        })
    }

    /// How the bootstrap script fetches the agent: as the site says, or as its first store requires.
    #[must_use]
    pub fn first_fetch(&self) -> FirstFetch {
        let private = self.stores.first().is_some_and(|store| store.url.starts_with("s3://"));
        self.node.first_fetch.unwrap_or(if private { FirstFetch::Signed } else { FirstFetch::Public })
    }
}

fn expires() -> Limit {
    Limit::After(Span::minutes(30 * 24 * 60))
}

#[cfg(test)]
mod tests;
