//! Reads a compressed pack and returns its entries in order. The node and the generator both use this loop.
//!
//! The reader checks every rule for packs: the allow-list, the counts and the hash of the manifest, and the end of the
//! archive. It streams: it never needs more memory than two buffers and one long name, whatever the archive claims.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use stringless_core::entry::{AllowList, Kind, Long, LongNames};
use stringless_core::hash::{Hasher, Sha256};
use stringless_core::pack::{Pack, title};
use stringless_core::refusal::Refusal;
use tar::{Archive, Entry, EntryType};

use crate::writer::{Item, ItemKind};

/// Receives the entries of a pack in order. The allow-list has admitted each entry before.
///
/// The hash and the end of the archive are checked last, so the received entries are valid only after [`read`]
/// returned `Ok`.
pub trait Sink {
    /// The sink's error type.
    type Error;

    /// Receives a folder.
    ///
    /// # Errors
    /// The sink's own error.
    fn folder(&mut self, path: &str) -> Result<(), Self::Error>;

    /// Receives a file. Unread content is skipped.
    ///
    /// # Errors
    /// The sink's own error. If reading `content` failed, [`read`] returns that cause instead.
    fn file(&mut self, path: &str, executable: bool, content: &mut dyn Read) -> Result<(), Self::Error>;

    /// Receives a symbolic link.
    ///
    /// # Errors
    /// The sink's own error.
    fn link(&mut self, path: &str, target: &str) -> Result<(), Self::Error>;
}

/// Why a pack could not be read.
#[derive(Debug)]
pub enum ReadError<E> {
    /// The pack breaks a rule.
    Refused(Refusal),
    /// The operating system could not read the compressed bytes. A retry may succeed.
    Io(io::Error),
    /// The sink failed.
    Sink(E),
}

impl<E> From<Refusal> for ReadError<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads the compressed bytes of a pack, and passes its entries to `sink`.
///
/// # Errors
/// The first broken rule, the error of the operating system, or the sink's own error.
pub fn read<S: Sink + ?Sized>(
    pack: &Pack,
    packed: impl Read,
    sink: &mut S,
) -> Result<(), ReadError<S::Error>> {
    // The limit includes headers, padding and long names. It stops a decompression bomb.
    let cap = pack.unpacked.saturating_add(pack.files.saturating_add(4).saturating_mul(4096));
    let hashed = BufReader::with_capacity(BUFFER, Hashed::new(packed));
    let mut archive = Archive::new(GzDecoder::new(hashed).take(cap));
    let mut list = AllowList::new(pack);
    let mut long = LongNames::default();
    let broken = |error: io::Error| unreadable(pack, error);
    // Raw mode: otherwise the library would read extension records of any length into memory, and accept more kinds
    // of them than a pack may have.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let which = match entry.header().entry_type() {
            EntryType::GNULongName => Long::Name,
            EntryType::GNULongLink => Long::Target,
            _ => {
                hand_over(&mut entry, &mut long, &mut list, pack, sink)?;
                continue;
            }
        };
        let mut record = Vec::new();
        entry.take(LongNames::MAX as u64 + 1).read_to_end(&mut record).map_err(broken)?;
        long.take(which, &record).map_err(|why| invalid(pack, why))?;
    }
    long.finish().map_err(|why| invalid(pack, why))?;
    let read = to_the_end(archive.into_inner()).map_err(broken)?;
    let (size, found) = (read.size, read.hasher.finish());
    let path = || pack.path.clone();
    if found != pack.sha256 {
        return Err(Refusal::Hash { path: path(), found, expected: pack.sha256 }.into());
    }
    if size != pack.size {
        return Err(Refusal::Size { path: path(), what: "bytes", expected: pack.size }.into());
    }
    list.finish().map_err(|what| {
        let expected = if what == "files" { pack.files } else { pack.unpacked };
        Refusal::Size { path: path(), what, expected }.into()
    })
}

/// Passes on the items of a pack in memory, each with its whole content.
///
/// # Errors
/// The [`Refusal`] of the first broken rule.
pub fn each(pack: &Pack, packed: &[u8], visit: impl FnMut(Item)) -> Result<(), Refusal> {
    read(pack, packed, &mut Items(visit)).map_err(|error| match error {
        ReadError::Refused(refusal) => refusal,
        // Reading from memory never fails.
        ReadError::Io(error) | ReadError::Sink(error) => unreadable_archive(pack, &error),
    })
}

/// Checks only the size and the hash of a pack's compressed bytes.
///
/// # Errors
/// [`Refusal::Size`] or [`Refusal::Hash`].
pub fn check_bytes(pack: &Pack, packed: &[u8]) -> Result<(), Refusal> {
    let path = || pack.path.clone();
    if packed.len() as u64 != pack.size {
        return Err(Refusal::Size { path: path(), what: "bytes", expected: pack.size });
    }
    let found = Sha256::of(packed);
    if found == pack.sha256 {
        return Ok(());
    }
    Err(Refusal::Hash { path: path(), found, expected: pack.sha256 })
}

/// Checks one entry with the allow-list, and passes it to the sink.
fn hand_over<R: Read, S: Sink + ?Sized>(
    entry: &mut Entry<'_, R>,
    long: &mut LongNames,
    list: &mut AllowList,
    pack: &Pack,
    sink: &mut S,
) -> Result<(), ReadError<S::Error>> {
    let (name, target) = long
        .of_entry(&entry.path_bytes(), &entry.link_name_bytes().unwrap_or_default())
        .map_err(|why| invalid(pack, why))?;
    let kind = match entry.header().entry_type() {
        EntryType::Regular => Kind::File { size: entry.size() },
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink { target: &target },
        _ => Kind::Other,
    };
    let path = if kind == Kind::Directory { name.strip_suffix('/').unwrap_or(&name) } else { &name };
    let mode = entry.header().mode().unwrap_or(u32::MAX);
    list.admit(path, &kind, mode).map_err(|entry| Refusal::Archive { path: pack.path.clone(), entry })?;
    match kind {
        Kind::Directory => sink.folder(path).map_err(ReadError::Sink),
        Kind::Symlink { target } => sink.link(path, target).map_err(ReadError::Sink),
        _ => {
            let mut content = Content { entry, failed: None };
            let taken = sink.file(path, mode & 0o100 != 0, &mut content);
            // Report the first error: the sink's error only follows from it.
            match content.failed {
                Some(error) => Err(unreadable(pack, error)),
                None => taken.map_err(ReadError::Sink),
            }
        }
    }
}

/// Reads to the end of the compressed bytes. Only zeros may follow the last entry.
fn to_the_end<R: Read>(mut rest: io::Take<GzDecoder<BufReader<Hashed<R>>>>) -> io::Result<Hashed<R>> {
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
    Ok(raw.into_inner())
}

/// Hashes and counts the compressed bytes while they are read.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
    size: u64,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::default(), size: 0 }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..got]);
        self.size += got as u64;
        Ok(got)
    }
}

/// The content of a file. It remembers a read error, which the sink's own error may hide.
struct Content<'e, R> {
    entry: &'e mut R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.entry.read(buffer).map_err(|error| {
            let kind = error.kind();
            // Readers retry after an interruption.
            if kind != ErrorKind::Interrupted {
                self.failed = Some(error);
            }
            kind.into()
        })
    }
}

/// Collects each entry as an [`Item`].
struct Items<F>(F);

impl<F: FnMut(Item)> Sink for Items<F> {
    type Error = io::Error;

    fn folder(&mut self, path: &str) -> io::Result<()> {
        (self.0)(Item { path: path.to_owned(), kind: ItemKind::Folder });
        Ok(())
    }

    fn file(&mut self, path: &str, executable: bool, reader: &mut dyn Read) -> io::Result<()> {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        (self.0)(Item { path: path.to_owned(), kind: ItemKind::File { executable, content } });
        Ok(())
    }

    fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        (self.0)(Item { path: path.to_owned(), kind: ItemKind::Link { target: target.to_owned() } });
        Ok(())
    }
}

/// An IO error if it came from the operating system; else the archive is refused.
fn unreadable<E>(pack: &Pack, error: io::Error) -> ReadError<E> {
    match error.raw_os_error() {
        Some(_) => ReadError::Io(error),
        None => ReadError::Refused(unreadable_archive(pack, &error)),
    }
}

fn unreadable_archive(pack: &Pack, error: &io::Error) -> Refusal {
    invalid(pack, &format!("not a readable archive: {error}"))
}

fn invalid(pack: &Pack, why: &str) -> Refusal {
    Refusal::Invalid(format!("{}: {why}", title(&pack.path)))
}

const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests;
