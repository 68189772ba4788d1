//! Whether a release has room: asked before anything of it is fetched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

use crate::disk::Disk;
use crate::error::{At, Error, Result};
use crate::fetch::AT_ONCE;

/// Refuses a release that the budget, or the file system, has no room for. `missing` are the packs that
/// are to be fetched, `fresh` tells whether the release's folder is still to be built.
///
/// # Errors
/// Temporary, with both numbers; nothing was fetched.
pub fn check(
    manifest: &Manifest,
    missing: &[Pack],
    fresh: bool,
    budget: Option<u64>,
    disk: &Disk,
) -> Result<()> {
    let mut needed: u64 = missing.iter().map(on_disk).sum();
    let mut sizes: Vec<u64> = missing.iter().map(|pack| pack.size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    needed += sizes.iter().take(AT_ONCE).sum::<u64>();
    if fresh {
        needed += manifest.packs.iter().map(on_disk).sum::<u64>();
    }
    if needed == 0 {
        return Ok(());
    }
    let lack = |what: &str, has: u64| {
        let serial = manifest.serial;
        Error::temporary(format!("making room for release {serial}: it needs {needed} bytes, {what} {has}"))
    };
    if let Some(budget) = budget {
        let used = used(&disk.file(""))?;
        let left = budget.saturating_sub(used);
        if needed > left {
            return Err(lack("`disk_budget` leaves", left)
                .hint(format!("of {budget} bytes {used} are used by what is live and what was last good")));
        }
    }
    let root = disk.file("");
    let system = rustix::fs::statvfs(&root).at("asking for the free space of", &root)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if needed > free {
        return Err(lack("the file system of the state folder has", free));
    }
    let files: u64 =
        missing.iter().chain(manifest.packs.iter().filter(|_| fresh)).map(|pack| pack.files).sum();
    // Some file systems make inodes as they need them, and count none.
    if system.f_files > 0 && files > system.f_favail {
        let message =
            format!("it needs {files} inodes, the file system of the state folder has {}", system.f_favail);
        return Err(Error::temporary(format!("making room for release {}: {message}", manifest.serial)));
    }
    Ok(())
}

/// What the content of a pack takes, as most file systems count: whole blocks.
fn on_disk(pack: &Pack) -> u64 {
    pack.unpacked + pack.files * BLOCK
}

/// What lies below a folder takes, in bytes.
fn used(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).at("listing", folder)? {
        let path = entry.at("listing", folder)?.path();
        let meta = fs::symlink_metadata(&path).at("looking at", &path)?;
        sum += meta.blocks() * 512;
        if meta.is_dir() {
            sum += used(&path)?;
        }
    }
    Ok(sum)
}

const BLOCK: u64 = 4096;
