//! The node's configuration, `agent.json`. The generator writes it and the agent reads it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::json::{self, JsonError};
use crate::label::Labels;
use crate::metadata::Metadata;
use crate::name::Name;
pub use crate::node_layer::Layer;
pub use crate::node_store::NodeStore;
use crate::notify::Notify;
use crate::proxy::{self, Proxy};
use crate::signal::Signal;
use crate::sigv4::Credentials;
use crate::tag::RoleTag;
use crate::time::Timestamp;
pub use crate::upgrade::AgentSettings;

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

/// The path of the configuration for an agent built for `os` (the name of the system in a Rust target).
#[must_use]
pub fn file_on(os: &str) -> &'static str {
    if os == "freebsd" { "/usr/local/etc/stringless/agent.json" } else { "/etc/stringless/agent.json" }
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// 1.
    pub format: u32,
    /// What a reader must understand to use this document ([`crate::json::check_head`]); mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// When the bootstrap was rendered. The agent never uses a time before this one.
    pub rendered: Timestamp,
    /// The node's name, for clouds without an instance id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// What the node is: engines see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// The tag of the machine that holds the role instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_from: Option<RoleTag>,
    /// What else engines see of the node.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The folder that holds packs, releases and state: an absolute path.
    #[serde(default = "state_dir", skip_serializing_if = "is_state_dir")]
    pub state_dir: String,
    /// The most bytes that `state_dir` may hold; none: whatever the file system has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_budget: Option<u64>,
    /// `http://[user:password@]host:port`. It replaces the proxy of the environment variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts to reach without the proxy, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// A PEM file with certificate authorities to trust in addition to the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The metadata service that knows the node's id and region; none: use what the first-boot agent left on
    /// disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Where notices go after a run that failed, or that went well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Requests that say how the first run ended, to what waits for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signal: Vec<Signal>,
    /// How the agent follows the version that manifests pin.
    #[serde(default, skip_serializing_if = "AgentSettings::is_default")]
    pub agent: AgentSettings,
    /// The layers that the node follows, in order. Modules of earlier layers come before those of later ones.
    pub layers: Vec<Layer>,
}

/// A source of credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// The role of an AWS instance, read by IMDSv2.
    InstanceRole,
    /// The role of an AWS container, read from the address in `AWS_CONTAINER_CREDENTIALS_*_URI`.
    Container,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    Environment,
    /// No credentials: requests are not signed.
    None,
    /// Keys written in this file.
    Static(Credentials),
}

/// Why a configuration is rejected (exit code 78).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not the expected JSON.
    #[error("{0}")]
    Json(JsonError),
    /// It breaks a rule that the types do not express.
    #[error("{0}")]
    Rule(String),
}

impl Config {
    /// Parses and checks `agent.json`.
    ///
    /// # Errors
    /// [`ConfigError`], which names the line or the key at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        Self::parse_and_list_unknown(bytes).map(|(config, _)| config)
    }

    /// The same, and the paths of the keys that this version passes over, as `layers.0.colour`: a newer
    /// version wrote them, or somebody mistyped them.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_and_list_unknown(bytes: &[u8]) -> Result<(Self, Vec<String>), ConfigError> {
        json::check_head(bytes, FORMAT).map_err(|error| ConfigError::Rule(error.to_string()))?;
        let (config, unknown): (Self, _) = json::parse_and_list_unknown(bytes).map_err(ConfigError::Json)?;
        config.check().map_err(ConfigError::Rule)?;
        Ok((config, unknown))
    }

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        json::check_format(self.format, FORMAT)?;
        if !self.state_dir.starts_with('/') {
            return Err(format!("state_dir `{}` is not an absolute path", self.state_dir));
        }
        self.proxy()?;
        if let Some(metadata) = &self.metadata {
            metadata.check().map_err(|why| format!("metadata: {why}"))?;
        }
        if let Some(notify) = &self.notify {
            notify.check().map_err(|(key, why)| format!("notify.{key}: {why}"))?;
        }
        self.signal.iter().try_for_each(Signal::check).map_err(|why| format!("signal: {why}"))?;
        if let Some(tag) = &self.role_from {
            tag.check_beside(self.role.as_ref(), self.metadata.as_ref())?;
        }
        if self.layers.is_empty() {
            return Err("layers: at least one is required".into());
        }
        for (n, layer) in self.layers.iter().enumerate() {
            // On a file system that ignores case, both layers would share one folder.
            let same = |other: &Layer| other.site.as_str().eq_ignore_ascii_case(layer.site.as_str());
            if self.layers[..n].iter().any(same) {
                return Err(format!("layers: site `{}` is listed twice", layer.site));
            }
            layer.check().map_err(|why| format!("layer `{}`: {why}", layer.site))?;
        }
        Ok(())
    }
}

impl Config {
    /// The smallest interval of all layers, in seconds.
    #[must_use]
    pub fn shortest_interval(&self) -> u64 {
        self.layers.iter().map(|layer| layer.interval).min().unwrap_or_else(crate::node_layer::interval)
    }

    /// The proxy.
    ///
    /// # Errors
    /// A sentence that does not show the value, which may contain a password.
    pub fn proxy(&self) -> Result<Option<Proxy>, String> {
        let wrong = |why| format!("proxy: expected `http://[user:password@]host:port`, but {why}");
        self.proxy.as_deref().map(Proxy::parse).transpose().map_err(wrong)
    }

    /// All sources of credentials: those of the stores, and those of the signals.
    pub fn credentials(&self) -> impl Iterator<Item = &CredentialSource> {
        let stores = self.layers.iter().flat_map(|layer| &layer.stores);
        stores.flat_map(|store| &store.credentials).chain(self.signal.iter().flat_map(|one| &one.credentials))
    }

    /// Whether a store or a signal takes its keys from the environment.
    #[must_use]
    pub fn reads_environment(&self) -> bool {
        self.credentials().any(|source| *source == CredentialSource::Environment)
    }

    /// The secrets that no output may show: static keys, the proxy's password, and the URL of notices.
    pub fn secrets(&self) -> impl Iterator<Item = String> {
        let keys = self.credentials().filter_map(|source| match source {
            CredentialSource::Static(keys) => Some(keys),
            _ => None,
        });
        let keys = keys.flat_map(|keys| [Some(keys.secret_access_key.clone()), keys.session_token.clone()]);
        let login = self.proxy.as_deref().map(proxy::secrets).unwrap_or_default();
        let notify = self.notify.iter().flat_map(Notify::secrets);
        keys.flatten().chain(login).chain(notify).filter(|secret| !secret.is_empty())
    }
}

/// The path of the configuration. FreeBSD keeps files that are not part of the base system below
/// `/usr/local`.
pub const CONFIG: &str = config_path!();
/// The format that this code writes, and the only one that it reads.
const FORMAT: u32 = 1;
/// The default of [`Config::state_dir`].
pub const STATE_DIR: &str = "/var/lib/stringless";

fn state_dir() -> String {
    STATE_DIR.into()
}

fn is_state_dir(path: &String) -> bool {
    path == STATE_DIR
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = r#""role_from": {"tag": "role", "path": "/a"}"#;
    const GOOD: &str = r#"{"format": 1, "rendered": "2026-11-20T18:00:00Z", "layers": [{
        "site": "example", "environment": "production", "min_serial": 3,
        "trust": {"version": 1, "threshold": 1,
                  "keys": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},
        "stores": [{"url": "s3://bucket/x", "region": "eu-central-1", "credentials": ["instance_role",
                   {"static": {"access_key_id": "A", "secret_access_key": "S"}}]}]}]}"#;

    #[test]
    fn each_system_has_its_own_path() {
        let here = if cfg!(target_os = "freebsd") { "freebsd" } else { "linux" };
        assert_eq!(file_on(here), config_path!());
        assert!(file_on("freebsd") != file_on("linux"));
    }

    #[test]
    fn a_written_config_parses_to_the_same_value() {
        let config = Config::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(config.state_dir, STATE_DIR);
        assert_eq!(config.layers[0].interval, 300);
        assert_eq!(Config::parse(&json::write(&config)), Ok(config));
    }

    #[test]
    fn passes_over_unknown_keys_and_names_them() {
        let more = GOOD
            .replace(
                "\"format\": 1",
                "\"format\": 1, \"state_dir\": \"/var/lib/stringless\", \"later\": {\"a\": []}",
            )
            .replace("\"min_serial\": 3", "\"min_serial\": 3, \"colour\": 1")
            .replace("\"threshold\": 1", "\"threshold\": 1, \"of\": null")
            .replace("\"region\"", "\"zone\": 1, \"region\"");
        let (config, unknown) = Config::parse_and_list_unknown(more.as_bytes()).unwrap();
        assert_eq!(Ok(config), Config::parse(GOOD.as_bytes()));
        assert_eq!(unknown, ["later", "layers.0.colour", "layers.0.trust.of", "layers.0.stores.0.zone"]);
    }

    #[test]
    fn errors_name_the_line_or_the_key() {
        let cases = [
            ("\"site\"", "\"sites\"", "missing field `site`"),
            (
                "\"format\": 1",
                "\"format\": 1, \"needs\": [\"x\"]",
                "this needs a newer agent: `x` is unknown to this one",
            ),
            ("\"format\": 1", "\"format\": 1, \"needs\": [1]", "expected a text, not the number `1`"),
            ("\"format\": 1", "\"format\": 2", "format 2 is not supported, only 1: a newer version wrote it"),
            ("\"format\": 1", "\"format\": 2, \"later\": {}", "format 2 is not supported"),
            ("\"secret_access_key\": \"S\"", "\"secret_access_key\": \"S\\n\"", "ends with a newline"),
            ("\"access_key_id\": \"A\"", "\"access_key_id\": \"\u{e9}\"", "`access_key_id` contains"),
            (
                "\"format\": 1",
                "\"format\": 1, \"proxy\": \"me:hidden@host\"",
                "does not begin with `http://`",
            ),
            ("\"format\": 1", "\"format\": 1, \"proxy\": \"socks5://host\"", "only proxies with `http://`"),
            ("s3://bucket/x", "https://a/b", "`s3://` only"),
            ("\"threshold\": 1", "\"threshold\": 2", "threshold 2 with 1 key"),
            ("RWQf6", "RWQf7a", "minisign public key"),
            ("\"site\": \"example\"", "\"site\": \"../x\"", "name `../x`"),
            ("instance_role", "instance_rule", "did you mean `instance_role`"),
            ("\"format\": 1", "\"format\": 1, \"role\": \"a/b\"", "name `a/b`"),
            (
                "\"format\": 1",
                "\"format\": 1, \"labels\": {\"a\": \"1\", \"A\": \"2\"}",
                "labels `A` and `a`: both would be the variable STRINGLESS_LABEL_A",
            ),
            ("\"format\": 1", &format!("\"format\": 1, \"role\": \"web\", {FROM}"), "only one of them"),
            ("\"format\": 1", &format!("\"format\": 1, {FROM}"), "role_from: `metadata` is required"),
            ("\"min_serial\": 3", "\"min_serial\": -1", "line 2"),
            ("\"min_serial\": 3", "\"min_serial\": 3, \"interval\": 1", "interval"),
            (
                "\"layers\"",
                r#""signal": [{"service": "s", "region": "r", "endpoint": "ftp://h/", "credentials": ["none"],
                   "fields": {}, "success": {}, "failure": {}}], "layers""#,
                "signal: endpoint `ftp://h/`",
            ),
        ];
        for (from, to, expected) in cases {
            let error = Config::parse(GOOD.replace(from, to).as_bytes()).unwrap_err();
            let text = format!("{error}");
            assert!(text.contains(expected), "{to}: {text}");
            assert!(!text.contains("hidden"), "{to}: {text}");
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
        assert!(due(3600, 1800), "a single layer is always due");
        assert!(layer.is_due(Some(at.plus(1)), 300, at), "the clock was set back");
    }

    #[test]
    fn refuses_a_site_that_is_listed_twice() {
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
    fn debug_output_hides_secrets() {
        let config = Config::parse(GOOD.replace("\"S\"", "\"hidden\"").as_bytes()).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }
}
