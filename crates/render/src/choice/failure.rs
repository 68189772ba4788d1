//! Why nothing is rendered.

use stringless_core::fault::Fault;

/// Why nothing is rendered, by what is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The choices: they name something that does not exist, or that does not fit together.
    #[error("{0}")]
    Choice(Fault),
    /// The site, its files, or what was chosen for them.
    #[error("{0}")]
    Site(#[from] Fault),
}

impl Failure {
    /// The message and the hint.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Choice(fault) | Self::Site(fault) => fault,
        }
    }
}
