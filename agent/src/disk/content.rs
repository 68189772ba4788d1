//! Writes the content of releases. Like [`super::write`], it is allowed to change the disk.
#![expect(clippy::disallowed_methods, reason = "this module may change the disk")]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::checkpoint::{Checkpoint, reach};
use crate::error::{At, Result};

/// Opens a folder of the agent's own.
///
/// # Errors
/// Temporary.
pub fn open_folder(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, FOLDER, Mode::empty()).at("opening", path)
}

/// Opens a folder in an open folder, without following a link.
///
/// # Errors
/// The file system's error.
pub fn open_folder_at(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
}

/// Opens a folder in an open folder, without following a link, and creates it if needed.
///
/// # Errors
/// The file system's error.
pub fn make_folder_at(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let mode = Mode::from_raw_mode(0o755);
    match rustix::fs::mkdirat(folder, name, mode) {
        Ok(()) => {}
        Err(Errno::EXIST) => return open_folder_at(folder, name),
        Err(error) => return Err(error.into()),
    }
    let made = open_folder_at(folder, name)?;
    // The umask changes the mode of a new folder.
    rustix::fs::fchmod(&made, mode)?;
    reach(Checkpoint::FolderMade);
    Ok(made)
}

/// Creates a file in an open folder and writes `content` to it. `buffer` holds a part of it.
///
/// # Errors
/// The error of the file system or of `content`.
pub fn make_file_at(
    folder: &OwnedFd,
    name: &str,
    executable: bool,
    content: &mut dyn io::Read,
    buffer: &mut [u8],
) -> io::Result<()> {
    let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder.as_fd(), name, flags, mode)?);
    reach(Checkpoint::FileMade);
    loop {
        match content.read(buffer) {
            Ok(0) => break,
            Ok(got) => file.write_all(&buffer[..got])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    rustix::fs::fchmod(&file, mode)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Creates a symbolic link in an open folder.
///
/// # Errors
/// The file system's error.
pub fn link_at(target: &str, folder: &OwnedFd, name: &str) -> io::Result<()> {
    rustix::fs::symlinkat(target, folder, name)?;
    reach(Checkpoint::Linked);
    Ok(())
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
