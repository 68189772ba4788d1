//! What commands print: to standard output, where a closed pipe is no error.

use std::env;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};

/// The version of what `--json` prints; the `format` of each object.
pub const JSON_FORMAT: u32 = 1;

/// Prints `text` to standard output.
///
/// # Errors
/// When it cannot be written.
pub fn out(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

/// Prints bytes to standard output.
///
/// # Errors
/// When they cannot be written.
pub fn bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("writing", Path::new("standard output"), e))
        }
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON.
///
/// # Errors
/// When it cannot be written.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| Error::temporary(format!("writing JSON: {e}")))?;
    out(&format!("{text}\n"))
}

/// Whether standard output is a terminal on which colours are wanted.
#[must_use]
pub fn coloured() -> bool {
    stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Says something beside the result, to standard error.
pub fn note(text: &str) {
    stderr().lock().write_all(format!("{text}\n").as_bytes()).ok();
}
