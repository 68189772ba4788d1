//! Builds the tree of a release from its packs, several at the same time.
//!
//! A pack may be below a folder of another pack, but not below a link or a file of another pack, and no two
//! packs may contain the same file. So no pack can leave the release with the help of another pack.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use stringless_archive::reader::{self, ReadError, Sink};
use stringless_core::pack::Pack;
use stringless_core::refusal::Refusal;

use super::verified::VerifiedPack;
use crate::checkpoint::{Checkpoint, reach};
use crate::disk::content::{link_at, make_file_at, make_folder_at, open_folder, open_folder_at};
use crate::error::{At, Error, Result};

/// The folder of a release that is not complete.
#[derive(Debug)]
pub struct Tree {
    /// The open folder. All paths are opened from it.
    root: OwnedFd,
    /// Its path, for messages.
    path: PathBuf,
}

impl Tree {
    /// The tree in an empty folder.
    ///
    /// # Errors
    /// Temporary.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { root: open_folder(path)?, path: path.to_path_buf() })
    }

    /// Unpacks a pack into each of its folders.
    ///
    /// The open file is hashed again while it is unpacked. If its bytes were changed on disk after the
    /// verification, the pack is refused.
    ///
    /// # Errors
    /// Refused: an entry must not be unpacked, another pack contains it, or the counts or the hash differ from
    /// the manifest. Temporary: the disk. After an error, the tree must not be used.
    pub fn unpack(&self, verified: VerifiedPack<'_>) -> Result<()> {
        let VerifiedPack { packs, mut file, path } = verified;
        for pack in packs {
            file.rewind().at("reading", &path)?;
            read(pack, &file, &path, &mut Place::open(self, pack)?)?;
            reach(Checkpoint::Unpacked);
        }
        Ok(())
    }
}

/// Reads a pack, and names its file in the errors.
pub(super) fn read(pack: &Pack, file: &File, path: &Path, sink: &mut dyn Sink<Error = Error>) -> Result<()> {
    reader::read(pack, file, sink).map_err(|error| match error {
        ReadError::Refused(refusal) => Error::refused("the release", &refusal),
        ReadError::Io(error) => Error::temporary(format!("unpacking `{}`: {error}", path.display())),
        ReadError::Sink(error) => error,
    })
}

/// The folder of a pack in the tree.
struct Place<'t> {
    tree: &'t Tree,
    pack: &'t Pack,
    root: OwnedFd,
    /// The folder that was used last, and its path in the pack: most entries are in the same one.
    last: (String, OwnedFd),
    buffer: Vec<u8>,
}

impl<'t> Place<'t> {
    /// Opens the folder of a pack, and creates it if needed.
    fn open(tree: &'t Tree, pack: &'t Pack) -> Result<Self> {
        let mut root = tree.root.try_clone().at("opening", &tree.path)?;
        let mut path = String::new();
        for part in pack.path.split('/').filter(|part| !part.is_empty()) {
            path = if path.is_empty() { part.to_owned() } else { format!("{path}/{part}") };
            root = make_folder_at(&root, part).map_err(|error| failed(&error, tree, &path))?;
        }
        let last = (String::new(), root.try_clone().at("opening", &tree.path)?);
        Ok(Self { tree, pack, root, last, buffer: vec![0; BUFFER] })
    }

    /// Opens the folder of an entry, one part after the other, without following a link.
    fn parent<'n>(&mut self, path: &'n str) -> io::Result<(&OwnedFd, &'n str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if self.last.0 != folder {
            let mut open = self.root.try_clone()?;
            for part in folder.split('/').filter(|part| !part.is_empty()) {
                open = open_folder_at(&open, part)?;
            }
            self.last = (folder.to_owned(), open);
        }
        Ok((&self.last.1, name))
    }

    fn make_folder(&mut self, path: &str) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        let made = make_folder_at(folder, name)?;
        // Its content comes next.
        self.last = (path.to_owned(), made);
        Ok(())
    }

    fn make_file(&mut self, path: &str, executable: bool, content: &mut dyn Read) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let (folder, name) = self.parent(path)?;
        let made = make_file_at(folder, name, executable, content, &mut buffer);
        self.buffer = buffer;
        made
    }

    fn make_link(&mut self, path: &str, target: &str) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        link_at(target, folder, name)
    }

    fn failed(&self, path: &str, error: &io::Error) -> Error {
        let slash = if self.pack.path.is_empty() { "" } else { "/" };
        failed(error, self.tree, &format!("{}{slash}{path}", self.pack.path))
    }
}

impl Sink for Place<'_> {
    type Error = Error;

    fn folder(&mut self, path: &str) -> Result<()> {
        self.make_folder(path).map_err(|error| self.failed(path, &error))
    }

    fn file(&mut self, path: &str, executable: bool, content: &mut dyn Read) -> Result<()> {
        self.make_file(path, executable, content).map_err(|error| self.failed(path, &error))
    }

    fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.make_link(path, target).map_err(|error| self.failed(path, &error))
    }
}

/// The error at a path of the release. If there is something else already, another pack put it there: a
/// pack has no path twice, and none below a file or a link.
fn failed(error: &io::Error, tree: &Tree, path: &str) -> Error {
    match Errno::from_io_error(error) {
        Some(Errno::EXIST | Errno::NOTDIR | Errno::LOOP) => {
            let why = format!("two packs contain `{path}`");
            Error::refused("the release", &Refusal::Invalid(why))
        }
        _ => Error::temporary(format!("unpacking `{}`: {error}", tree.path.join(path).display())),
    }
}

const BUFFER: usize = 32 * 1024;
