//! Errors: gerund, object, cause, and a hint on what to do.

use std::fmt::{self, Write};
use std::io;
use std::path::Path;

use stringless_core::refusal::Refusal;
use stringless_core::report::Outcome;

/// An error that ends a layer's run.
#[derive(Clone, Debug)]
pub struct Error {
    /// The kind of error, which decides the exit code.
    pub outcome: Outcome,
    message: String,
    hint: Option<String>,
}

/// The result of most functions here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Nothing changed; the next run may succeed.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Temporary, message: message.into(), hint: None }
    }

    /// The fetched data is not trusted.
    pub fn refused(what: impl fmt::Display, refusal: &Refusal) -> Self {
        let message = format!("refusing {what}: {refusal} [{}]", refusal.code());
        Self { outcome: Outcome::Refused, message, hint: None }
    }

    /// Somebody else changed one of the agent's own folders.
    pub fn tampered(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, message: message.into(), hint: None }
    }

    /// The configuration is at fault.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Configuration, message: message.into(), hint: None }
    }

    /// The command line is at fault.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Usage, message: message.into(), hint: None }
    }

    /// The engine failed.
    pub fn engine(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::EngineFailed, message: message.into(), hint: None }
    }

    /// The same error with another outcome.
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// Adds text before the message.
    pub fn prefix(mut self, start: &str) -> Self {
        self.message.insert_str(0, start);
        self
    }

    /// Adds text after the message.
    pub fn append(mut self, more: impl fmt::Display) -> Self {
        self.message = format!("{}{more}", self.message);
        self
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    /// The message on one line, even if a store or an archive put control characters into it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

/// Adds the action and the path to an error of the operating system.
pub trait At<T> {
    /// `doing` is a gerund: `writing`.
    ///
    /// # Errors
    /// A temporary error, for example a full disk. The live release stays complete.
    fn at(self, doing: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, doing: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|error| {
            let error: io::Error = error.into();
            let failed = Error::temporary(format!("{doing} `{}`: {error}", path.as_ref().display()));
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            if denied && !rustix::process::geteuid().is_root() { failed.hint(AS_ROOT) } else { failed }
        })
    }
}

/// The hint for another user than root.
pub const AS_ROOT: &str = "the agent's files belong to root: run it as root, for example with sudo";
