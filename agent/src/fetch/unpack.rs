//! A verified pack becomes a folder: only what the allow-list admits, written below an open folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use flate2::bufread::GzDecoder;
use rustix::fs::{Mode, OFlags};
use stringless_core::entry::{AllowList, Kind, Long, LongNames};
use stringless_core::hash::{Hasher, Sha256};
use stringless_core::pack::{Pack, title};
use stringless_core::refusal::Refusal;
use tar::{Archive, Entry, EntryType};

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::content::{link_at, make_file_at, make_folder_at};
use crate::disk::write::{self, remove};
use crate::error::{At, Error, Result};
use crate::fetch::verified::VerifiedPack;

/// Unpacks into a fresh folder beside `folder`, makes it last, and gives it its name.
///
/// What is unpacked is hashed once more, from the file that stayed open: bytes that were changed on disk
/// after they had been verified do not get their name.
///
/// # Errors
/// Refused: an entry that may not be unpacked, other counts than the manifest's, other bytes. Temporary:
/// the disk. `folder` does not exist then.
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
    // Not a folder, or it would be in use already.
    remove(folder)?;
    write::rename(&fresh, folder)
}

fn fill(verified: VerifiedPack<'_>, fresh: &Path) -> Result<()> {
    let VerifiedPack { pack, mut file, path } = verified;
    file.rewind().at("reading", &path)?;
    // Headers, padding and long names, beside the content: a bomb ends here.
    let cap = pack.unpacked.saturating_add(pack.files.saturating_add(4).saturating_mul(4096));
    let hashed = BufReader::with_capacity(BUFFER, Hashed { file, hasher: Hasher::default() });
    let mut archive = Archive::new(GzDecoder::new(hashed).take(cap));
    let root: OwnedFd = File::open(fresh).at("opening", fresh)?.into();
    let mut list = AllowList::new(pack);
    let broken = |error: io::Error| unreadable(pack, &path, &error);
    let mut long = LongNames::default();
    // Raw: the library would read what stands before an entry into memory, however long it is, and know
    // more kinds of it than a pack may have.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let which = match entry.header().entry_type() {
            EntryType::GNULongName => Long::Name,
            EntryType::GNULongLink => Long::Target,
            _ => {
                write_entry(&mut entry, &mut long, &root, &mut list, pack, fresh)?;
                continue;
            }
        };
        let mut record = Vec::new();
        entry.take(LongNames::MAX as u64 + 1).read_to_end(&mut record).map_err(broken)?;
        long.take(which, &record).map_err(|why| refused(pack, why))?;
    }
    long.finish().map_err(|why| refused(pack, why))?;
    let found = to_the_end(archive.into_inner()).map_err(broken)?;
    if found != pack.sha256 {
        let expected = pack.sha256;
        return Err(Error::refused(
            "the release",
            &Refusal::Hash { path: pack.path.clone(), found, expected },
        ));
    }
    list.finish().map_err(|what| {
        let expected = if what == "files" { pack.files } else { pack.unpacked };
        let refusal = Refusal::Size { path: pack.path.clone(), what, expected };
        Error::refused("the release", &refusal)
    })
}

/// Reads what follows the last entry, which is nothing but zeros, and gives the hash of the whole file.
fn to_the_end(mut rest: io::Take<GzDecoder<BufReader<Hashed>>>) -> io::Result<Sha256> {
    let mut buffer = [0; 4096];
    loop {
        match rest.read(&mut buffer)? {
            0 => break,
            got if buffer[..got].iter().all(|byte| *byte == 0) => {}
            _ => return Err(io::Error::other("something follows the end of the archive")),
        }
    }
    let mut raw = rest.into_inner().into_inner();
    if !raw.fill_buf()?.is_empty() {
        return Err(io::Error::other("something follows the end of the compressed archive"));
    }
    Ok(raw.into_inner().hasher.finish())
}

/// A file that is hashed as it is read.
struct Hashed {
    file: File,
    hasher: Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.hasher.update(&buffer[..got]);
        Ok(got)
    }
}

fn write_entry<R: Read>(
    entry: &mut Entry<'_, R>,
    long: &mut LongNames,
    root: &OwnedFd,
    list: &mut AllowList,
    pack: &Pack,
    fresh: &Path,
) -> Result<()> {
    let (name, target) = long
        .of_entry(&entry.path_bytes(), &entry.link_name_bytes().unwrap_or_default())
        .map_err(|why| refused(pack, why))?;
    let kind = match entry.header().entry_type() {
        EntryType::Regular => Kind::File { size: entry.size() },
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink { target: &target },
        _ => Kind::Other,
    };
    let path = if kind == Kind::Directory { name.strip_suffix('/').unwrap_or(&name) } else { &name };
    let mode = entry.header().mode().unwrap_or(u32::MAX);
    list.admit(path, &kind, mode).map_err(|entry| {
        let refusal = Refusal::Archive { path: pack.path.clone(), entry };
        Error::refused("the release", &refusal)
    })?;
    let (folder, last) = parent(root, path).at("opening the folder of", fresh.join(path))?;
    match kind {
        Kind::Directory => make_folder_at(&folder, last),
        Kind::Symlink { target } => link_at(target, &folder, last),
        _ => make_file_at(&folder, last, mode & 0o100 != 0, entry),
    }
    .map_err(|error| unreadable(pack, &fresh.join(path), &error))
}

/// The disk's fault, if the operating system says so; else the archive's.
fn unreadable(pack: &Pack, path: &Path, error: &io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::temporary(format!("unpacking `{}`: {error}", path.display())),
        None => refused(pack, &format!("not a readable archive: {error}")),
    }
}

/// The open folder that `path` belongs in, found from `root` without following a link.
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

fn refused(pack: &Pack, why: &str) -> Error {
    Error::refused("the release", &Refusal::Invalid(format!("{}: {why}", title(&pack.path))))
}

const BUFFER: usize = 16 * 1024;
