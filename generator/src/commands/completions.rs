//! `stringless completions`, and the values that a shell offers at Tab.

use std::env;

use clap::Command;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use stringless_render::platform::{Encoding, Form, Platforms};
use stringless_render::request::Tool;

use crate::cli::first_word;
use crate::error::{Error, Result};
use crate::output::print;
use crate::site::SiteDir;

/// Prints the completion script of a shell.
///
/// # Errors
/// When the script cannot be written.
pub fn run(shell: Shell) -> Result<u8> {
    let mut script = Vec::new();
    let completer = Shells::builtins();
    let completer = completer
        .completer(&shell.to_string())
        .ok_or_else(|| Error::usage(format!("writing completions: there are none for {shell}")))?;
    completer
        .write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .map_err(|e| Error::temporary(format!("writing completions: {e}")))?;
    print::out(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Answers a completion script: prints what may stand at the cursor, and ends the program. Does nothing when no
/// completion script asks.
pub fn answer(command: impl Fn() -> Command) {
    CompleteEnv::with_factory(|| with_values(command())).var(VARIABLE).complete();
}

/// The command line with what its arguments may be.
fn with_values(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|argument| {
        let candidates = match (argument.get_id().as_str(), name.as_str()) {
            ("distro", _) => ArgValueCandidates::new(distros),
            ("cloud", _) | ("store", "policy") => ArgValueCandidates::new(clouds),
            ("environment", command) if command != "init" => ArgValueCandidates::new(environments),
            ("from", "promote" | "diff") | ("to", "promote") => ArgValueCandidates::new(environments),
            ("form", "render") => ArgValueCandidates::new(|| words(Form::ALL.map(Form::as_str))),
            ("encoding", _) => ArgValueCandidates::new(|| words(Encoding::ALL.map(Encoding::as_str))),
            ("tool", _) => ArgValueCandidates::new(|| words(Tool::ALL.map(Tool::as_str))),
            _ => return argument,
        };
        argument.add(candidates)
    });
    command.mut_subcommands(with_values)
}

fn distros() -> Vec<CompletionCandidate> {
    let platforms = Platforms::embedded().into_iter().flat_map(|platforms| platforms.distros);
    platforms.map(|distro| CompletionCandidate::new(distro.id).help(Some(distro.name.into()))).collect()
}

fn clouds() -> Vec<CompletionCandidate> {
    let platforms = Platforms::embedded().into_iter().flat_map(|platforms| platforms.clouds);
    platforms.map(|cloud| CompletionCandidate::new(cloud.id).help(Some(cloud.name.into()))).collect()
}

/// The environments of the site file, and the branches that were environments at the last build; none where no
/// site file can be read.
fn environments() -> Vec<CompletionCandidate> {
    // The shell hands over the command line behind `--`: the name of the program first.
    let words = env::args_os().skip_while(|word| word != "--").skip(2);
    let file = first_word(words).1.or_else(|| env::var_os("STRINGLESS_SITE_FILE").map(Into::into));
    let site = SiteDir::open(file.as_deref().filter(|file| !file.as_os_str().is_empty()));
    let names = site.into_iter().flat_map(|site| site.site.environments.into_keys());
    names.map(|name| CompletionCandidate::new(name.to_string())).collect()
}

fn words<const N: usize>(words: [&'static str; N]) -> Vec<CompletionCandidate> {
    words.map(CompletionCandidate::new).into()
}

const PROGRAM: &str = "stringless";
/// Set by the completion scripts; it holds the name of the shell.
const VARIABLE: &str = "STRINGLESS_COMPLETE";
