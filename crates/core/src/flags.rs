//! The agent's command line: one table for the parser, the help text and the docs.

use alloc::format;
use alloc::string::String;

use crate::config::config_path;

/// A flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The name without the dashes.
    pub long: &'static str,
    /// The placeholder for its value; `None` for a flag without a value.
    pub value: Option<&'static str>,
    /// The help, one line.
    pub help: &'static str,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Its arguments, as the help shows them.
    pub arguments: &'static str,
    /// The help, one line.
    pub help: &'static str,
}

/// Every flag, in the order of the help text.
pub const FLAGS: &[Flag] = &[
    flag("once", None, "check, fetch, verify and apply once, then exit"),
    flag("daemon", None, "run at each layer's interval until SIGTERM"),
    flag("noop", None, "fetch and verify; the engine only shows what it would do"),
    flag("force", None, "run the engine even if nothing is due"),
    flag("due", None, "with --once: skip layers whose interval is not over yet"),
    flag("environment", Some("E"), "use this environment for this run; SITE/E if several layers"),
    flag("config", Some("FILE"), concat!("the configuration file [", config_path!(), "]")),
    flag("root", Some("DIR"), "use DIR as /; run only an engine that keeps to it"),
    flag("json", None, "print the report or the status as JSON"),
    flag("verbose", None, "-v: log decisions and retries; -vv: each request, too"),
    flag("keep-config", None, "with uninstall: keep the configuration"),
    flag("detailed-exitcodes", None, "exit 2 if something was changed"),
    flag("help", None, "print this text"),
    flag("version", None, "print the version"),
];

/// Every command.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "status",
        arguments: "",
        help: "show what is applied here and the result of the last run",
    },
    Command { name: "check", arguments: "", help: "check every layer, and change nothing" },
    Command {
        name: "doctor",
        arguments: "",
        help: "check what a run needs, and say what to do; changes nothing; exit 0 or 1",
    },
    Command {
        name: "verify",
        arguments: "FILE",
        help: "verify a signed document with the keys that this node trusts",
    },
    Command {
        name: "uninstall",
        arguments: "",
        help: "remove schedule, state, configuration and program; with --noop: show them",
    },
    Command { name: "version", arguments: "", help: "print the version" },
];

const fn flag(long: &'static str, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag { long, value, help }
}

/// The help text.
#[must_use]
pub fn usage() -> String {
    let mut text = String::from("usage: stringless-agent [COMMAND] [FLAGS]\n\ncommands:\n");
    for command in COMMANDS {
        let left = format!("{} {}", command.name, command.arguments);
        text.push_str(&format!("  {left:<22} {}\n", command.help));
    }
    text.push_str("\nflags:\n");
    for flag in FLAGS {
        let left = format!("--{} {}", flag.long, flag.value.unwrap_or_default());
        text.push_str(&format!("  {left:<22} {}\n", flag.help));
    }
    text.push_str("\nexit codes:\n");
    for outcome in crate::report::Outcome::ALL {
        text.push_str(&format!("  {:<22} {}\n", outcome.exit_code(true), outcome.meaning()));
    }
    text
}
