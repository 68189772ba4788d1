//! Standard output.

use stringless_core::report::Ending;

use crate::error::Result;

/// Prints to standard output. A reader that went away is no reason to fail.
pub fn print(text: &str) -> Result<Ending> {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Ending::Converged)
}
