//! `stringless-agent`: pulls, verifies and applies signed configuration.

use std::process::ExitCode;

use stringless_agent::{args, commands, guard, log};
use stringless_core::report::Outcome;

fn main() -> ExitCode {
    guard::set_up();
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            log::error(&error);
            return ExitCode::from(error.outcome.exit_code(false));
        }
    };
    log::set_level(args.verbose);
    let detailed = args.detailed;
    let outcome = commands::run(&args).unwrap_or_else(|error| {
        log::error(&error);
        error.outcome
    });
    ExitCode::from(Outcome::exit_code(outcome, detailed))
}
