//! `stringless.lock.json` beside the site file.

use std::fs;
use std::path::Path;

use stringless_core::json;
use stringless_render::agent_lock::{AgentLock, LOCK_FILE};

use crate::error::{Error, Result};

/// Reads the lock file in `folder`. A missing file counts as an empty one.
///
/// # Errors
/// When the file cannot be read or parsed.
pub fn read(folder: &Path) -> Result<AgentLock> {
    let path = folder.join(LOCK_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(AgentLock::default()),
        Err(e) => return Err(Error::io("reading", &path, e)),
    };
    Ok(AgentLock::parse(&bytes, &path.display().to_string())?)
}

/// Writes the lock file into `folder`.
///
/// # Errors
/// When it cannot be written.
pub fn write(lock: &AgentLock, folder: &Path) -> Result<()> {
    let path = folder.join(LOCK_FILE);
    fs::write(&path, json::write(lock)).map_err(|e| Error::io("writing", &path, e))
}
