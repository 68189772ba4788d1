//! The generator's one error: what was being done, to what, why; then what mends it.

use std::fmt::Display;
use std::path::Path;

use stringless_core::fault::Fault;
use stringless_core::refusal::Refusal;
use stringless_core::report::Ending;

/// An error with its hint and exit code. The message is `gerund object: cause`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    ending: Ending,
}

/// A result of the generator.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The command line asks for what cannot be (exit 64).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Ending::Usage, message)
    }

    /// The site, the source tree or this machine's settings are not usable as they are (exit 78).
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Ending::Configuration, message)
    }

    /// Something is not trusted, or may not be published (exit 3).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Ending::Refused, message)
    }

    /// A fault that nobody's settings excuse: it came from elsewhere, and is refused (exit 3).
    pub fn refused_fault(fault: Fault) -> Self {
        Self { hint: fault.hint, ..Self::refused(fault.message) }
    }

    /// Another time, or against another server, it may work (exit 1).
    pub fn temporary(message: impl Into<String>) -> Self {
        Self::new(Ending::Temporary, message)
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

    /// The exit code, of the one table that the agent shares.
    pub fn exit_code(&self) -> u8 {
        self.ending.exit_code(false)
    }

    fn new(ending: Ending, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, ending }
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
