//! The log file of a daemon, where a service manager gives it one and nothing rotates it: the agent keeps the
//! file small itself.

use std::fs::{File, read_link};
use std::io::{Read, Seek, SeekFrom, stderr, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl};

use super::write;
use crate::error::{At, Result};

/// If standard output or standard error is a file that grows by appending and is longer than [`LONGEST`], moves
/// the last [`LONGEST`] bytes to `FILE.1` and empties the file.
///
/// # Errors
/// Temporary.
pub fn bound() -> Result<()> {
    bound_one(stdout(), "/proc/self/fd/1").and_then(|()| bound_one(stderr(), "/proc/self/fd/2"))
}

fn bound_one(stream: impl AsFd, link: &str) -> Result<()> {
    // Anything but a file in append mode is somebody else's: after a cut, its next bytes would follow a hole.
    let is_appended = fcntl_getfl(stream.as_fd()).is_ok_and(|flags| flags.contains(OFlags::APPEND));
    let Some(path) = read_link(link).ok().filter(|_| is_appended) else { return Ok(()) };
    let file = File::from(stream.as_fd().try_clone_to_owned().at("opening", &path)?);
    let meta = file.metadata().at("looking at", &path)?;
    // A file that was renamed or removed meanwhile is not the one at its path.
    let same = path.metadata().is_ok_and(|at| (at.dev(), at.ino()) == (meta.dev(), meta.ino()));
    if !meta.is_file() || meta.len() <= LONGEST || !same {
        return Ok(());
    }
    write::replace(&former(&path), &end(&path, meta.len())?)?;
    write::empty(&file).at("emptying", &path)
}

/// The last bytes of the file, from the beginning of a line.
fn end(path: &Path, length: u64) -> Result<Vec<u8>> {
    let mut file = File::open(path).at("opening", path)?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST))).at("reading", path)?;
    file.take(LONGEST).read_to_end(&mut bytes).at("reading", path)?;
    let start = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    bytes.drain(..start);
    Ok(bytes)
}

fn former(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".1");
    path.with_file_name(name)
}

/// Bytes. An idle daemon writes a few lines a day.
const LONGEST: u64 = 1 << 20;
