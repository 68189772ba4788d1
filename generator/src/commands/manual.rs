//! `stringless completions` and `stringless man`: both from the definitions of the command line.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::error::{Error, Result};
use crate::output::print;

/// Prints a completion script.
///
/// # Errors
/// When it cannot be written.
pub fn completions(shell: Shell, mut command: Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "stringless", &mut script);
    print::out(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints the manual page, or writes one page per command into `out`.
///
/// # Errors
/// When a page cannot be written.
pub fn man(out: Option<&Path>, mut command: Command) -> Result<u8> {
    command.build();
    let Some(out) = out else {
        print::out(&String::from_utf8_lossy(&page(&command)?))?;
        return Ok(0);
    };
    fs::create_dir_all(out).map_err(|e| Error::io("making", out, e))?;
    clap_mangen::generate_to(command, out).map_err(|e| Error::io("writing", out, e))?;
    Ok(0)
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command.clone())
        .render(&mut text)
        .map_err(|e| Error::temporary(format!("writing the manual: {e}")))?;
    Ok(text)
}
