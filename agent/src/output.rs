//! Standard output.

use stringless_core::report::Outcome;

use crate::error::Result;

/// Prints to standard output. Errors are ignored: a command does not fail because nobody reads its output.
pub fn print(text: &str) -> Result<Outcome> {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Outcome::Converged)
}
