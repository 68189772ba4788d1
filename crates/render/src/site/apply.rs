//! How nodes apply a release, as the site file has it.

use serde::{Deserialize, Serialize};
use stringless_core::manifest::{Engine, Failure};

use super::{Limit, Span};

/// How nodes apply a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplySettings {
    /// What applies it.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub engine: Engine,
    /// After this the engine is ended. Default: 30 minutes.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How often an unchanged release is applied again. Default: `puppet` every 30 minutes, `script`
    /// never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reapply: Option<Limit>,
    /// What a node does when the engine fails.
    #[serde(default)]
    pub failure: FailureSettings,
}

/// What a node does when the engine fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailureSettings {
    /// So many runs may fail before the release is quarantined. Default: 3.
    pub tries: u32,
    /// How long; `never`: until a newer release. Default: an hour.
    pub quarantine: Limit,
    /// Whether the last good release is applied again meanwhile. Default: no.
    pub fall_back: bool,
}

/// What an environment changes of [`ApplySettings`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyOverride {
    /// See [`ApplySettings::engine`].
    #[serde(default, with = "serde_yaml::with::singleton_map", skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// See [`ApplySettings::timeout`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// See [`ApplySettings::reapply`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reapply: Option<Limit>,
    /// See [`ApplySettings::failure`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureSettings>,
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
