//! The outcome of a run: exit codes, and the report of the last run.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::label::Labels;
use crate::name::Name;
use crate::state::Release;
use crate::time::Timestamp;
use crate::upgrade::LeftAlone;
use crate::version::Version;

/// The outcome of a run. Every program and document uses the same codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was nothing to do, or the release was applied and nothing changed.
    Converged,
    /// The release was applied, and something changed or may have changed: a script need not say.
    Changed,
    /// No store answered, or another run holds the lock. Nothing changed; run again.
    Temporary,
    /// The engine failed.
    EngineFailed,
    /// The fetched data is not trusted.
    Refused,
    /// The command line is invalid.
    Usage,
    /// The configuration is invalid.
    Configuration,
}

impl Outcome {
    /// Every outcome, in the order of the manual.
    pub const ALL: [Self; 7] = [
        Self::Converged,
        Self::Temporary,
        Self::Changed,
        Self::Refused,
        Self::EngineFailed,
        Self::Usage,
        Self::Configuration,
    ];

    /// The exit code. `detailed`: with `--detailed-exitcodes`.
    #[must_use]
    pub fn exit_code(self, detailed: bool) -> u8 {
        match self {
            Self::Changed if detailed => 2,
            Self::Converged | Self::Changed => 0,
            Self::Temporary => 1,
            Self::Refused => 3,
            Self::EngineFailed => 4,
            Self::Usage => 64,
            Self::Configuration => 78,
        }
    }

    /// The outcome in one or two words, for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Changed => "changed",
            Self::Temporary => "temporary error",
            Self::Refused => "refused",
            Self::EngineFailed => "engine failed",
            Self::Usage => "wrong usage",
            Self::Configuration => "wrong configuration",
        }
    }

    /// Whether the run did not do what it should.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self > Self::Changed
    }

    /// What the code means, for the manual.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Converged => "converged: nothing to do, or applied",
            Self::Changed => "with --detailed-exitcodes only: something changed, or would change with --noop",
            Self::Temporary => "temporary: no store answered, or another run holds the lock; run again",
            Self::Refused => "refused: signature, trust, rollback, expiry, hash or hostile archive",
            Self::EngineFailed => "the engine failed; the message says which release is live",
            Self::Usage => "the command line is invalid",
            Self::Configuration => "the configuration is invalid",
        }
    }
}

/// The report of a run, as saved on disk and printed by `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// 1.
    pub format: u32,
    /// What a reader must understand to use this document ([`crate::json::check_head`]); mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The agent's version.
    pub agent: String,
    /// The node id.
    pub node: String,
    /// The region, if the node knows it from its cloud.
    #[serde(default)]
    pub region: Option<Name>,
    /// The role, if the node has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// Where the role comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_from: Option<RoleSource>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// When the run began.
    pub started: Timestamp,
    /// How long the run took.
    pub milliseconds: u64,
    /// The worst outcome of all layers.
    pub outcome: Outcome,
    /// The exit code of the run.
    pub exit_code: u8,
    /// The version of the agent before this one, if that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Version>,
    /// The pinned agent that failed here, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<LeftAlone>,
    /// What needs attention on the node itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// One report for each layer.
    pub layers: Vec<LayerReport>,
}

/// Where a node's role comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoleSource {
    /// `role` in the configuration.
    Configuration,
    /// The machine's own tag, as the cloud's metadata service gave it.
    Tag,
}

impl RoleSource {
    /// The text for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "the configuration",
            Self::Tag => "the machine's tag",
        }
    }
}

/// The release of an earlier layer that the engine of a later layer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Over {
    /// The earlier layer's site.
    pub site: Name,
    /// Its release.
    pub release: Release,
}

/// The report of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerReport {
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether the run used `--noop`, so that nothing was applied.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub noop: bool,
    /// The release that was live after the run.
    pub live: Option<Release>,
    /// Why the engine ran; null if it did not run.
    pub reason: Option<String>,
    /// Requests sent to stores.
    pub requests: u64,
    /// Bytes received from stores, bodies only.
    pub received: u64,
    /// The number of fetched packs.
    pub fetched: u64,
    /// The error with its causes; null if there was none.
    pub error: Option<String>,
    /// The engine's exit status; null if it did not run or a signal ended it.
    pub engine_status: Option<i32>,
    /// The earlier layers whose modules the engine saw, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<Over>,
    /// The end of the engine's output.
    pub output: String,
    /// What needs attention, such as an expiry soon or an ignored store.
    pub warnings: Vec<String>,
}
