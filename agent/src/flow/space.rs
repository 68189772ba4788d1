//! Checks that there is enough space for a release before anything is fetched.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

use crate::disk::Disk;
use crate::error::{At, Error, Result};

/// Checks that the disk budget and the file system have enough space to build the release. `missing` are the packs
/// to fetch.
///
/// # Errors
/// Temporary, with the needed and the available number. Nothing was fetched.
pub fn check(manifest: &Manifest, missing: &[Pack], budget: Option<u64>, disk: &Disk) -> Result<()> {
    let packed: u64 = missing.iter().map(|pack| pack.size.next_multiple_of(BLOCK)).sum();
    let needed = packed + manifest.packs.iter().map(on_disk).sum::<u64>();
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
    let files = inodes(&manifest.packs, missing);
    // Some file systems create inodes on demand and report a count of 0.
    if system.f_files > 0 && files > system.f_favail {
        let message =
            format!("it needs {files} inodes, the file system of the state folder has {}", system.f_favail);
        return Err(Error::temporary(format!("making room for release {}: {message}", manifest.serial)));
    }
    Ok(())
}

/// The inodes that a run needs at the same time, at most: a file for each pack to fetch, the entries of all packs,
/// and the folders above them.
fn inodes(packs: &[Pack], missing: &[Pack]) -> u64 {
    let parents = packs.iter().flat_map(|pack| {
        let ends = pack.path.match_indices('/').map(|(end, _)| end).chain([pack.path.len()]);
        ends.map(|end| &pack.path[..end])
    });
    // The folder of a pack at the top level is the release itself.
    let folders: BTreeSet<&str> = parents.chain([""]).collect();
    let entries: u64 = packs.iter().map(|pack| pack.files).sum();
    SMALL_FILES + missing.len() as u64 + entries + folders.len() as u64
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
/// The release's outer folder and manifest, the link, the record of the engine, the state, the report and the
/// history, and the temporary files of these.
const SMALL_FILES: u64 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use stringless_core::hash::Sha256;

    #[test]
    fn counts_every_inode_that_a_release_takes() {
        let pack = |path: &str, files| Pack {
            path: path.into(),
            sha256: Sha256::of(path.as_bytes()),
            size: 1,
            unpacked: 1,
            files,
        };
        let packs = [pack("", 5), pack("site/modules/a", 7), pack("site/modules/b", 1), pack("data", 1)];
        // The entries, and the folders ``, site, site/modules, its two packs and data.
        assert_eq!(inodes(&packs, &[]), SMALL_FILES + 14 + 6);
        // And a file for each pack that is fetched.
        assert_eq!(inodes(&packs, &packs), SMALL_FILES + 14 + 6 + 4);
        assert_eq!(inodes(&packs, &packs[..1]), SMALL_FILES + 14 + 6 + 1);
        let many: Vec<Pack> = (0..20).map(|n| pack(&n.to_string(), 0)).collect();
        assert_eq!(inodes(&many, &many), SMALL_FILES + 21 + 20, "folders without a file take one, too");
    }
}
