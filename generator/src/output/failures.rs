//! The errors of a command that goes on after an error. Each is printed at once; the gravest decides the exit code.

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;

use super::print;
use crate::error::{Error, Kind, Result};

/// The errors so far.
#[derive(Debug, Default)]
pub struct Failures {
    all: Vec<Failure>,
    worst: Option<Kind>,
}

/// One error, for `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// The environment that it concerns; null if it concerns all of them.
    environment: Option<Name>,
    /// What was being done, to what, and why it failed.
    message: String,
    /// What to do.
    hint: Option<String>,
}

impl Failures {
    /// Prints `error` on standard error, and remembers it. A hint that was printed before is not printed again.
    pub fn add(&mut self, environment: Option<&Name>, error: Error) {
        let failure = Failure {
            environment: environment.cloned(),
            message: error.to_string(),
            hint: error.hint_text().map(str::to_owned),
        };
        self.worst = Some(self.worst.map_or(error.kind(), |worst| worst.graver(error.kind())));
        let repeated = self.all.iter().any(|before| before.hint == failure.hint);
        let error = match environment {
            Some(name) => error.of(&format!("environment `{name}`")),
            None => error,
        };
        print::error(&if repeated { error.without_hint() } else { error });
        self.all.push(failure);
    }

    /// As [`Failures::add`], for errors of several environments.
    pub fn add_all(&mut self, errors: Vec<(Name, Error)>) {
        errors.into_iter().for_each(|(name, error)| self.add(Some(&name), error));
    }

    /// Prints `text` on standard output. If that is impossible, it is an error, which is added once; the command goes on.
    pub fn print(&mut self, text: &str) {
        if let Err(error) = print::out(text) {
            let message = error.to_string();
            if self.all.iter().all(|before| before.message != message) {
                self.add(None, error);
            }
        }
    }

    /// Whether there was no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The errors, in the order in which they happened.
    #[must_use]
    pub fn list(&self) -> &[Failure] {
        &self.all
    }

    /// Ends the command with the exit code of the gravest error; without errors, as `end` says.
    ///
    /// # Errors
    /// The error of `end`, if it is the only one.
    pub fn finish(mut self, end: Result<u8>) -> Result<u8> {
        if self.is_empty() {
            return end;
        }
        if let Err(error) = end {
            self.add(None, error);
        }
        Ok(self.worst.map_or(0, Kind::exit_code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_error_decides_the_exit_code() {
        let name = Name::new("a").unwrap();
        let end = |errors: Vec<Error>, end: Result<u8>| {
            let mut failures = Failures::default();
            errors.into_iter().for_each(|error| failures.add(Some(&name), error));
            failures.finish(end).map_err(|error| error.exit_code())
        };
        let (temporary, refused) = (|| Error::temporary("t"), || Error::refused("r"));
        assert_eq!(end(vec![], Ok(2)), Ok(2));
        assert_eq!(end(vec![], Err(temporary())), Err(1));
        assert_eq!(end(vec![temporary()], Ok(0)), Ok(1));
        assert_eq!(end(vec![temporary(), refused(), Error::configuration("c")], Ok(0)), Ok(3));
        assert_eq!(end(vec![temporary()], Err(refused())), Ok(3));
    }
}
