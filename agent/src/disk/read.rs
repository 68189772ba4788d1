//! Reads from the disk, and never waits for the other end of a FIFO.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use stringless_core::json::MAX_BYTES;

use crate::error::{AS_ROOT, At, Error, Result};

/// The metadata of a path, without following a link; `None` if nothing is there.
///
/// # Errors
/// Temporary: it is unknown whether something is there.
pub fn metadata_of(path: &Path) -> Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("looking at", path),
    }
}

/// Whether the path is a folder, and not a link to one.
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The bytes of a regular file, at most one more than [`MAX_BYTES`]; `None` if there is no such file.
///
/// # Errors
/// Temporary. Refused: it is not a regular file.
pub fn read_capped(path: &Path) -> Result<Option<Vec<u8>>> {
    let Some(file) = open_regular(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).at("reading", path)?;
    Ok(Some(bytes))
}

/// Opens a regular file for reading; `None` if there is no such file.
///
/// # Errors
/// Temporary. Refused: it is not a regular file.
pub fn open_regular(path: &Path) -> Result<Option<File>> {
    // Without NONBLOCK, a FIFO in its place would make the agent wait for a writer, for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error).at("opening", path),
    };
    check_regular(path, &file)?;
    Ok(Some(file))
}

/// The text of a regular file without outer blanks; `None` if there is none, or if it is not UTF-8.
pub fn read_text(path: &Path) -> Option<String> {
    let text = String::from_utf8(read_capped(path).ok()??).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Checks that an open file is a regular one: no FIFO, device, socket or folder.
///
/// # Errors
/// Refused: it is something else.
pub fn check_regular(path: &Path, file: &File) -> Result<()> {
    if file.metadata().at("looking at", path)?.is_file() {
        return Ok(());
    }
    Err(Error::tampered(format!("opening `{}`: it is not a regular file", path.display()))
        .hint("find out who put it there, then remove it"))
}

/// Checks that a path is a folder of this user that no other user can write to.
///
/// # Errors
/// Temporary: another user asks, and it belongs to root. Refused: it is something else.
pub fn check_owned(path: &Path, found: &fs::Metadata) -> Result<()> {
    let wrong = if !found.is_dir() {
        "it is not a folder"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "other users can write to it"
    } else {
        return Ok(());
    };
    let message = format!("using the folder `{}`: {wrong}", path.display());
    if found.uid() == 0 && !rustix::process::geteuid().is_root() {
        return Err(Error::temporary(message).hint(AS_ROOT));
    }
    Err(Error::tampered(message)
        .hint("the agent creates this folder itself; find out who changed it, then remove it"))
}
