//! Prints to standard output, where a closed pipe is not an error; notes and errors to standard error.

use std::env;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::path::Path;

use crate::error::{Error, Result};

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
    check(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// The result of a write to standard output.
///
/// # Errors
/// When it failed, and not because the reader closed its pipe.
pub fn check(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("writing", Path::new("standard output"), e))
        }
        _ => Ok(()),
    }
}

/// Whether standard output is a terminal on which colours are wanted.
#[must_use]
pub fn coloured() -> bool {
    stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a note to standard error.
pub fn note(text: &str) {
    stderr().lock().write_all(format!("{text}\n").as_bytes()).ok();
}

/// Prints an error and its hint to standard error.
pub fn error(error: &Error) {
    let colour = stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (red, cyan, end) = if colour { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{red}error:{end} {error}\n");
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("\n{cyan}hint:{end} {hint}\n"));
    }
    stderr().write_all(text.as_bytes()).ok();
}
