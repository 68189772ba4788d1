//! Archives on this machine.

use std::fs;
use std::path::Path;

use stringless_core::hash::Sha256;

use super::forge::MAX_ARCHIVE;
use super::tree::quoted;
use crate::error::{Error, Result};

/// Reads an archive.
///
/// # Errors
/// Temporary when there is none; refused when it is not a regular file, or too large.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let there = fs::metadata(path).map_err(|e| {
        Error::temporary(format!("reading `{}`: {e}", path.display()))
            .hint("is the path of the module's line right?")
    })?;
    // Reading a pipe could wait for ever.
    if !there.is_file() || there.len() > MAX_ARCHIVE {
        let message =
            format!("reading `{}`: it is not a regular file of at most {MAX_ARCHIVE} bytes", path.display());
        return Err(Error::refused(message).hint("is the path of the module's line right?"));
    }
    fs::read(path).map_err(|e| Error::io("reading", path, e))
}

/// The hash in the line of a module.
///
/// # Errors
/// When it is not one.
pub fn parse_sha256(text: &str) -> Result<Sha256> {
    Sha256::parse(&text.to_ascii_lowercase()).map_err(|e| {
        Error::configuration(format!("reading the hash `{}`: {e}", quoted(text)))
            .hint("`sha256sum FILE` prints it")
    })
}
