//! The door to the disk: whatever the agent changes there, it changes here, or in [`super::content`].
//!
//! Each change passes a [`Checkpoint`] right after it, so that a test can cut the power there; a lint
//! (`clippy.toml`) keeps other modules from changing the disk by other means. No function follows a link
//! that stands under the name it is given.
#![expect(clippy::disallowed_methods, reason = "this is the door")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::checkpoint::{Checkpoint, reach};
use crate::error::{At, Error, Result};

/// Replaces a small file: a reader finds the old bytes or the new ones, also after a power cut.
///
/// # Errors
/// Temporary; the old file is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    // No name that may stand beside it starts with a dot.
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

/// Writes a small file in place, where a torn one does no harm. Its old bytes are not given up before
/// the new ones have room: on a full disk the file stays as it is.
///
/// # Errors
/// Temporary.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file =
        unlinked().write(true).create(true).truncate(false).mode(0o600).open(path).at("opening", path)?;
    let length = bytes.len() as u64;
    file.write_all(bytes).and_then(|()| file.set_len(length)).at("writing", path)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Opens a file for reading and appending; makes it if there is none.
///
/// # Errors
/// Temporary.
pub fn append(path: &Path) -> Result<File> {
    let file = unlinked().read(true).append(true).create(true).mode(0o600).open(path).at("opening", path)?;
    reach(Checkpoint::FileMade);
    Ok(file)
}

/// Adds to an open file.
///
/// # Errors
/// What the file system said.
pub fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Empties an open file.
///
/// # Errors
/// What the file system said.
pub fn empty(file: &File) -> io::Result<()> {
    file.set_len(0)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Gives what is under one name another, lastingly; a file that has it is replaced.
///
/// # Errors
/// Temporary.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).at("renaming to", to)?;
    reach(Checkpoint::Renamed);
    sync_folder_of(to)
}

/// Moves things into a folder of their own beside them, lastingly, with one sync for all: what is found
/// under its old name afterwards was not touched.
///
/// # Errors
/// Temporary.
pub fn move_into<'p>(folder: &Path, paths: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    remove(folder)?;
    make_folder(folder)?;
    for path in paths {
        fs::rename(path, folder.join(path.file_name().unwrap_or_default())).at("removing", path)?;
        reach(Checkpoint::Renamed);
    }
    sync_folder_of(folder)
}

/// Lets two names change places, lastingly. False: the file system cannot.
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

/// Makes a link.
///
/// # Errors
/// Temporary.
pub fn link(target: &str, path: &Path) -> Result<()> {
    symlink(target, path).at("linking", path)?;
    reach(Checkpoint::Linked);
    Ok(())
}

/// Makes a folder of the agent's own and its parents, for the owner alone; or finds it, and then it must
/// be a folder, of this user, that nobody else may write to.
///
/// # Errors
/// Temporary: the disk. Refused: something else stands there.
pub fn make_folder(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) => return own(path, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).at("looking at", path),
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).at("making the folder", path)?;
    reach(Checkpoint::FolderMade);
    Ok(())
}

/// Makes the state folder itself, or finds it. The administrator may have put a link in its place.
///
/// # Errors
/// As [`make_folder`].
pub fn make_root(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) => own(path, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => make_folder(path),
        Err(error) => Err(error).at("looking at", path),
    }
}

fn own(path: &Path, found: &fs::Metadata) -> Result<()> {
    let wrong = if !found.is_dir() {
        "it is no folder"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "others may write to it"
    } else {
        return Ok(());
    };
    let message = format!("using the folder `{}`: {wrong}", path.display());
    Err(Error::planted(message)
        .hint("the agent's own folders are made by it; find out who changed this one, and remove it"))
}

/// Removes a file or a link; fine when it is gone already.
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

/// Removes a folder with all that is in it; fine when there is none.
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

/// Removes whatever has that name.
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

/// Removes what an earlier run left of [`replace`] in a folder.
///
/// # Errors
/// Temporary.
pub fn clear(folder: &Path) -> Result<()> {
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

/// Makes a change of names in the folder of `path` last.
///
/// # Errors
/// Temporary.
pub fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).at("syncing", folder)
}

/// Brings everything of the file system that holds `folder` to the disk, or of the folder at least: on
/// Linux one call instead of one for each of a thousand files.
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
        // No call of other systems waits until all is written.
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

/// Options that do not follow a link at the end of the path.
fn unlinked() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
    options
}
