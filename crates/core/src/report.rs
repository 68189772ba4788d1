//! How a run ended: exit codes, and the report of the last run.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::state::Release;
use crate::time::Timestamp;

/// How a run ended. The codes are the same in every program and document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Nothing to do, or applied without a change.
    Converged,
    /// Applied, and something changed, or may have: a script need not say.
    Changed,
    /// No store answered, or another run holds the lock: nothing changed, run again.
    Temporary,
    /// The engine failed.
    EngineFailed,
    /// What came was not trusted.
    Refused,
    /// The command line was not understood.
    Usage,
    /// The configuration was not understood.
    Configuration,
}

impl Ending {
    /// Every ending, in the order of the manual.
    pub const ALL: [Self; 7] = [
        Self::Converged,
        Self::Temporary,
        Self::Changed,
        Self::Refused,
        Self::EngineFailed,
        Self::Usage,
        Self::Configuration,
    ];

    /// The exit code; `detailed` is the flag `--detailed-exitcodes`.
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

    /// What the code means, for the manual.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Converged => "converged: nothing to do, or applied",
            Self::Changed => "only with --detailed-exitcodes: something changed, or would change with --noop",
            Self::Temporary => "temporary: no store answered, or another run holds the lock; run again",
            Self::Refused => "refused: signature, trust, rollback, expiry, hash or hostile archive",
            Self::EngineFailed => "the engine failed; the message says which release is live",
            Self::Usage => "the command line was not understood",
            Self::Configuration => "the configuration was not understood",
        }
    }
}

/// The last run, as it is kept on disk and printed by `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// 1.
    pub format: u32,
    /// The agent's version.
    pub agent: String,
    /// The node id.
    pub node: String,
    /// The region, where the node's cloud told it one.
    #[serde(default)]
    pub region: Option<Name>,
    /// When the run began.
    pub started: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// The worst ending of its layers.
    pub ending: Ending,
    /// Its exit code.
    pub exit_code: u8,
    /// One per layer that was run.
    pub layers: Vec<LayerReport>,
}

/// A release of an earlier layer, as a later one's engine saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Over {
    /// The earlier layer's site.
    pub site: Name,
    /// Its release.
    pub release: Release,
}

/// One layer's part of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerReport {
    /// The site.
    pub site: Name,
    /// The environment that was asked for.
    pub environment: Name,
    /// How it ended.
    pub ending: Ending,
    /// Whether it was run with `--noop`: nothing was applied.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub noop: bool,
    /// The release that is live afterwards.
    pub live: Option<Release>,
    /// Why the engine ran; null when it did not.
    pub reason: Option<String>,
    /// Requests sent to stores.
    pub requests: u64,
    /// Bytes of bodies received from stores.
    pub received: u64,
    /// Packs that were fetched.
    pub fetched: u64,
    /// The error with its causes; null when there was none.
    pub error: Option<String>,
    /// For an engine's run: its exit status, null when it was ended by a signal.
    pub engine_status: Option<i32>,
    /// The earlier layers whose modules the engine saw, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<Over>,
    /// The end of the engine's output.
    pub output: String,
    /// What will need attention: expiry near, stores ignored.
    pub warnings: Vec<String>,
}
