//! `check`: whether this agent can work here. Reads configuration and state, asks the stores of every layer, and
//! verifies what they send. Changes nothing, and takes no lock.

use stringless_core::report::Outcome;

use crate::error::Result;
use crate::log;
use crate::output::print;
use crate::session::Session;

/// Checks every layer, and prints a line for each that is fine.
///
/// # Errors
/// Configuration: the record of upgrades cannot be read. What is wrong with a layer is logged; the worst outcome counts.
pub fn check(session: &Session<'_>) -> Result<Outcome> {
    crate::upgrade::read(&session.io.disk)?;
    let mut worst = Outcome::Converged;
    for (layer, checked) in session.probe() {
        match checked {
            Ok(serial) => print(&format!("{layer}: release {serial} is fine\n")).map(drop)?,
            Err(error) => {
                log::error(&error);
                worst = worst.max(error.outcome);
            }
        }
    }
    Ok(worst)
}
