//! What the command line asks for, carried out.

pub mod daemon;
pub mod status;
pub mod verify;

use stringless_core::report::Ending;

use crate::args::{Action, Args};
use crate::error::Result;
use crate::output::print;
use crate::session::Session;
use crate::signals::Signals;

/// Carries out the command line.
///
/// # Errors
/// What ended it before there was anything to report.
pub fn run(args: &Args) -> Result<Ending> {
    match &args.action {
        Action::Help => print(&stringless_core::flags::usage()),
        Action::Version => print(&format!("stringless-agent {}\n", env!("CARGO_PKG_VERSION"))),
        Action::Once => {
            let _signals = Signals::take()?;
            Session::open(args)?.once()
        }
        Action::Daemon => daemon::run(&Session::open(args)?),
        Action::Status => status::status(&Session::open(args)?),
        Action::Verify(file) => verify::verify(&Session::open(args)?, file),
    }
}
