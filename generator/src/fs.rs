//! Atomic file writes.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file atomically: readers see the old content or all of `bytes`, even after a power failure.
///
/// # Errors
/// When it cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, OWN)
}

/// Writes a file atomically that others may read, as far as the umask allows it.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_public(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, PUBLIC)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file =
            tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        // Sync before the rename: otherwise, after a power failure, the file may have the right size and wrong
        // content.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|e| Error::io("writing", path, e))
}

/// The mode of a file that only its owner reads.
const OWN: u32 = 0o600;
/// The mode of a file for everybody, before the umask.
const PUBLIC: u32 = 0o666;
