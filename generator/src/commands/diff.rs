//! `stringless diff`.

use std::path::Path;

use crate::cli::DiffArgs;
use crate::error::{Error, Result};

/// Not there yet.
///
/// # Errors
/// Always.
pub fn run(_site: Option<&Path>, _args: &DiffArgs) -> Result<u8> {
    Err(Error::usage("running `diff`: it is not there yet"))
}
