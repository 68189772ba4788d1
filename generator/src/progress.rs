//! Progress of long work: bars on a terminal, silence otherwise.

use std::env;
use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// Where progress goes.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// On standard error, when it is a terminal that understands it.
    #[must_use]
    pub fn new() -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { shown: stderr().is_terminal() && !dumb }
    }

    /// Says something beside the result, to standard error.
    pub fn say(&self, text: &str) {
        stderr().lock().write_all(format!("{text}\n").as_bytes()).ok();
    }

    /// A bar for `length` things.
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
