//! Changes the disk. Only this module, [`super::content`], [`super::program`] and [`super::system`] may do so; a lint
//! (`clippy.toml`) enforces that.
//!
//! Each change passes a [`Checkpoint`] right after it, so that a test can simulate a power cut there. If the
//! given path is a link, no function follows it.
#![expect(clippy::disallowed_methods, reason = "this module may change the disk")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::Path;

use rustix::fs::OFlags;

use super::{check_owned, check_regular};
use crate::checkpoint::{Checkpoint, reach};
use crate::error::{At, Result};

/// Replaces a small file. A reader finds the old bytes or the new ones, even after a power cut.
///
/// # Errors
/// Temporary; the old file still exists then.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    // No other file in these folders has a name that starts with a dot.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let next = path.with_file_name(format!(".{name}.new"));
    remove_file(&next)?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next).at("making", &next)?;
    reach(Checkpoint::FileMade);
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).at("writing", &next);
    if let Err(error) = written {
        let _ = remove_file(&next);
        return Err(error);
    }
    reach(Checkpoint::FileWritten);
    rename(&next, path)
}

/// Writes a small file in place; use it if an incomplete file does no harm. The file is cut only after the
/// new bytes are written, so on a full disk it stays as it was.
///
/// # Errors
/// Temporary.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<()> {
    // Also for reading: a FIFO cannot be opened only for writing without a reader.
    let mut options = no_follow();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path).at("opening", path)?;
    check_regular(path, &file)?;
    let length = bytes.len() as u64;
    file.write_all(bytes).and_then(|()| file.set_len(length)).at("writing", path)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Opens a file for reading and appending, and creates it if needed.
///
/// # Errors
/// Temporary.
pub fn append(path: &Path) -> Result<File> {
    let file = no_follow().read(true).append(true).create(true).mode(0o600).open(path).at("opening", path)?;
    check_regular(path, &file)?;
    reach(Checkpoint::FileMade);
    Ok(file)
}

/// Writes to an open file.
///
/// # Errors
/// The file system's error.
pub fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Empties an open file.
///
/// # Errors
/// The file system's error.
pub fn empty(file: &File) -> io::Result<()> {
    file.set_len(0)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Renames a file or folder and syncs the folder. An existing file with the new name is replaced.
///
/// # Errors
/// Temporary.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).at("renaming to", to)?;
    reach(Checkpoint::Renamed);
    sync_folder_of(to)
}

/// Exchanges two names and syncs the folder. False: the file system cannot do that.
///
/// # Errors
/// Temporary.
pub fn exchange(one: &Path, other: &Path) -> Result<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::CWD;
        use rustix::fs::RenameFlags;
        use rustix::fs::renameat_with;
        use rustix::io::Errno;
        match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Ok(false),
            Err(error) => return Err(error).at("renaming to", other),
        }
        reach(Checkpoint::Renamed);
        sync_folder_of(other)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (one, other);
        Ok(false)
    }
}

/// Creates a symbolic link.
///
/// # Errors
/// Temporary.
pub fn link(target: &str, path: &Path) -> Result<()> {
    symlink(target, path).at("linking", path)?;
    reach(Checkpoint::Linked);
    Ok(())
}

/// Creates one of the agent's own folders, with its parents, accessible only to the owner. If the path
/// exists, it must be a folder of this user that no other user can write to.
///
/// # Errors
/// Temporary: the disk. Refused: the path is something else.
pub fn make_folder(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) => return check_owned(path, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).at("looking at", path),
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).at("making the folder", path)?;
    reach(Checkpoint::FolderMade);
    Ok(())
}

/// Creates the state folder if needed. The administrator may have replaced it with a link.
///
/// # Errors
/// As [`make_folder`].
pub fn make_root(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) => check_owned(path, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => make_folder(path),
        Err(error) => Err(error).at("looking at", path),
    }
}

/// Removes a file or a link. It is not an error if it does not exist.
///
/// # Errors
/// Temporary.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => reach(Checkpoint::Removed),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).at("removing", path),
    }
    Ok(())
}

/// Removes a folder and its content. It is not an error if it does not exist.
///
/// # Errors
/// Temporary.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => reach(Checkpoint::Removed),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).at("removing", path),
    }
    Ok(())
}

/// Removes the file, link or folder with this name.
///
/// # Errors
/// Temporary.
pub fn remove(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => remove_folder(path),
        _ => remove_file(path),
    }
}

/// Removes a folder if it is empty.
pub fn remove_if_empty(path: &Path) {
    if fs::remove_dir(path).is_ok() {
        reach(Checkpoint::Removed);
    }
}

/// Removes temporary files of [`replace`] that an interrupted run left in a folder.
///
/// # Errors
/// Temporary.
pub fn remove_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).at("listing", folder)? {
        let entry = entry.at("listing", folder)?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b".") && name.ends_with(b".new") {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Syncs the parent folder of `path`, so that renames in it survive a power cut.
///
/// # Errors
/// Temporary.
pub fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).at("syncing", folder)
}

/// Syncs the content of `folder` to the disk. On Linux, one call syncs the whole file system, instead of one
/// call for each of a thousand files.
///
/// # Errors
/// Temporary.
pub fn sync_all(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let open = File::open(folder).at("opening", folder)?;
        rustix::fs::syncfs(&open).at("syncing", folder)
    }
    #[cfg(not(target_os = "linux"))]
    {
        // Other systems have no call that waits until everything is written.
        for entry in fs::read_dir(folder).at("listing", folder)? {
            let entry = entry.at("listing", folder)?;
            let (path, kind) = (entry.path(), entry.file_type().at("reading", folder)?);
            if kind.is_dir() {
                sync_all(&path)?;
            } else if kind.is_file() {
                File::open(&path).and_then(|file| file.sync_all()).at("syncing", &path)?;
            }
        }
        File::open(folder).and_then(|folder| folder.sync_all()).at("syncing", folder)
    }
}

/// Options that do not follow a link in the last part of the path, and do not wait for the other end of a
/// FIFO.
fn no_follow() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    options
}
