//! Why the agent does not use something that it fetched: every cause of exit code 3.

use alloc::string::String;
use alloc::vec::Vec;

use crate::document::DocumentError;
use crate::entry::EntryError;
use crate::hash::Sha256;
use crate::json::{self, HeadError, JsonError};
use crate::pack::title;
use crate::time::Timestamp;

/// A refusal. It changes nothing on the node: the current release stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are not a signed document.
    #[error("not a signed document: {0}")]
    Form(DocumentError),
    /// The payload is signed but cannot be parsed.
    #[error("signed, but not understood: {0}")]
    Payload(JsonError),
    /// The payload breaks a rule of the format that the types do not express.
    #[error("signed, but not valid: {0}")]
    Invalid(String),
    /// Too few signatures by trusted keys.
    #[error("{valid} of {threshold} required signatures are by keys of trust version {version}")]
    Signatures {
        /// Distinct trusted keys with a valid signature.
        valid: usize,
        /// How many are required.
        threshold: usize,
        /// The trust in use.
        version: u64,
    },
    /// No signature by a key that may sign the document.
    #[error("it is signed by no key of trust version {version} that may sign a {what}")]
    FleetSignature {
        /// The type of the document.
        what: &'static str,
        /// The trust in use.
        version: u64,
    },
    /// A trusted comment that does not belong to the payload.
    #[error("the trusted comment `{found}` does not belong to this payload: expected `{expected}`")]
    Comment {
        /// The signed comment.
        found: String,
        /// The comment that belongs to the payload.
        expected: String,
    },
    /// The document was signed for another site, environment or type.
    #[error("signed for {what} `{found}`, expected `{expected}`")]
    Foreign {
        /// `site`, `environment` or `type`.
        what: &'static str,
        /// As signed.
        found: String,
        /// As configured.
        expected: String,
    },
    /// The release is older than one accepted before, or than the bootstrap or the trust allows.
    #[error("rollback: serial {found} is below {floor}, {why}")]
    Rollback {
        /// The serial of the release.
        found: u64,
        /// The lowest serial that is accepted.
        floor: u64,
        /// Where this limit comes from.
        why: &'static str,
    },
    /// The release was made under an older trust than a release accepted before.
    #[error("rollback: made under trust version {found}, after a release of trust version {seen}")]
    OlderTrust {
        /// The trust version that the manifest names.
        found: u64,
        /// The trust version that the accepted manifest names.
        seen: u64,
    },
    /// Two different manifests under one serial.
    #[error("serial {serial} was seen before with other bytes")]
    SerialReused {
        /// The serial.
        serial: u64,
    },
    /// Past its date of expiry.
    #[error("{what} expired at {expires}; the time here is {now}")]
    Expired {
        /// `manifest`, `head` or `trust`.
        what: &'static str,
        /// As signed.
        expires: Timestamp,
        /// The agent's current time.
        now: Timestamp,
    },
    /// The trust document does not directly follow the one in use.
    #[error("trust version {found} does not follow version {current}")]
    TrustOrder {
        /// The version of the document.
        found: u64,
        /// The version in use.
        current: u64,
    },
    /// A newer trust is known to exist, but the store does not have it.
    #[error("trust version {needed} is needed, but the store has none after {current}")]
    TrustMissing {
        /// The version that this manifest or an earlier one names.
        needed: u64,
        /// The version in use.
        current: u64,
    },
    /// The release needs a newer agent.
    #[error("the release needs agent {minimum} or newer, this is {this}")]
    AgentTooOld {
        /// As signed.
        minimum: String,
        /// This program.
        this: String,
    },
    /// The document holds what this version does not understand, and must not pass over.
    #[error("signed, but {}", json::needs(json::NEWER_AGENT, .0))]
    Needs(Vec<String>),
    /// A pack whose hash is not the one in the manifest.
    #[error("{}: hash {found}, expected {expected}", title(path))]
    Hash {
        /// The path of the pack.
        path: String,
        /// The hash of the received bytes.
        found: Sha256,
        /// The hash in the manifest.
        expected: Sha256,
    },
    /// A pack whose size is not the one in the manifest.
    #[error("{}: {what} differ from the {expected} in the manifest", title(path))]
    Size {
        /// The path of the pack.
        path: String,
        /// `bytes`, `unpacked bytes` or `files`.
        what: &'static str,
        /// The number in the manifest.
        expected: u64,
    },
    /// A manifest that is not the one in the head.
    #[error("it is not the manifest that the head names: hash {found}, expected {expected}")]
    NotNamed {
        /// The hash of its payload.
        found: Sha256,
        /// The hash in the head.
        expected: Sha256,
    },
    /// A file of the agent that is not the one in the manifest.
    #[error("it is not the agent that the manifest names: {found}, expected {expected}")]
    Agent {
        /// What came.
        found: String,
        /// What the manifest names.
        expected: String,
    },
    /// An archive entry that must not be unpacked.
    #[error("{}: {entry}", title(path))]
    Archive {
        /// The path of the pack.
        path: String,
        /// Which entry, and why.
        entry: EntryError,
    },
}

impl Refusal {
    /// Whether another agent may accept what this one refuses: the document is signed, but not understood.
    #[must_use]
    pub fn may_need_newer_agent(&self) -> bool {
        matches!(self, Self::Needs(_) | Self::Invalid(_) | Self::Payload(_) | Self::AgentTooOld { .. })
    }

    /// A stable identifier for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "form",
            Self::Payload(_) => "payload",
            Self::Invalid(_) => "invalid",
            Self::Signatures { .. } | Self::FleetSignature { .. } => "signatures",
            Self::Comment { .. } => "comment",
            Self::Foreign { .. } => "foreign",
            Self::Rollback { .. } | Self::OlderTrust { .. } => "rollback",
            Self::SerialReused { .. } => "serial_reused",
            Self::Expired { .. } => "expired",
            Self::TrustOrder { .. } => "trust_order",
            Self::TrustMissing { .. } => "trust_missing",
            Self::AgentTooOld { .. } => "agent_too_old",
            Self::Needs(_) => "needs",
            Self::Hash { .. } | Self::Agent { .. } | Self::NotNamed { .. } => "hash",
            Self::Size { .. } => "size",
            Self::Archive { .. } => "archive",
        }
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Format(why) => Self::Invalid(why),
            HeadError::Needs(names) => Self::Needs(names),
        }
    }
}
