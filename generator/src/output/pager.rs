//! Shows long text on a terminal in a pager, as git does.

use std::env;
use std::io::{IsTerminal, Write, stdout};
use std::process::{Command, Stdio};

use super::print;
use crate::error::Result;

/// Prints `text`; on a terminal in the program of `PAGER`, unless `plain` is set or the terminal is a dumb one.
///
/// # Errors
/// When standard output cannot be written.
pub fn show(text: &str, plain: bool) -> Result<()> {
    let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    if plain || dumb || !stdout().is_terminal() || !paged(text) { print::out(text) } else { Ok(()) }
}

/// Shows `text` in the pager; false if there is none.
fn paged(text: &str) -> bool {
    let pager = env::var("PAGER").unwrap_or_else(|_| "less -R".to_owned());
    if matches!(pager.trim(), "" | "cat") {
        return false;
    }
    // Other programs, too, run `PAGER` as a line of shell. By these switches `less` leaves short text on the screen.
    let mut command = Command::new("sh");
    command.args(["-c", &pager]).stdin(Stdio::piped());
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // Writing fails when the reader leaves the pager early; that is not an error.
        input.write_all(text.as_bytes()).ok();
    }
    // The shell exits with these codes when it cannot run the pager: then nothing was shown.
    !child.wait().is_ok_and(|status| matches!(status.code(), Some(126 | 127)))
}
