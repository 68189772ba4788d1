//! Parses the command line with the table in `stringless_core::flags`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, ValueExt};
use stringless_core::flags::{COMMANDS, FLAGS};
use stringless_core::name::Name;
use stringless_core::suggest::nearest;

use crate::error::{Error, Result};

/// The variable that hands the schedule of a daemon over to the agent that it becomes.
pub const SCHEDULE: &str = "STRINGLESS_SCHEDULE";

/// The parsed command line.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// What to do.
    pub action: Action,
    /// `--noop`
    pub noop: bool,
    /// `--force`
    pub force: bool,
    /// `--json`
    pub json: bool,
    /// `--detailed-exitcodes`
    pub detailed: bool,
    /// `--keep-config`
    pub keep_config: bool,
    /// `--due`
    pub due: bool,
    /// `--environment`: the site, if one was given, and the environment.
    pub environments: Vec<(Option<Name>, Name)>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--root`
    pub root: Option<PathBuf>,
    /// How often `-v` or `--verbose` was given.
    pub verbose: u8,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Print the usage text.
    #[default]
    Help,
    /// Print the version.
    Version,
    /// Run once.
    Once,
    /// Run until SIGTERM.
    Daemon,
    /// Check every layer without changing anything.
    Check,
    /// Show what is applied here.
    Status,
    /// Look at everything that a run needs.
    Doctor,
    /// Verify a file.
    Verify(PathBuf),
    /// Remove the installation.
    Uninstall,
}

impl Action {
    /// Whether it works on the layers of the configuration.
    pub fn is_run(&self) -> bool {
        matches!(self, Self::Once | Self::Daemon | Self::Check)
    }

    /// Whether it asks stores.
    pub fn uses_network(&self) -> bool {
        self.is_run() || *self == Self::Doctor
    }
}

/// Parses the whole command line, the program's name first.
///
/// # Errors
/// Usage errors, with the nearest valid flag or command.
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Args> {
    let mut parser = lexopt::Parser::from_iter(argv);
    let mut args = Args::default();
    let mut action: Option<Action> = None;
    while let Some(arg) = parser.next().map_err(|error| usage(error.to_string()))? {
        let next = match arg {
            Arg::Long(name) => {
                let name = name.to_owned();
                flag(&name, &mut parser, &mut args)?
            }
            Arg::Short('h') => Some(Action::Help),
            Arg::Short('V') => Some(Action::Version),
            Arg::Short('v') => {
                args.verbose = args.verbose.saturating_add(1);
                None
            }
            Arg::Short(letter) => return Err(usage(format!("unknown flag `-{letter}`"))),
            Arg::Value(word) if action == Some(Action::Verify(PathBuf::new())) => {
                action = None;
                Some(Action::Verify(word.into()))
            }
            Arg::Value(word) => Some(command(&word.to_string_lossy())?),
        };
        match (next, &action) {
            // `--help` works with any other argument.
            (Some(Action::Help), _) => return Ok(Args { action: Action::Help, ..args }),
            (Some(next), None) => action = Some(next),
            (Some(_), Some(_)) => {
                return Err(usage("expected only one command, `--once` or `--daemon`".into()));
            }
            (None, _) => {}
        }
    }
    args.action = action.ok_or_else(|| usage("expected a command, `--once` or `--daemon`".into()))?;
    match &args.action {
        action if args.due && *action != Action::Once => {
            Err(usage("`--due` works only with `--once`".into()))
        }
        action if args.keep_config && *action != Action::Uninstall => {
            Err(usage("`--keep-config` works only with `uninstall`".into()))
        }
        Action::Daemon if args.force => Err(usage("`--force` works only with `--once`".into())),
        Action::Verify(file) if file.as_os_str().is_empty() => Err(usage("`verify` needs a FILE".into())),
        _ => Ok(args),
    }
}

fn flag(name: &str, parser: &mut lexopt::Parser, args: &mut Args) -> Result<Option<Action>> {
    let known = FLAGS.iter().find(|flag| flag.long == name);
    let Some(known) = known else {
        let words = FLAGS.iter().map(|flag| flag.long);
        return Err(usage(format!("unknown flag `--{name}`{}", suggestion(name, words, "--"))));
    };
    let value = match known.value {
        Some(_) => parser.value().map_err(|error| usage(error.to_string()))?,
        None => OsString::new(),
    };
    match name {
        "once" => return Ok(Some(Action::Once)),
        "daemon" => return Ok(Some(Action::Daemon)),
        "help" => return Ok(Some(Action::Help)),
        "version" => return Ok(Some(Action::Version)),
        "noop" => args.noop = true,
        "force" => args.force = true,
        "due" => args.due = true,
        "keep-config" => args.keep_config = true,
        "json" => args.json = true,
        "verbose" => args.verbose = args.verbose.saturating_add(1),
        "detailed-exitcodes" => args.detailed = true,
        "config" => args.config = Some(value.into()),
        "root" => args.root = Some(value.into()),
        "environment" => {
            let text = value.string().map_err(|error| usage(error.to_string()))?;
            let name = |text| Name::new(text).map_err(|error| usage(format!("--environment: {error}")));
            let (site, environment) = match text.split_once('/') {
                Some((site, environment)) => (Some(name(site)?), environment),
                None => (None, &*text),
            };
            args.environments.push((site, name(environment)?));
        }
        other => return Err(usage(format!("flag `--{other}` has no code"))),
    }
    Ok(None)
}

fn command(word: &str) -> Result<Action> {
    match word {
        "check" => Ok(Action::Check),
        "status" => Ok(Action::Status),
        "doctor" => Ok(Action::Doctor),
        "verify" => Ok(Action::Verify(PathBuf::new())),
        "uninstall" => Ok(Action::Uninstall),
        "version" => Ok(Action::Version),
        "help" => Ok(Action::Help),
        _ => {
            let words = COMMANDS.iter().map(|command| command.name);
            Err(usage(format!("unknown command `{word}`{}", suggestion(word, words, ""))))
        }
    }
}

fn suggestion<'a>(word: &str, valid: impl Iterator<Item = &'a str>, dashes: &str) -> String {
    let list: Vec<_> = valid.map(|word| format!("`{word}`")).collect();
    let text = format!("unknown field `{word}`, expected one of {}", list.join(", "));
    nearest(&text).map(|word| format!("; did you mean `{dashes}{word}`?")).unwrap_or_default()
}

fn usage(message: String) -> Error {
    Error::usage(message).hint("`stringless-agent --help` lists commands and flags")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn help_works_with_every_command() {
        for line in ["agent --help", "agent status --help", "agent verify --help", "agent --once -h"] {
            assert_eq!(parsed(line).unwrap().action, Action::Help, "{line}");
        }
    }

    #[test]
    fn every_flag_in_the_table_is_parsed() {
        for flag in FLAGS {
            let value = flag.value.map(|_| " x").unwrap_or_default();
            let line = format!("agent --{}{value}", flag.long);
            match parsed(&line) {
                Ok(_) => {}
                Err(error) => assert!(error.to_string().contains("expected a command"), "{line}: {error}"),
            }
        }
        for command in COMMANDS {
            assert!(parsed(format!("agent {} {}", command.name, command.arguments).trim_end()).is_ok());
        }
    }

    #[test]
    fn every_v_logs_more() {
        for (line, level) in
            [("--once", 0), ("-v --once", 1), ("--once -vv", 2), ("--verbose -v --daemon", 2)]
        {
            assert_eq!(parsed(&format!("agent {line}")).unwrap().verbose, level, "{line}");
        }
    }

    #[test]
    fn refuses_with_a_suggestion() {
        let error = |line| parsed(line).unwrap_err().to_string();
        assert!(error("agent --onse").contains("did you mean `--once`"));
        assert!(error("agent statsu").contains("did you mean `status`"));
        assert!(error("agent --once --daemon").contains("expected only one"));
        assert!(error("agent --noop").contains("expected a command"));
        assert!(error("agent verify").contains("needs a FILE"));
        assert!(error("agent --daemon --force").contains("only with `--once`"));
        for bad in ["../x", "a/b/c", "/b", "a/", "a/.b"] {
            let line = format!("agent --once --environment {bad}");
            assert!(parsed(&line).unwrap_err().to_string().contains("--environment: name"), "{line}");
        }
        assert!(error("agent --daemon --due").contains("only with `--once`"));
        assert!(error("agent --once --keep-config").contains("only with `uninstall`"));
        assert!(error("agent --config").contains("missing argument"));
    }
}
