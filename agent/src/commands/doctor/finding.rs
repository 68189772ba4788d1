//! An error of the agent's own code as a finding.

use stringless_core::diagnosis::Finding;

use crate::error::Error;

/// The error with its hint, or else with this one.
pub fn error(check: &'static str, error: &Error, hint: &str) -> Finding {
    Finding::failure(check, error.to_string(), error.hint_text().unwrap_or(hint))
}
