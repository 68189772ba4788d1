//! Standard output.

use std::io::{ErrorKind, Write};

use stringless_core::report::Outcome;

use crate::error::{Error, Result};

/// Prints to standard output. A reader that stops reading, such as `head`, is not an error.
///
/// # Errors
/// Temporary: the output cannot be written, for example to a full disk.
pub fn print(text: &str) -> Result<Outcome> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::temporary(format!("printing to standard output: {error}")))
        }
        _ => Ok(Outcome::Converged),
    }
}
