//! `stringless-agent`: pulls, verifies and applies signed configuration.

use std::process::ExitCode;

use stringless_agent::{args, commands, log};
use stringless_core::report::Ending;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            log::error(&error);
            return ExitCode::from(error.ending.exit_code(false));
        }
    };
    let detailed = args.detailed;
    let ending = commands::run(&args).unwrap_or_else(|error| {
        log::error(&error);
        error.ending
    });
    ExitCode::from(Ending::exit_code(ending, detailed))
}
