//! `stringless man`: the manual pages, made from the definitions of the command line.

use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use stringless_core::flags::{COMMANDS, FLAGS};
use stringless_core::report::Outcome;

use crate::error::{Error, Result};
use crate::output::print;

/// Prints the manual page of the program, or writes one page per command, and that of the agent, into `out`.
///
/// # Errors
/// When a page cannot be written.
pub fn man(out: Option<&Path>, mut command: Command) -> Result<u8> {
    command.build();
    let Some(out) = out else {
        print::out(&String::from_utf8_lossy(&page(&command, "stringless")?))?;
        return Ok(0);
    };
    fs::create_dir_all(out).map_err(|e| Error::io("making", out, e))?;
    pages(&command, "stringless", out)?;
    write(&agent(), AGENT, out)?;
    Ok(0)
}

/// The pages of a command and of the commands below it, but for `help`.
fn pages(command: &Command, name: &str, out: &Path) -> Result<()> {
    // `stringless-agent` is a program, and has a page of its own.
    let title = if name == AGENT { format!("{name}-commands") } else { name.to_owned() };
    write(command, &title, out)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        pages(sub, &format!("{name}-{}", sub.get_name()), out)?;
    }
    Ok(())
}

fn write(command: &Command, title: &str, out: &Path) -> Result<()> {
    let path = out.join(format!("{title}.1"));
    fs::write(&path, page(command, title)?).map_err(|e| Error::io("writing", &path, e))
}

fn page(command: &Command, title: &str) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let command = command.clone().display_name(title.to_owned());
    let man = Man::new(command).title(title.to_owned());
    man.render(&mut text).map_err(|e| Error::temporary(format!("writing the manual: {e}")))?;
    Ok(text)
}

/// The agent's command line, from the table that its own parser uses.
fn agent() -> Command {
    let flags = FLAGS.iter().map(|flag| {
        let argument = Arg::new(flag.long).long(flag.long).help(flag.help);
        match flag.value {
            Some(value) => argument.value_name(value),
            None => argument.action(ArgAction::SetTrue),
        }
    });
    let mut text = String::from("Commands:\n");
    for command in COMMANDS {
        let words = format!("{} {}", command.name, command.arguments);
        text.push_str(&format!("  {words:<14} {}\n", command.help));
    }
    text.push_str("\nExit codes:\n");
    for outcome in Outcome::ALL {
        text.push_str(&format!("  {:<4} {}\n", outcome.exit_code(true), outcome.meaning()));
    }
    Command::new(AGENT)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Fetches, verifies and applies the releases that `stringless` publishes, on a node")
        .override_usage(format!("{AGENT} [COMMAND] [FLAGS]"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(flags)
        .after_help(text)
}

const AGENT: &str = "stringless-agent";
