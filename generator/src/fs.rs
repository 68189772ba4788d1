//! Atomic file writes.

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file atomically: readers see the old content or all of `bytes`, even after a power failure.
///
/// # Errors
/// When it cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // Sync before the rename: otherwise, after a power failure, the file may have the right size and wrong
        // content.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|e| Error::io("writing", path, e))
}
