//! The packs in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stringless_core::pack::Pack;

/// The file of `pack` in a folder of packs.
#[must_use]
pub fn pack_file(folder: &Path, pack: &Pack) -> PathBuf {
    folder.join(format!("{}.tar.gz", pack.sha256))
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
