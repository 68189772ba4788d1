//! What people read: lines on standard error, which the journal keeps.

use crate::error::Error;

/// A line about what is being done.
pub fn info(text: impl std::fmt::Display) {
    line(format_args!("{text}"));
}

/// A line about what will need attention.
pub fn warn(text: impl std::fmt::Display) {
    line(format_args!("warning: {text}"));
}

/// An error, and its hint on a line of its own.
pub fn error(error: &Error) {
    line(format_args!("error: {error}"));
    if let Some(hint) = error.hint_text() {
        line(format_args!("hint: {hint}"));
    }
}

/// One write for one line. A reader that went away is no reason to stop.
fn line(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let text = format!("stringless-agent: {text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
