//! `stringless-agent`: pulls, verifies and applies signed configuration.

mod args;
mod checkpoint;
mod clock;
mod command;
mod creds;
mod daemon;
mod disk;
mod engine;
mod error;
mod fetch;
mod flow;
mod http;
mod imds;
mod io;
mod log;
mod node;
mod release;
mod source;
mod status;
mod stop;
mod tls;
mod trust;
mod unpack;

use std::process::ExitCode;

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
