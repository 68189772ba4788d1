//! What a document that waits for signatures says.

use std::path::Path;

use stringless_core::json::{self, HeadError};
use stringless_core::manifest::{FORMAT, Manifest};
use stringless_core::trust::Trust;

use crate::error::{Error, Result};

/// The parsed content of a payload. Nothing has verified it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingDocument {
    /// The manifest of a release.
    Manifest(Box<Manifest>),
    /// A change of the keys.
    Trust(Box<Trust>),
}

impl PendingDocument {
    pub(super) fn read(file: &Path, payload: &[u8]) -> Result<Self> {
        let doing = || format!("reading `{}`", file.display());
        json::check_head(payload, FORMAT).map_err(|error| Error::newer(doing(), error))?;
        let trust = json::parse::<Trust>(payload).map(|trust| Self::Trust(Box::new(trust)));
        let read = trust.or_else(|_| json::parse(payload).map(|manifest| Self::Manifest(Box::new(manifest))));
        let read: Self = read.map_err(|why| {
            Error::configuration(format!("{}: it is no document to sign: {why}", doing()))
                .hint("remove it, and run the command that wrote it again")
        })?;
        // Others sign these very bytes, and nobody signs what this version would leave out.
        if read.payload() != payload {
            let why = "it holds keys that this version does not know, or somebody edited it";
            return Err(Error::newer(doing(), HeadError::Format(why.to_owned())));
        }
        Ok(read)
    }

    /// The bytes to sign.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Self::Manifest(manifest) => json::write(&**manifest),
            Self::Trust(trust) => json::write(&**trust),
        }
    }

    /// The trusted comment of each signature.
    #[must_use]
    pub fn comment(&self) -> String {
        match self {
            Self::Manifest(manifest) => manifest.comment(),
            Self::Trust(trust) => trust.comment(),
        }
    }

    /// `manifest-production-12.json`, `trust-2.json`.
    pub(super) fn file_name(&self) -> String {
        match self {
            Self::Manifest(manifest) => format!("manifest-{}-{}.json", manifest.environment, manifest.serial),
            Self::Trust(trust) => format!("trust-{}.json", trust.version),
        }
    }

    /// Whether both say the same, except for the times they were made and expire.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Manifest(a), Self::Manifest(b)) => {
                let b = &**b;
                let timeless = Manifest { created: b.created, expires: b.expires, ..(**a).clone() };
                timeless == *b && a.expires.is_some() == b.expires.is_some()
            }
            (Self::Trust(a), Self::Trust(b)) => {
                let timeless = Trust { expires: b.expires, ..(**a).clone() };
                timeless == **b && a.expires.is_some() == b.expires.is_some()
            }
            _ => false,
        }
    }
}
