//! Checks that there is enough space for a release before anything is fetched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

use crate::disk::Disk;
use crate::error::{At, Error, Result};
use crate::fetch::PARALLEL;

/// Checks that the disk budget and the file system have enough space. `missing` are the packs to fetch;
/// `build` says whether the release's folder has to be built.
///
/// # Errors
/// Temporary, with the needed and the available number. Nothing was fetched.
pub fn check(
    manifest: &Manifest,
    missing: &[Pack],
    build: bool,
    budget: Option<u64>,
    disk: &Disk,
) -> Result<()> {
    let mut needed: u64 = missing.iter().map(on_disk).sum();
    let mut sizes: Vec<u64> = missing.iter().map(|pack| pack.size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    needed += sizes.iter().take(PARALLEL).sum::<u64>();
    if build {
        needed += manifest.packs.iter().map(on_disk).sum::<u64>();
    }
    if needed == 0 {
        return Ok(());
    }
    let no_room = |what: &str, has: u64| {
        let serial = manifest.serial;
        Error::temporary(format!("making room for release {serial}: it needs {needed} bytes, {what} {has}"))
    };
    if let Some(budget) = budget {
        let used = used(&disk.file(""))?;
        let left = budget.saturating_sub(used);
        if needed > left {
            return Err(no_room("`disk_budget` leaves", left)
                .hint(format!("the live and the last good release use {used} of {budget} bytes")));
        }
    }
    let root = disk.file("");
    let system = rustix::fs::statvfs(&root).at("asking for the free space of", &root)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if needed > free {
        return Err(no_room("the file system of the state folder has", free));
    }
    let files: u64 =
        missing.iter().chain(manifest.packs.iter().filter(|_| build)).map(|pack| pack.files).sum();
    // Some file systems create inodes on demand and report a count of 0.
    if system.f_files > 0 && files > system.f_favail {
        let message =
            format!("it needs {files} inodes, the file system of the state folder has {}", system.f_favail);
        return Err(Error::temporary(format!("making room for release {}: {message}", manifest.serial)));
    }
    Ok(())
}

/// The space for a pack's content. Most file systems use whole blocks for each file.
fn on_disk(pack: &Pack) -> u64 {
    pack.unpacked + pack.files * BLOCK
}

/// The space that a folder's content uses, in bytes.
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
