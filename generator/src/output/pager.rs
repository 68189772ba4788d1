//! Long text on a terminal: through the pager, as people know it from git.

use std::env;
use std::io::{IsTerminal, Write, stdout};
use std::process::{Command, Stdio};

use super::print;
use crate::error::Result;

/// Prints `text`; on a terminal through `PAGER`, unless `plainly` or the terminal does not know how.
///
/// # Errors
/// When standard output cannot be written.
pub fn show(text: &str, plainly: bool) -> Result<()> {
    let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    if plainly || dumb || !stdout().is_terminal() || !paged(text) { print::out(text) } else { Ok(()) }
}

/// Whether a pager showed it.
fn paged(text: &str) -> bool {
    let pager = env::var("PAGER").unwrap_or_else(|_| "less -R".to_owned());
    if matches!(pager.trim(), "" | "cat") {
        return false;
    }
    // It is a line of shell wherever it is read. Short text stays on the screen, by `less`'s own switches.
    let mut command = Command::new("sh");
    command.args(["-c", &pager]).stdin(Stdio::piped());
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // It ends when its reader has seen enough.
        input.write_all(text.as_bytes()).ok();
    }
    // What the shell says when there is no such program: nothing was shown then.
    !child.wait().is_ok_and(|status| matches!(status.code(), Some(126 | 127)))
}
