//! Log lines for people on standard error, which the journal saves.

use std::fmt::{Arguments, Display};
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// How much is logged besides the usual lines: 0 nothing, 1 (`-v`) decisions and retries, 2 (`-vv`) each request.
static LEVEL: AtomicU8 = AtomicU8::new(0);
static SECRETS: Mutex<Secrets> = Mutex::new(Secrets { lasting: Vec::new(), passing: Vec::new() });

/// The texts that no line may show.
struct Secrets {
    /// Those of the configuration.
    lasting: Vec<String>,
    /// Those that other ones replace after some hours, the newest at the end: a daemon sees many of them.
    passing: Vec<String>,
}

/// Sets how much is logged: the number of `-v`.
pub fn set_level(level: u8) {
    LEVEL.store(level, Ordering::Relaxed);
}

/// Adds texts that no line may show.
pub fn hide(texts: impl IntoIterator<Item = String>) {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    add(&mut secrets.lasting, texts);
}

/// Adds texts that no line may show while they are in use. Keys of a role are known only while the agent runs.
pub fn hide_for_now(texts: impl IntoIterator<Item = String>) {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    add(&mut secrets.passing, texts);
    let old = secrets.passing.len().saturating_sub(MAX_PASSING);
    secrets.passing.drain(..old);
}

fn add(secrets: &mut Vec<String>, texts: impl IntoIterator<Item = String>) {
    for text in texts {
        if !text.is_empty() && !secrets.contains(&text) {
            secrets.push(text);
        }
    }
}

/// The text without secrets.
pub fn masked(text: &str) -> String {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<&str> = secrets.lasting.iter().chain(&secrets.passing).map(String::as_str).collect();
    // One may be a part of another.
    all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    all.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "********"))
}

/// Logs what the agent is doing.
pub fn info(text: impl Display) {
    line(format_args!("{text}"));
}

/// Logs a warning.
pub fn warn(text: impl Display) {
    line(format_args!("warning: {text}"));
}

/// Logs an error, and its hint on its own line.
pub fn error(error: &Error) {
    line(format_args!("error: {error}"));
    if let Some(hint) = error.hint_text() {
        line(format_args!("hint: {hint}"));
    }
}

/// Logs a decision or a retry, with `-v`.
pub fn step(text: Arguments<'_>) {
    verbose(1, text);
}

/// Logs a request, with `-vv`.
pub fn detail(text: Arguments<'_>) {
    verbose(2, text);
}

/// Logs the result of a run that had nothing to do: for a person who looks, not for the mail of cron.
pub fn idle(text: Arguments<'_>) {
    if LEVEL.load(Ordering::Relaxed) > 0 || stderr().is_terminal() {
        line(text);
    }
}

/// Such a line holds texts of servers, so control characters are escaped.
fn verbose(level: u8, text: Arguments<'_>) {
    if LEVEL.load(Ordering::Relaxed) >= level {
        let text = text.to_string();
        let plain: String = text
            .chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
            .collect();
        line(format_args!("{plain}"));
    }
}

/// Writes one line with one call. Errors are ignored: the run continues even if nobody reads the log.
fn line(text: Arguments<'_>) {
    let text = masked(&format!("stringless-agent: {text}\n"));
    let _ = stderr().write_all(text.as_bytes());
}

/// The keys of some days.
const MAX_PASSING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_shows_a_secret() {
        hide(["hidden-1".to_owned(), "hidden-1-and-more".to_owned(), String::new()]);
        assert_eq!(masked("key hidden-1-and-more, hidden-1."), "key ********, ********.");
        assert_eq!(masked("nothing here"), "nothing here");
    }
}
