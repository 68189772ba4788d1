//! Unpacks a verified pack into a folder, through open folders. `stringless_archive` reads the pack.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use stringless_archive::reader::{self, ReadError, Sink};

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::content::{link_at, make_file_at, make_folder_at};
use crate::disk::write::{self, remove};
use crate::error::{At, Error, Result};
use crate::fetch::verified::VerifiedPack;

/// Unpacks into a new folder next to `folder`, syncs it, and renames it to `folder`.
///
/// The open file is hashed again while it is unpacked. If its bytes were changed on disk after the verification, the
/// pack is refused.
///
/// # Errors
/// Refused: an entry must not be unpacked, or the counts or the hash differ from the manifest. Temporary: the disk.
/// After an error, `folder` does not exist.
pub fn unpack(verified: VerifiedPack<'_>, folder: &Path) -> Result<()> {
    let fresh = folder.with_extension("new");
    remove(&fresh)?;
    write::make_folder(&fresh)?;
    let filled = fill(verified, &fresh);
    if let Err(error) = filled {
        let _ = remove(&fresh);
        return Err(error);
    }
    write::sync_all(&fresh)?;
    reach(Checkpoint::Unpacked);
    // Whatever has this name is not a folder; otherwise the pack would be in use already.
    remove(folder)?;
    write::rename(&fresh, folder)
}

fn fill(verified: VerifiedPack<'_>, fresh: &Path) -> Result<()> {
    let VerifiedPack { pack, mut file, path } = verified;
    file.rewind().at("reading", &path)?;
    let root = File::open(fresh).at("opening", fresh)?.into();
    reader::read(pack, file, &mut FreshFolder { root, path: fresh }).map_err(|error| match error {
        ReadError::Refused(refusal) => Error::refused("the release", &refusal),
        ReadError::Io(error) => Error::temporary(format!("unpacking `{}`: {error}", path.display())),
        ReadError::Sink(error) => error,
    })
}

/// The folder to write a pack into.
struct FreshFolder<'p> {
    /// The open folder. All paths are opened from it.
    root: OwnedFd,
    /// Its path, for messages.
    path: &'p Path,
}

impl Sink for FreshFolder<'_> {
    type Error = Error;

    fn folder(&mut self, path: &str) -> Result<()> {
        let (folder, last) = self.parent_of(path)?;
        make_folder_at(&folder, last).at("unpacking", self.path.join(path))
    }

    fn file(&mut self, path: &str, executable: bool, mut content: &mut dyn Read) -> Result<()> {
        let (folder, last) = self.parent_of(path)?;
        make_file_at(&folder, last, executable, &mut content).at("unpacking", self.path.join(path))
    }

    fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let (folder, last) = self.parent_of(path)?;
        link_at(target, &folder, last).at("unpacking", self.path.join(path))
    }
}

impl FreshFolder<'_> {
    fn parent_of<'n>(&self, path: &'n str) -> Result<(OwnedFd, &'n str)> {
        parent(&self.root, path).at("opening the folder of", self.path.join(path))
    }
}

/// Opens the parent folder of `path` from `root`, without following a link.
fn parent<'n>(root: &OwnedFd, path: &'n str) -> io::Result<(OwnedFd, &'n str)> {
    let mut folder = root.try_clone()?;
    let mut rest = path;
    while let Some((first, after)) = rest.split_once('/') {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = rustix::fs::openat(folder.as_fd(), first, flags, Mode::empty())?;
        rest = after;
    }
    Ok((folder, rest))
}
