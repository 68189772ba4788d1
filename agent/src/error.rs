//! What went wrong: doing what, to what, why, and how to mend it.

use std::fmt::{self, Write};
use std::path::Path;

use stringless_core::refusal::Refusal;
use stringless_core::report::Ending;

/// An error that ends a layer's run.
#[derive(Clone, Debug)]
pub struct Error {
    /// What kind it is: the exit code follows from it.
    pub ending: Ending,
    message: String,
    hint: Option<String>,
}

/// The result of most functions here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Nothing changed; the next run may succeed.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self { ending: Ending::Temporary, message: message.into(), hint: None }
    }

    /// What came is not trusted.
    pub fn refused(what: impl fmt::Display, refusal: &Refusal) -> Self {
        let message = format!("refusing {what}: {refusal} [{}]", refusal.code());
        Self { ending: Ending::Refused, message, hint: None }
    }

    /// Something stands in the agent's own folders that it did not put there.
    pub fn planted(message: impl Into<String>) -> Self {
        Self { ending: Ending::Refused, message: message.into(), hint: None }
    }

    /// The configuration is at fault.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self { ending: Ending::Configuration, message: message.into(), hint: None }
    }

    /// The command line is at fault.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { ending: Ending::Usage, message: message.into(), hint: None }
    }

    /// The engine failed.
    pub fn engine(message: impl Into<String>) -> Self {
        Self { ending: Ending::EngineFailed, message: message.into(), hint: None }
    }

    /// Puts something before the message.
    pub fn before(mut self, start: &str) -> Self {
        self.message.insert_str(0, start);
        self
    }

    /// Adds to the message.
    pub fn and(mut self, more: impl fmt::Display) -> Self {
        self.message = format!("{}{more}", self.message);
        self
    }

    /// Adds what to do about it.
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
    /// On one line, whatever a store or an archive put into the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

/// Adds the doing and the path to an error of the operating system.
pub trait At<T> {
    /// `doing` is a gerund: `writing`.
    ///
    /// # Errors
    /// A temporary error: a full disk, say. What is live is complete all the same.
    fn at(self, doing: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: fmt::Display> At<T> for std::result::Result<T, E> {
    fn at(self, doing: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|error| Error::temporary(format!("{doing} `{}`: {error}", path.as_ref().display())))
    }
}
