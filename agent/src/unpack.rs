//! A verified pack becomes a folder: only what the allow-list admits, written below an open folder.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use agent_core::entry::{AllowList, Kind};
use agent_core::pack::{Pack, title};
use agent_core::refusal::Refusal;
use flate2::read::GzDecoder;
use rustix::fs::{AtFlags, Mode, OFlags};
use tar::{Archive, Entry, EntryType};

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::sync_folder_of;
use crate::error::{At, Error, Result};
use crate::fetch::VerifiedPack;

/// Unpacks into a fresh folder beside `folder`, makes it last, and gives it its name.
///
/// # Errors
/// Refused: an entry that may not be unpacked, or other counts than the manifest's. Temporary: the
/// disk. `folder` does not exist then.
pub fn unpack(verified: &VerifiedPack<'_>, folder: &Path) -> Result<()> {
    let fresh = folder.with_extension("new");
    remove_folder(&fresh)?;
    fs::create_dir(&fresh).at("making the folder", &fresh)?;
    let filled = fill(verified, &fresh);
    if let Err(error) = filled {
        let _ = fs::remove_dir_all(&fresh);
        return Err(error);
    }
    sync(&fresh)?;
    reach(Checkpoint::Unpacked);
    fs::rename(&fresh, folder).at("naming", folder)?;
    sync_folder_of(folder)
}

/// Removes a folder with all that is in it; fine when there is none.
///
/// # Errors
/// Temporary.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("removing", path),
        _ => Ok(()),
    }
}

/// Brings everything of the file system that holds `folder` to the disk: one call instead of one for
/// each of a thousand files.
///
/// # Errors
/// Temporary.
pub fn sync(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let open = File::open(folder).at("opening", folder)?;
        rustix::fs::syncfs(&open).at("syncing", folder)
    }
    #[cfg(not(target_os = "linux"))]
    {
        rustix::fs::sync();
        Ok(())
    }
}

fn fill(verified: &VerifiedPack<'_>, fresh: &Path) -> Result<()> {
    let pack = verified.pack;
    let file = File::open(&verified.path).at("opening", &verified.path)?;
    // Headers, padding and long names, beside the content: a bomb ends here.
    let cap = pack.unpacked + (pack.files + 4) * 4096;
    let mut archive = Archive::new(GzDecoder::new(io::BufReader::new(file)).take(cap));
    let root: OwnedFd = File::open(fresh).at("opening", fresh)?.into();
    let mut list = AllowList::new(pack);
    let broken = |error: io::Error| refused(pack, &format!("not a readable archive: {error}"));
    for entry in archive.entries().map_err(broken)? {
        write_entry(&mut entry.map_err(broken)?, &root, &mut list, pack, fresh)?;
    }
    list.finish().map_err(|what| {
        let expected = if what == "files" { pack.files } else { pack.unpacked };
        let refusal = Refusal::Size { path: pack.path.clone(), what, expected };
        Error::refused("the release", &refusal)
    })
}

fn write_entry<R: Read>(
    entry: &mut Entry<'_, R>,
    root: &OwnedFd,
    list: &mut AllowList,
    pack: &Pack,
    fresh: &Path,
) -> Result<()> {
    let name = entry.path_bytes().into_owned();
    let name = str::from_utf8(&name).map_err(|_| refused(pack, "an entry's name is not UTF-8"))?;
    let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let target = str::from_utf8(&link).map_err(|_| refused(pack, "a link's target is not UTF-8"))?;
    let kind = match entry.header().entry_type() {
        EntryType::Regular => Kind::File { size: entry.size() },
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink { target },
        _ => Kind::Other,
    };
    let path = if kind == Kind::Directory { name.strip_suffix('/').unwrap_or(name) } else { name };
    let mode = entry.header().mode().unwrap_or(u32::MAX);
    list.admit(path, &kind, mode).map_err(|entry| {
        let refusal = Refusal::Archive { path: pack.path.clone(), entry };
        Error::refused("the release", &refusal)
    })?;
    let (folder, last) = parent(root, path).at("opening the folder of", fresh.join(path))?;
    match kind {
        Kind::Directory => make_folder(&folder, last),
        Kind::Symlink { target } => rustix::fs::symlinkat(target, &folder, last).map_err(io::Error::from),
        _ => write_file(entry, &folder, last, mode),
    }
    .at("unpacking", fresh.join(path))
}

fn make_folder(folder: &OwnedFd, name: &str) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    rustix::fs::mkdirat(folder, name, mode)?;
    // The mode of a new folder passes through the umask.
    Ok(rustix::fs::chmodat(folder, name, mode, AtFlags::empty())?)
}

fn write_file(content: &mut impl Read, folder: &OwnedFd, name: &str, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(if mode & 0o100 == 0 { 0o644 } else { 0o755 });
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, mode)?;
    let mut file = File::from(file);
    io::copy(content, &mut file)?;
    // The mode of a new file passes through the umask.
    rustix::fs::fchmod(&file, mode)?;
    Ok(())
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
