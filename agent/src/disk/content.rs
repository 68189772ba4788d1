//! Writes the content of packs and releases. Like [`super::write`], it is allowed to change the disk.
#![expect(clippy::disallowed_methods, reason = "this module may change the disk")]

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::checkpoint::{Checkpoint, reach};
use crate::error::{At, Result};

/// Creates a folder of a release.
///
/// # Errors
/// Temporary.
pub fn make_open_folder(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o755).create(path).at("making the folder", path)?;
    // The umask changes the mode of a new folder.
    fs::set_permissions(path, Permissions::from_mode(0o755)).at("making the folder", path)?;
    reach(Checkpoint::FolderMade);
    Ok(())
}

/// Creates a folder in an open folder.
///
/// # Errors
/// The file system's error.
pub fn make_folder_at(folder: &OwnedFd, name: &str) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    rustix::fs::mkdirat(folder, name, mode)?;
    rustix::fs::chmodat(folder, name, mode, AtFlags::empty())?;
    reach(Checkpoint::FolderMade);
    Ok(())
}

/// Creates a file in an open folder and writes `content` to it.
///
/// # Errors
/// The error of the file system or of `content`.
pub fn make_file_at(
    folder: &OwnedFd,
    name: &str,
    executable: bool,
    content: &mut impl io::Read,
) -> io::Result<()> {
    let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder.as_fd(), name, flags, mode)?);
    reach(Checkpoint::FileMade);
    io::copy(content, &mut file)?;
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

/// Copies a file with its mode to a new name.
///
/// # Errors
/// Temporary.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).at("copying", to)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}
