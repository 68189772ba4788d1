//! Why something that was fetched is not used: every cause of exit code 3.

use alloc::string::String;

use crate::document::DocumentError;
use crate::entry::EntryError;
use crate::hash::Sha256;
use crate::json::JsonError;
use crate::pack::title;
use crate::time::Timestamp;

/// A refusal. It changes nothing on the node: what ran before goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not the form of a signed document.
    #[error("not a signed document: {0}")]
    Form(DocumentError),
    /// The payload is signed, and not understood.
    #[error("signed, but not understood: {0}")]
    Payload(JsonError),
    /// A rule of the format that its types do not express.
    #[error("signed, but not valid: {0}")]
    Invalid(String),
    /// Too few signatures by trusted keys.
    #[error("{valid} of {threshold} needed signatures are by keys of trust version {version}")]
    Signatures {
        /// Distinct trusted keys with a valid signature.
        valid: usize,
        /// How many are needed.
        threshold: usize,
        /// The trust in use.
        version: u64,
    },
    /// A trusted comment that does not belong to the payload.
    #[error("the trusted comment `{found}` does not belong to this payload: expected `{expected}`")]
    Comment {
        /// The signed comment.
        found: String,
        /// What the payload asks for.
        expected: String,
    },
    /// Signed for something else: a site, an environment, a type.
    #[error("signed for {what} `{found}`, expected `{expected}`")]
    Foreign {
        /// `site`, `environment` or `type`.
        what: &'static str,
        /// As signed.
        found: String,
        /// As configured.
        expected: String,
    },
    /// An older release than one that was accepted before, or than the bootstrap allows.
    #[error("rollback: serial {found} is below {floor}, {why}")]
    Rollback {
        /// The serial offered.
        found: u64,
        /// The lowest serial that is accepted.
        floor: u64,
        /// Where the floor comes from.
        why: &'static str,
    },
    /// Made under an older trust than a release that was accepted before.
    #[error("rollback: made under trust version {found}, after a release of trust version {seen}")]
    OlderTrust {
        /// The trust version that the manifest names.
        found: u64,
        /// The one that the accepted manifest names.
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
        /// `manifest` or `trust`.
        what: &'static str,
        /// As signed.
        expires: Timestamp,
        /// The time used.
        now: Timestamp,
    },
    /// The next trust document does not follow the one in use.
    #[error("trust version {found} does not follow version {current}")]
    TrustOrder {
        /// The version offered.
        found: u64,
        /// The version in use.
        current: u64,
    },
    /// A newer trust is known to exist, and the store does not hand it out.
    #[error("trust version {needed} is needed, and the store has none after {current}")]
    TrustMissing {
        /// The version that the manifest, or one before it, names.
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
    /// A pack whose bytes are not those of the manifest.
    #[error("{}: {found}, expected {expected}", title(path))]
    Hash {
        /// Where the pack belongs.
        path: String,
        /// What came.
        found: Sha256,
        /// What the manifest names.
        expected: Sha256,
    },
    /// A pack of another size than the manifest says.
    #[error("{}: {what} other than the {expected} of the manifest", title(path))]
    Size {
        /// Where the pack belongs.
        path: String,
        /// `bytes`, `unpacked bytes` or `files`.
        what: &'static str,
        /// What the manifest names.
        expected: u64,
    },
    /// An archive entry that may not be unpacked.
    #[error("{}: {entry}", title(path))]
    Archive {
        /// Where the pack belongs.
        path: String,
        /// Which entry, and why.
        entry: EntryError,
    },
}

impl Refusal {
    /// A word for programs: stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "form",
            Self::Payload(_) => "payload",
            Self::Invalid(_) => "invalid",
            Self::Signatures { .. } => "signatures",
            Self::Comment { .. } => "comment",
            Self::Foreign { .. } => "foreign",
            Self::Rollback { .. } | Self::OlderTrust { .. } => "rollback",
            Self::SerialReused { .. } => "serial_reused",
            Self::Expired { .. } => "expired",
            Self::TrustOrder { .. } => "trust_order",
            Self::TrustMissing { .. } => "trust_missing",
            Self::AgentTooOld { .. } => "agent_too_old",
            Self::Hash { .. } => "hash",
            Self::Size { .. } => "size",
            Self::Archive { .. } => "archive",
        }
    }
}
