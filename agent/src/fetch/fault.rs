//! Why a pack could not be fetched from one store.

use stringless_core::refusal::Refusal;

use crate::error::Error;
use crate::store::Trouble;

/// Why a store did not help.
pub enum Fault {
    /// It is not the store's fault: the disk's, or we are to stop.
    Here(Error),
    /// A request failed.
    Trouble(Trouble),
    /// It sent other bytes: it is not asked again for this pack.
    Wrong(Refusal),
}

impl Fault {
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Trouble(trouble) => trouble.is_lasting(),
            Self::Here(_) | Self::Wrong(_) => true,
        }
    }

    pub(super) fn asked_wait(&self) -> u64 {
        match self {
            Self::Trouble(trouble) => trouble.asked_wait(),
            Self::Here(_) | Self::Wrong(_) => 0,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}
