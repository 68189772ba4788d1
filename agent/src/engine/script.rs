//! The `script` engine: runs a file of the release.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use stringless_core::manifest::ScriptEngine;

use super::job::Job;
use crate::error::{Error, Result};

/// The command that runs the release's script.
///
/// # Errors
/// Engine: the file does not exist or is not executable.
pub fn command(script: &ScriptEngine, job: &Job<'_>) -> Result<Command> {
    let path = job.path.join(&script.run);
    let executable = match path.metadata() {
        Ok(meta) => meta.is_file() && meta.permissions().mode() & 0o100 != 0,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(Error::engine(format!("looking at `{}`: {error}", path.display()))),
    };
    if !executable {
        let message =
            format!("running `{}`: not an executable file of release {}", script.run, job.release.serial);
        return Err(Error::engine(message).hint("`chmod +x` it in the source tree, and publish again"));
    }
    Ok(Command::new(path))
}

/// Whether the last line of a script's output says that nothing was changed.
pub fn says_unchanged(output: &str) -> bool {
    let lines = output.strip_suffix('\n').unwrap_or(output);
    lines.rsplit('\n').next() == Some(UNCHANGED)
}

const UNCHANGED: &str = "stringless: unchanged";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_last_line_says_unchanged() {
        for output in ["stringless: unchanged\n", "stringless: unchanged", "looked\nstringless: unchanged\n"]
        {
            assert!(says_unchanged(output), "{output:?}");
        }
        for output in [
            "",
            "\n",
            "unchanged\n",
            "stringless: unchanged\n\n",
            "stringless: unchanged\r\n",
            "stringless: unchanged \n",
            "Stringless: Unchanged\n",
            "file stringless: unchanged\n",
            "stringless: unchanged\nrestarted\n",
        ] {
            assert!(!says_unchanged(output), "{output:?}");
        }
    }
}
