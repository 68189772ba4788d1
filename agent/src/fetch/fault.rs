//! Why a pack could not be fetched from one store.

use stringless_core::refusal::Refusal;

use crate::error::Error;
use crate::store::RequestError;

/// Why a store did not help.
pub enum FetchError {
    /// It is not the store's fault: the disk's, or we are to stop.
    Here(Error),
    /// A request failed.
    RequestError(RequestError),
    /// It sent other bytes: it is not asked again for this pack.
    Wrong(Refusal),
}

impl FetchError {
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::RequestError(trouble) => trouble.is_lasting(),
            Self::Here(_) | Self::Wrong(_) => true,
        }
    }

    pub(super) fn asked_wait(&self) -> u64 {
        match self {
            Self::RequestError(trouble) => trouble.asked_wait(),
            Self::Here(_) | Self::Wrong(_) => 0,
        }
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}
