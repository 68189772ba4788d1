//! The settings `apply` of the site file: how nodes apply a release.
//!
//! The manifest has types of its own for the same settings. A site file is strict: an unknown key is a
//! mistake of its author. The manifest is a format between versions, and it may gain fields.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use stringless_core::manifest::{Engine, Failure, PuppetEngine, ScriptEngine};

use super::{Limit, Span};

/// How nodes apply a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplySettings {
    /// The program that applies a release.
    #[serde(serialize_with = "serde_yaml::with::singleton_map::serialize")]
    pub engine: EngineSettings,
    /// The node ends an engine that runs longer than this. Default: 30 minutes.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How often a node applies an unchanged release again. Default: every 30 minutes with the engine
    /// `puppet`, never with the engine `script`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reapply: Option<Limit>,
    /// What a node does when the engine fails.
    #[serde(default)]
    pub failure: FailureSettings,
}

/// An engine and its settings: `{puppet: {}}`, or `puppet` alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineSettings {
    /// Runs a file of the release.
    Script(ScriptSettings),
    /// Runs `puppet apply`.
    Puppet(PuppetApplySettings),
}

/// Settings of the engine `script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScriptSettings {
    /// The executable file, relative to the release.
    pub run: String,
    /// Whether the script changes nothing when `STRINGLESS_NOOP` is `1`. Without it, `--noop` does not
    /// run the script. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noop: bool,
    /// Whether the script changes only what is below the folder in `STRINGLESS_ROOT`. Without it, an agent
    /// with `--root` does not run the script. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub root: bool,
}

/// Settings of the engine `puppet`: none. The release's `environment.conf` holds the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PuppetApplySettings {}

/// What a node does when the engine fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FailureSettings {
    /// The node quarantines a release after this number of failed runs. Default: 3.
    pub tries: u32,
    /// How long the quarantine lasts; `never`: until a newer release. Default: an hour.
    pub quarantine: Limit,
    /// Whether the node applies the last good release during the quarantine. Default: no.
    pub fall_back: bool,
}

/// The settings of [`ApplySettings`] that an environment changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplyOverride {
    /// The engine for this environment, in the place of the site's.
    #[serde(
        default,
        serialize_with = "serde_yaml::with::singleton_map::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub engine: Option<EngineSettings>,
    /// The time limit of the engine, in the place of the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How often a node applies an unchanged release again, in the place of the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reapply: Option<Limit>,
    /// What a node does when the engine fails, in the place of the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureSettings>,
}

impl<'de> Deserialize<'de> for EngineSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EngineVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for EngineSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EngineSettings".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let script = generator.subschema_for::<ScriptSettings>();
        let puppet = generator.subschema_for::<Option<PuppetApplySettings>>();
        let named = |name: &str, settings| {
            schemars::json_schema!({
                "type": "object",
                "properties": { name: settings },
                "required": [name],
                "additionalProperties": false,
            })
        };
        schemars::json_schema!({
            "description": "An engine and its settings.",
            "anyOf": [{ "const": PUPPET }, named(PUPPET, puppet), named(SCRIPT, script)],
        })
    }
}

struct EngineVisitor;

impl<'de> Visitor<'de> for EngineVisitor {
    type Value = EngineSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{script: {run: FILE}}` or `puppet`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<EngineSettings, E> {
        match name {
            PUPPET => Ok(EngineSettings::Puppet(PuppetApplySettings {})),
            SCRIPT => {
                Err(E::custom("the engine `script` needs the name of its file: `{script: {run: FILE}}`"))
            }
            _ => Err(E::unknown_variant(name, &[SCRIPT, PUPPET])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EngineSettings, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::custom("no engine is named"));
        };
        let engine = match name.as_str() {
            PUPPET => EngineSettings::Puppet(map.next_value::<Option<_>>()?.unwrap_or_default()),
            SCRIPT => EngineSettings::Script(map.next_value()?),
            _ => return Err(A::Error::unknown_variant(&name, &[SCRIPT, PUPPET])),
        };
        match map.next_key::<String>()? {
            None => Ok(engine),
            Some(other) => {
                Err(A::Error::custom(format!("`{name}` and `{other}`: only one engine is possible")))
            }
        }
    }
}

impl From<&EngineSettings> for Engine {
    fn from(settings: &EngineSettings) -> Self {
        match settings {
            EngineSettings::Script(ScriptSettings { run, noop, root }) => {
                Self::Script(ScriptEngine { run: run.clone(), noop: *noop, root: *root })
            }
            EngineSettings::Puppet(PuppetApplySettings {}) => Self::Puppet(PuppetEngine {}),
        }
    }
}

impl Default for FailureSettings {
    fn default() -> Self {
        let Failure { tries, quarantine, fall_back } = Failure::default();
        let quarantine = quarantine.map_or(Limit::Never, |seconds| Limit::After(Span::minutes(seconds / 60)));
        Self { tries, quarantine, fall_back }
    }
}

fn timeout() -> Span {
    Span::minutes(30)
}

const SCRIPT: &str = "script";
const PUPPET: &str = "puppet";
