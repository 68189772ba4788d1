//! `stringless-agent`: pulls, verifies and applies signed configuration.

use std::process::ExitCode;

use agent::{args, command, log};
use agent_core::outcome::Ending;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            log::error(&error);
            return ExitCode::from(error.ending.exit_code(false));
        }
    };
    let detailed = args.detailed;
    let ending = command::run(&args).unwrap_or_else(|error| {
        log::error(&error);
        error.ending
    });
    ExitCode::from(Ending::exit_code(ending, detailed))
}
