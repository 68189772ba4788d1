//! The commands.

mod check;
mod daemon;
mod doctor;
mod status;
mod uninstall;
mod verify;

use stringless_core::report::Outcome;

use crate::args::{Action, Args};
use crate::error::Result;
use crate::output::print;
use crate::session::Session;
use crate::{signals, version};

/// Runs the command of the command line.
///
/// # Errors
/// An error before there was anything to report.
pub fn run(args: &Args) -> Result<Outcome> {
    match &args.action {
        Action::Help => print(&stringless_core::flags::usage()),
        Action::Version => print(&format!("stringless-agent {}\n", version::text())),
        Action::Once => {
            signals::register_for_one_run()?;
            Session::open(args)?.once()
        }
        Action::Daemon => daemon::run(args),
        Action::Check => {
            signals::register_for_one_run()?;
            check::check(&Session::open(args)?)
        }
        Action::Status => status::status(&Session::open(args)?),
        Action::Doctor => doctor::doctor(args),
        Action::Verify(file) => verify::verify(&Session::open(args)?, file),
        Action::Uninstall => uninstall::uninstall(args),
    }
}
