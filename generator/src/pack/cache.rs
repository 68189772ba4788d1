//! The packs in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use stringless_core::pack::Pack;

use crate::cache;
use crate::error::{Error, Result};
use crate::fs::write_atomic;
use crate::remote::verified::VerifiedPack;

/// The file of `pack` in a folder of packs.
#[must_use]
pub fn pack_file(folder: &Path, pack: &Pack) -> PathBuf {
    folder.join(format!("{}.tar.gz", pack.sha256))
}

/// The pack from the cache, if the cache has it undamaged.
#[must_use]
pub fn find<'p>(folder: &Path, pack: &'p Pack) -> Option<VerifiedPack<'p>> {
    VerifiedPack::new(pack, read(&pack_file(folder, pack), pack).ok()??).ok()
}

/// The pack from the cache, checked; a damaged one is removed.
///
/// # Errors
/// When the cache lacks it, or it is damaged.
pub fn open<'p>(folder: &Path, pack: &'p Pack) -> Result<VerifiedPack<'p>> {
    let path = pack_file(folder, pack);
    let bytes = read(&path, pack)?.ok_or_else(|| {
        Error::io("reading", &path, Errno::NOENT)
            .hint("the store lacks this pack; `stringless publish` builds it again")
    })?;
    VerifiedPack::new(pack, bytes).map_err(|_| {
        fs::remove_file(&path).ok();
        Error::temporary(format!("reading `{}`: the cached pack is damaged", path.display()))
            .hint("it was removed; run it again")
    })
}

/// The content of the file, and one byte of what is too much.
fn read(path: &Path, pack: &Pack) -> Result<Option<Vec<u8>>> {
    cache::read_up_to(path, pack.size.saturating_add(1))
}

/// Writes a pack into the cache.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, verified: &VerifiedPack<'_>) -> Result<()> {
    write_atomic(&pack_file(folder, verified.pack()), verified.bytes())
}

/// Removes the packs from the cache that are a month old and not among `packs`.
pub(crate) fn prune<'a>(folder: &Path, packs: impl Iterator<Item = &'a Pack>) {
    let kept: Vec<PathBuf> = packs.map(|pack| pack_file(folder, pack)).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).map(|time| time.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > MONTH) && !kept.contains(&entry.path()) {
            // If this fails, the next build tries again.
            fs::remove_file(entry.path()).ok();
        }
    }
}

pub(crate) const MONTH: Duration = Duration::from_secs(30 * 86_400);
