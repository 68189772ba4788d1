//! The generator's one error type: what was being done, to what, and why it failed; then a hint that says how to
//! fix it.

use std::fmt::Display;
use std::path::Path;

use stringless_core::fault::Fault;
use stringless_core::json::HeadError;
use stringless_core::refusal::Refusal;
use stringless_core::report::Outcome;
use stringless_render::agent_lock;
use stringless_render::choice::Failure;

/// An error with its hint and exit code. The message is `gerund object: cause`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    kind: Kind,
}

/// The kind of an error. It decides the exit code, and which of several errors is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line asks for something impossible (exit 64).
    Usage,
    /// The site, the source tree or the settings of this machine cannot be used as they are (exit 78).
    Configuration,
    /// Something is not trusted, or may not be published (exit 3).
    Refused,
    /// The same command may succeed later, or with another server (exit 1).
    Temporary,
}

impl Kind {
    /// The order in which the errors of one command are reported: the highest first. A sign of tampering must not
    /// be hidden by another store that does not answer or lacks credentials.
    #[must_use]
    pub fn gravity(self) -> u8 {
        match self {
            Self::Temporary => 0,
            Self::Usage => 1,
            Self::Configuration => 2,
            Self::Refused => 3,
        }
    }

    /// The graver of the two.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    /// The exit code, from the table that the agent uses, too.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        let outcome = match self {
            Self::Usage => Outcome::Usage,
            Self::Configuration => Outcome::Configuration,
            Self::Refused => Outcome::Refused,
            Self::Temporary => Outcome::Temporary,
        };
        outcome.exit_code(false)
    }
}

/// A result of the generator.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of kind [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An error of kind [`Kind::Configuration`].
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// An error of kind [`Kind::Refused`].
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// The fault as an error of kind [`Kind::Refused`]: the faulty data came from outside the site.
    pub fn refused_fault(fault: Fault) -> Self {
        Self { hint: fault.hint, ..Self::refused(fault.message) }
    }

    /// The fault as an error of kind [`Kind::Usage`]: the command line names something that does not exist.
    pub fn usage_fault(fault: Fault) -> Self {
        Self { hint: fault.hint, ..Self::usage(fault.message) }
    }

    /// An error of kind [`Kind::Temporary`].
    pub fn temporary(message: impl Into<String>) -> Self {
        Self::new(Kind::Temporary, message)
    }

    /// A file could not be read or written. `doing` is a gerund, such as `reading`.
    pub fn io(doing: &str, path: &Path, cause: impl Display) -> Self {
        Self::temporary(format!("{doing} `{}`: {cause}", path.display()))
    }

    /// The code that also runs on nodes refuses `object`.
    pub fn refusal(doing: &str, object: impl Display, refusal: &Refusal) -> Self {
        Self::refused(format!("{doing} {object}: {refusal}"))
    }

    /// A file of this program is for a newer version of it.
    pub fn newer(doing: impl Display, error: HeadError) -> Self {
        agent_lock::newer(&doing.to_string(), error).into()
    }

    /// Adds a hint: the key, flag or command that fixes the error.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error without its hint.
    #[must_use]
    pub fn without_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    /// Puts `object` before the message, as in `module `ntp`: …`.
    #[must_use]
    pub fn of(mut self, object: &str) -> Self {
        self.message = format!("{object}: {}", self.message);
        self
    }

    /// The hint, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the kind is [`Kind::Refused`].
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// The exit code of its kind.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.kind.exit_code()
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

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Choice(fault) => Self::usage_fault(fault),
            Failure::Site(fault) => fault.into(),
        }
    }
}
