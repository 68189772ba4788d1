//! The pinned agent for one CPU.

use serde::Serialize;

/// The agent for one CPU.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pin {
    /// A pattern for `uname -m`.
    pub cpu: String,
    pub target: String,
    pub sha256: String,
    /// The end of this target's signed link, in which it differs from the others.
    pub signature: String,
}
