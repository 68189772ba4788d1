//! The agent's command line: one table for the parser, the usage text and the docs.

use alloc::format;
use alloc::string::String;

use crate::config::config_path;

/// A flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub long: &'static str,
    /// What its value is called, for flags that take one.
    pub value: Option<&'static str>,
    /// One line.
    pub help: &'static str,
}

/// A word that may stand first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The word.
    pub name: &'static str,
    /// What follows it.
    pub arguments: &'static str,
    /// One line.
    pub help: &'static str,
}

/// Every flag, in the order of the usage text.
pub const FLAGS: &[Flag] = &[
    flag("once", None, "check, fetch, verify, apply once, and exit"),
    flag("daemon", None, "run at the layers' intervals until SIGTERM"),
    flag("noop", None, "fetch and verify; let the engine only say what it would do"),
    flag("force", None, "run the engine now, due or not"),
    flag("due", None, "with --once: pass over layers whose interval has not passed"),
    flag("environment", Some("E"), "use this environment for this run; of several layers, SITE/E"),
    flag("config", Some("FILE"), concat!("the configuration [", config_path!(), "]")),
    flag("root", Some("DIR"), "a folder that stands for /: configuration and state are below it"),
    flag("json", None, "print the report, or the status, as JSON"),
    flag("detailed-exitcodes", None, "exit 2 when something was changed"),
    flag("help", None, "print this text"),
    flag("version", None, "print the version"),
];

/// Every command.
pub const COMMANDS: &[Command] = &[
    Command { name: "status", arguments: "", help: "say what runs here, and how the last run ended" },
    Command { name: "verify", arguments: "FILE", help: "verify a signed document with this node's trust" },
    Command { name: "version", arguments: "", help: "print the version" },
];

const fn flag(long: &'static str, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag { long, value, help }
}

/// The usage text.
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
    for ending in crate::report::Ending::ALL {
        text.push_str(&format!("  {:<22} {}\n", ending.exit_code(true), ending.meaning()));
    }
    text
}
