//! Log lines for people on standard error, which the journal saves.

use crate::error::Error;

/// Logs what the agent is doing.
pub fn info(text: impl std::fmt::Display) {
    line(format_args!("{text}"));
}

/// Logs a warning.
pub fn warn(text: impl std::fmt::Display) {
    line(format_args!("warning: {text}"));
}

/// Logs an error, and its hint on its own line.
pub fn error(error: &Error) {
    line(format_args!("error: {error}"));
    if let Some(hint) = error.hint_text() {
        line(format_args!("hint: {hint}"));
    }
}

/// Writes one line with one call. Errors are ignored: the run continues even if nobody reads the log.
fn line(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let text = format!("stringless-agent: {text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
