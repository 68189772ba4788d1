//! `stringless check`.

use std::path::Path;

use crate::cli::CheckArgs;
use crate::error::{Error, Result};

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_site: Option<&Path>, _args: &CheckArgs) -> Result<u8> {
    Err(Error::usage("running `check`: it is not there yet"))
}
