//! The node's configuration, `agent.json`: written by the generator, read by the agent.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::json::{self, JsonError};
use crate::metadata::Metadata;
use crate::name::Name;
use crate::sigv4::Credentials;
use crate::store::{Store, StoreSettings};
use crate::time::Timestamp;
use crate::trust::TrustedKeys;

#[cfg(target_os = "freebsd")]
macro_rules! config_path {
    () => {
        "/usr/local/etc/stringless/agent.json"
    };
}
#[cfg(not(target_os = "freebsd"))]
macro_rules! config_path {
    () => {
        "/etc/stringless/agent.json"
    };
}
pub(crate) use config_path;

/// Where an agent that was built for `os`, as targets name it, looks for its configuration.
#[must_use]
pub fn file_on(os: &str) -> &'static str {
    if os == "freebsd" { "/usr/local/etc/stringless/agent.json" } else { "/etc/stringless/agent.json" }
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// 1.
    pub format: u32,
    /// When the bootstrap was rendered: the node's time is never taken to be earlier.
    pub rendered: Timestamp,
    /// The node's name, where the cloud has no instance id to offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// An absolute path; the folder that holds packs, releases and state.
    #[serde(default = "state_dir", skip_serializing_if = "is_state_dir")]
    pub state_dir: String,
    /// At most so many bytes may lie in it; none: as much as the file system has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_budget: Option<u64>,
    /// `http://[user:password@]host:port`; before the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, with commas between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// A PEM file of certificate authorities that count beside the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Whom the node asks who and where it is; none: what its first-boot agent left on disk counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// What the node follows, in this order; modules of earlier layers come before those of later ones.
    pub layers: Vec<Layer>,
}

/// One site that the node follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The site.
    pub site: Name,
    /// The environment of it.
    pub environment: Name,
    /// The lowest serial that counts, from the time of rendering: holds also when the state is lost.
    pub min_serial: u64,
    /// Seconds between two checks of the daemon.
    #[serde(default = "interval")]
    pub interval: u64,
    /// At most so many random seconds more.
    #[serde(default = "splay")]
    pub splay: u64,
    /// The keys that counted at the time of rendering.
    pub trust: TrustedKeys,
    /// Where the bucket is to be found.
    pub stores: Vec<NodeStore>,
}

/// A store with the ways to its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeStore {
    /// See [`StoreSettings::url`].
    pub url: String,
    /// See [`StoreSettings::region`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// See [`StoreSettings::endpoint`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// See [`StoreSettings::style`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<crate::store::Style>,
    /// Tried in this order; only with `s3://`, and not empty there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialSource>,
}

/// A way to credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialSource {
    /// The role of an AWS instance, by IMDSv2.
    InstanceRole,
    /// The role of an AWS container, by the address in `AWS_CONTAINER_CREDENTIALS_*_URI`.
    Container,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    Environment,
    /// Requests are not signed.
    None,
    /// Keys in this file.
    Static(Credentials),
}

/// Why a configuration is not used: exit code 78.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not the expected JSON.
    #[error("{0}")]
    Json(JsonError),
    /// A rule that the types do not express.
    #[error("{0}")]
    Rule(String),
}

impl Config {
    /// Parses and checks `agent.json`.
    ///
    /// # Errors
    /// [`ConfigError`] with the line, or with the key at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let config: Self = json::parse(bytes).map_err(ConfigError::Json)?;
        config.check().map_err(ConfigError::Rule)?;
        Ok(config)
    }

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        if self.format != 1 {
            return Err(format!("format {} is not known here, only 1", self.format));
        }
        if !self.state_dir.starts_with('/') {
            return Err(format!("state_dir `{}` is not an absolute path", self.state_dir));
        }
        if let Some(metadata) = &self.metadata {
            metadata.check().map_err(|why| format!("metadata: {why}"))?;
        }
        if self.layers.is_empty() {
            return Err("layers: at least one is needed".into());
        }
        for (n, layer) in self.layers.iter().enumerate() {
            // Their folders would be one where a file system makes no difference between `a` and `A`.
            let same = |other: &Layer| other.site.as_str().eq_ignore_ascii_case(layer.site.as_str());
            if self.layers[..n].iter().any(same) {
                return Err(format!("layers: site `{}` stands twice", layer.site));
            }
            layer.check().map_err(|why| format!("layer `{}`: {why}", layer.site))?;
        }
        Ok(())
    }
}

impl Config {
    /// Seconds between two runs of all that has to be looked at: the smallest interval of a layer.
    #[must_use]
    pub fn shortest_interval(&self) -> u64 {
        self.layers.iter().map(|layer| layer.interval).min().unwrap_or_else(interval)
    }

    /// What no output may show: the static keys, and the proxy's password.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let stores = self.layers.iter().flat_map(|layer| &layer.stores);
        let keys = stores.flat_map(|store| &store.credentials).filter_map(|source| match source {
            CredentialSource::Static(keys) => Some(keys),
            _ => None,
        });
        let keys = keys.flat_map(|keys| [Some(&*keys.secret_access_key), keys.session_token.as_deref()]);
        let login = self.proxy.as_deref().and_then(|proxy| proxy.split_once("://")?.1.rsplit_once('@'));
        let password = login.and_then(|(login, _)| Some(login.split_once(':')?.1));
        keys.flatten().chain(password).filter(|secret| !secret.is_empty())
    }
}

impl Layer {
    /// Whether it is time to check it again, in a run that comes at the [`Config::shortest_interval`], `tick`:
    /// `checked` is when a check last got through. A run that comes a little early is taken for its own, as
    /// the next one would be late by nearly a whole `tick`.
    #[must_use]
    pub fn is_due(&self, checked: Option<Timestamp>, tick: u64, now: Timestamp) -> bool {
        // A clock that was set back since makes it due at once rather than never.
        checked.is_none_or(|at| now < at || now.plus(tick / 2) >= at.plus(self.interval))
    }

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        self.trust.check()?;
        if !(MIN_INTERVAL..=MAX_INTERVAL).contains(&self.interval) || self.splay > MAX_INTERVAL {
            return Err(format!(
                "interval must be {MIN_INTERVAL} to {MAX_INTERVAL} seconds, splay at most that"
            ));
        }
        if self.stores.is_empty() {
            return Err("stores: at least one is needed".into());
        }
        for store in &self.stores {
            let signed = matches!(store.parse()?, Store::S3(_));
            if signed == store.credentials.is_empty() {
                let url = &store.url;
                return Err(format!("store `{url}`: `credentials` belong to `s3://`, and are needed there"));
            }
        }
        Ok(())
    }
}

impl NodeStore {
    /// The store behind the settings.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn parse(&self) -> Result<Store, String> {
        let settings = StoreSettings {
            url: self.url.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            style: self.style,
        };
        settings.parse().map_err(|error| format!("{error}"))
    }
}

/// Where the agent looks for it: what is no part of the base system has its own folders on FreeBSD.
pub const CONFIG: &str = config_path!();
/// The default of [`Config::state_dir`].
pub const STATE_DIR: &str = "/var/lib/stringless";
const MIN_INTERVAL: u64 = 10;
const MAX_INTERVAL: u64 = 7 * 86_400;

fn state_dir() -> String {
    STATE_DIR.into()
}

fn is_state_dir(path: &String) -> bool {
    path == STATE_DIR
}

fn interval() -> u64 {
    300
}

fn splay() -> u64 {
    60
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"format": 1, "rendered": "2026-11-20T18:00:00Z", "layers": [{
        "site": "example", "environment": "production", "min_serial": 3,
        "trust": {"version": 1, "threshold": 1,
                  "keys": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},
        "stores": [{"url": "s3://bucket/x", "region": "eu-central-1", "credentials": ["instance_role",
                   {"static": {"access_key_id": "A", "secret_access_key": "S"}}]}]}]}"#;

    #[test]
    fn each_system_has_its_place() {
        let here = if cfg!(target_os = "freebsd") { "freebsd" } else { "linux" };
        assert_eq!(file_on(here), config_path!());
        assert!(file_on("freebsd") != file_on("linux"));
    }

    #[test]
    fn reads_what_it_writes() {
        let config = Config::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(config.state_dir, STATE_DIR);
        assert_eq!(config.layers[0].interval, 300);
        assert_eq!(Config::parse(&json::write(&config)), Ok(config));
    }

    #[test]
    fn refuses_with_the_place() {
        let cases = [
            ("\"site\"", "\"sites\"", "did you mean `site`"),
            ("\"format\": 1", "\"format\": 2", "format 2"),
            ("s3://bucket/x", "https://a/b", "`s3://` only"),
            ("\"threshold\": 1", "\"threshold\": 2", "threshold 2 with 1 keys"),
            ("RWQf6", "RWQf7a", "minisign public key"),
            ("\"site\": \"example\"", "\"site\": \"../x\"", "name `../x`"),
            ("instance_role", "instance_rule", "did you mean `instance_role`"),
            ("\"min_serial\": 3", "\"min_serial\": -1", "line 2"),
            ("\"min_serial\": 3", "\"min_serial\": 3, \"interval\": 1", "interval"),
        ];
        for (from, to, expected) in cases {
            let error = Config::parse(GOOD.replace(from, to).as_bytes()).unwrap_err();
            let text = format!("{error}");
            assert!(text.contains(expected), "{to}: {text}");
        }
    }

    #[test]
    fn a_layer_is_due_at_its_own_interval() {
        let mut layer = Config::parse(GOOD.as_bytes()).unwrap().layers.remove(0);
        layer.interval = 3600;
        let at = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        let due = |tick, later| layer.is_due(Some(at), tick, at.plus(later));
        assert!(layer.is_due(None, 300, at));
        assert!(!due(300, 0) && !due(300, 3300) && !due(300, 3449));
        assert!(due(300, 3450) && due(300, 3600) && due(300, 90_000));
        assert!(due(3600, 1800), "the only one is always due");
        assert!(layer.is_due(Some(at.plus(1)), 300, at), "the clock was set back");
    }

    #[test]
    fn no_site_stands_twice() {
        let mut config = Config::parse(GOOD.as_bytes()).unwrap();
        let layer = |site| Layer { site: Name::new(site).unwrap(), ..config.layers[0].clone() };
        let others = [layer("base"), layer("Example"), layer("example")];
        for (other, good) in others.into_iter().zip([true, false, false]) {
            config.layers.truncate(1);
            config.layers.push(other);
            assert_eq!(config.check().is_ok(), good);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = Config::parse(GOOD.replace("\"S\"", "\"hidden\"").as_bytes()).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }
}
