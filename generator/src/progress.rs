//! Progress of long work: bars on a terminal, nothing elsewhere.

use std::env;
use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// Shows progress, or does not.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows progress on standard error, if that is a terminal that can move its cursor.
    #[must_use]
    pub fn new() -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { shown: stderr().is_terminal() && !dumb }
    }

    /// Writes a line to standard error, beside the result of the command.
    pub fn say(&self, text: &str) {
        stderr().lock().write_all(format!("{text}\n").as_bytes()).ok();
    }

    /// A bar for `length` items.
    #[must_use]
    pub fn bar(&self, what: &'static str, length: u64) -> ProgressBar {
        self.styled(what, length, "{msg} {wide_bar} {pos}/{len}")
    }

    /// A bar for `length` bytes.
    #[must_use]
    pub fn bytes(&self, what: &'static str, length: u64) -> ProgressBar {
        self.styled(what, length, "{msg} {wide_bar} {bytes}/{total_bytes}")
    }

    fn styled(self, what: &'static str, length: u64, template: &str) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(length).with_style(style).with_message(what)
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
