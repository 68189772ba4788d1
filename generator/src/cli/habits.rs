//! Commands of other programs that people type by habit, each with the command that does it here.

use std::ffi::OsString;
use std::path::PathBuf;

/// What to type instead of a word that is a command elsewhere; `None` for other words.
#[must_use]
pub fn habit(word: &str) -> Option<&'static str> {
    HABITS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| *hint)
}

/// The first word that is not a flag of the whole program, and the site file of `--site-file`, of a command line
/// that clap did not parse, without the name of the program.
#[must_use]
pub fn first_word(arguments: impl IntoIterator<Item = OsString>) -> (Option<String>, Option<PathBuf>) {
    let (mut arguments, mut word, mut file) = (arguments.into_iter(), None, None);
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        match &*text {
            "-f" | "--site-file" => file = arguments.next().map(PathBuf::from),
            _ if text.starts_with("--site-file=") => file = text.split_once('=').map(|(_, path)| path.into()),
            _ if text.starts_with('-') => {}
            _ => word = word.or(Some(text.into_owned())),
        }
    }
    (word, file)
}

const HABITS: &[(&[&str], &str)] = &[
    (&["plan", "preview"], "`stringless diff` shows what publishing would change"),
    (
        &["apply", "deploy", "release", "push", "upload", "sync"],
        "`stringless publish` publishes; nodes then apply the release by themselves, or at once: `stringless-agent --once` \
         on a node",
    ),
    (
        &["validate", "lint", "test"],
        "`stringless check` checks what is here, `stringless verify` what is published",
    ),
    (
        &["status", "info"],
        "`stringless history` lists the releases, `stringless verify` checks the stores; on a node: `stringless-agent \
         status`",
    ),
    (&["log", "releases"], "`stringless history` lists the releases"),
    (&["undo", "revert"], "`stringless rollback` publishes the content of an earlier release again"),
    (&["user-data", "userdata", "bootstrap"], "`stringless render DISTRO CLOUD` prints user-data"),
    (&["new", "create"], "`stringless init DIR` makes a site"),
    (
        &["install", "puppetfile"],
        "`stringless modules update` locks the modules of a Puppetfile; `stringless build` fetches them",
    ),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn words(line: &str) -> (Option<String>, Option<PathBuf>) {
        first_word(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn each_habit_leads_to_commands_that_exist() {
        let command = Cli::command();
        for (words, hint) in HABITS {
            for word in *words {
                assert!(command.find_subcommand(word).is_none(), "`{word}` is a command");
            }
            for named in hint.split("`stringless ").skip(1) {
                let name = named.split(['`', ' ']).next().unwrap();
                assert!(command.find_subcommand(name).is_some(), "{hint}");
            }
        }
    }

    #[test]
    fn the_first_word_is_found_behind_flags() {
        assert_eq!(words("plan"), (Some("plan".into()), None));
        assert_eq!(words("-f site plan x"), (Some("plan".into()), Some("site".into())));
        assert_eq!(words("plan --site-file=a"), (Some("plan".into()), Some("a".into())));
        assert_eq!(words("--help"), (None, None));
    }
}
