//! The generator's one error: what was being done, to what, why; then what mends it.

use std::fmt::Display;
use std::path::Path;

use stringless_core::fault::Fault;
use stringless_core::refusal::Refusal;
use stringless_core::report::Outcome;

/// An error with its hint and exit code. The message is `gerund object: cause`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    kind: Kind,
}

/// What went wrong, in kind: it decides the exit code, and which of several errors is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line cannot be carried out as it stands.
    Usage,
    /// The site, the source tree or the settings of this machine cannot be used as they are.
    Configuration,
    /// Something is not trusted, or may not be published.
    Refused,
    /// It may work at another time, or with another server.
    Temporary,
}

impl Kind {
    /// How grave it is beside other errors of one command: a sign of tampering must not be hidden by a store that
    /// does not answer, nor by one that has no credentials.
    #[must_use]
    pub fn gravity(self) -> u8 {
        match self {
            Self::Temporary => 0,
            Self::Usage => 1,
            Self::Configuration => 2,
            Self::Refused => 3,
        }
    }
}

/// A result of the generator.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The command line asks for what cannot be (exit 64).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The site, the source tree or this machine's settings are not usable as they are (exit 78).
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// Something is not trusted, or may not be published (exit 3).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// A fault that nobody's settings excuse: it came from elsewhere, and is refused (exit 3).
    pub fn refused_fault(fault: Fault) -> Self {
        Self { hint: fault.hint, ..Self::refused(fault.message) }
    }

    /// Another time, or against another server, it may work (exit 1).
    pub fn temporary(message: impl Into<String>) -> Self {
        Self::new(Kind::Temporary, message)
    }

    /// A file could not be read or written: `doing` is the gerund.
    pub fn io(doing: &str, path: &Path, cause: impl Display) -> Self {
        Self::temporary(format!("{doing} `{}`: {cause}", path.display()))
    }

    /// The node's own code refuses `object`.
    pub fn refusal(doing: &str, object: impl Display, refusal: &Refusal) -> Self {
        Self::refused(format!("{doing} {object}: {refusal}"))
    }

    /// Adds what mends it: a key, a flag, a command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, about `object`: its message goes before.
    #[must_use]
    pub fn of(mut self, object: &str) -> Self {
        self.message = format!("{object}: {}", self.message);
        self
    }

    /// What mends it, if something is known to.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What went wrong, in kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is a refusal.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// The exit code, from the one table that the agent shares.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let outcome = match self.kind {
            Kind::Usage => Outcome::Usage,
            Kind::Configuration => Outcome::Configuration,
            Kind::Refused => Outcome::Refused,
            Kind::Temporary => Outcome::Temporary,
        };
        outcome.exit_code(false)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, kind }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let error = Self::configuration(fault.message);
        match fault.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
