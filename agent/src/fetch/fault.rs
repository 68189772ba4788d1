//! Why a pack could not be fetched from a store.

use std::fmt;

use stringless_core::refusal::Refusal;

use crate::error::Error;
use crate::store::RequestError;

/// Why a pack could not be fetched from a store.
pub enum FetchError {
    /// No store's fault: the disk failed, or the agent must stop.
    Local(Error),
    /// A request failed.
    Request(RequestError),
    /// The store sent wrong bytes. It is not asked for this pack again.
    WrongBytes(Refusal),
}

impl FetchError {
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Request(failure) => failure.is_permanent(),
            Self::Local(_) | Self::WrongBytes(_) => true,
        }
    }

    pub(super) fn retry_after_ms(&self) -> u64 {
        match self {
            Self::Request(failure) => failure.retry_after_ms(),
            Self::Local(_) | Self::WrongBytes(_) => 0,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(error) => error.fmt(f),
            Self::Request(failure) => f.write_str(&failure.message),
            Self::WrongBytes(refusal) => refusal.fmt(f),
        }
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}
