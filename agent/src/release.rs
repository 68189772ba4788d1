//! A release on disk: built of packs beside the live one, switched to by one rename, swept when it is
//! no longer needed.
//!
//! Files are copies of those in the packs (shared extents, where the file system can): what an engine
//! does to its release does not reach the verified packs. A folder under a release's name is complete,
//! always: it appears by one rename and disappears by one.

mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use agent_core::hash::Sha256;
use agent_core::manifest::Manifest;
use agent_core::pack::Pack;
use agent_core::state::Release;
use agent_core::verify::Verified;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{Disk, LayerDisk, folder_of, make_folder, replace, sync_folder_of};
use crate::error::{At, Result};
use crate::unpack::{remove_folder, sync};

/// A complete release on disk, live or not.
#[derive(Debug)]
pub struct Staged {
    /// Which one.
    pub release: Release,
    /// Its folder.
    pub path: PathBuf,
}

/// The release that `current` leads to.
#[derive(Debug)]
pub struct Live(pub Staged);

/// Builds the release's folder out of packs that are all in place. One that stands from an earlier run
/// is used as it is, unless `anew`: then another takes its place in one step.
///
/// # Errors
/// Refused: packs that overlap. Temporary: the disk.
pub fn stage(manifest: &Verified<Manifest>, anew: bool, disk: &Disk, layer: &LayerDisk) -> Result<Staged> {
    let release = Release::of(manifest);
    let path = layer.release(&release);
    if path.is_dir() && !anew {
        return Ok(Staged { release, path });
    }
    let fresh = beside(&path, "new");
    remove_folder(&fresh)?;
    make_folder(&fresh)?;
    tree::build(&manifest.packs, disk, &fresh)?;
    // Written first: the sweep never takes a pack from a release that is there.
    replace(&mark_of(&path), marked(&manifest.packs).as_bytes())?;
    sync(&fresh)?;
    reach(Checkpoint::Marked);
    put(&fresh, &path)?;
    reach(Checkpoint::Staged);
    Ok(Staged { release, path })
}

/// Makes the release live.
///
/// # Errors
/// Temporary; the link then leads to the one release or to the other, both complete.
pub fn switch(staged: Staged, layer: &LayerDisk) -> Result<Live> {
    if layer.live().as_ref() != Some(&staged.release) {
        let current = layer.current();
        let next = current.with_extension("new");
        remove(&next)?;
        let target = format!("releases/{}/{}", folder_of(&staged.release), staged.release.environment);
        symlink(target, &next).at("linking", &next)?;
        fs::rename(&next, &current).at("switching", &current)?;
        sync_folder_of(&current)?;
    }
    reach(Checkpoint::Switched);
    Ok(Live(staged))
}

/// Removes releases of this layer that are not in `keep`, what was left half done, and packs that
/// neither a release on the node nor `wanted` uses.
///
/// # Errors
/// Temporary; what could not be removed is tried again by the next sweep.
pub fn sweep(keep: &[Release], wanted: &[Pack], disk: &Disk, layer: &LayerDisk) -> Result<()> {
    let kept: BTreeSet<PathBuf> = keep.iter().map(|release| layer.release(release)).collect();
    for folder in entries(&layer.releases())? {
        for path in entries(&folder)? {
            if kept.contains(&path) || kept.iter().any(|kept| mark_of(kept) == path) {
                continue;
            }
            if hidden(&path) {
                remove(&path)?;
                continue;
            }
            let gone = beside(&path, "gone");
            fs::rename(&path, &gone).at("removing", &path)?;
            reach(Checkpoint::Gone);
            remove_folder(&gone)?;
            remove(&mark_of(&path))?;
        }
        // Succeeds only for an empty folder, and only such a one is to go.
        let _ = fs::remove_dir(&folder);
    }
    let mut used: BTreeSet<Sha256> = wanted.iter().map(|pack| pack.sha256).collect();
    for layer in entries(&disk.file("layers"))? {
        for folder in entries(&layer.join("releases"))? {
            for mark in entries(&folder)?.iter().filter(|path| path.is_file()) {
                let text = fs::read_to_string(mark).at("reading", mark)?;
                used.extend(text.lines().filter_map(|line| Sha256::parse(line).ok()));
            }
        }
    }
    let unused = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        !Sha256::parse(name).is_ok_and(|sha256| used.contains(&sha256))
    };
    for pack in entries(&disk.file("packs"))?.iter().filter(|path| unused(path)) {
        remove_folder(pack)?;
    }
    for part in entries(&disk.file("incoming"))?.iter().filter(|path| unused(path)) {
        remove(part)?;
    }
    Ok(())
}

/// Puts a complete folder under its name; one that stands there goes, and is never missing in between
/// where the file system can exchange the two.
fn put(fresh: &Path, path: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    if path.is_dir() {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, fresh, CWD, path, RenameFlags::EXCHANGE).is_ok() {
            sync_folder_of(path)?;
            return remove_folder(fresh);
        }
    }
    if path.is_dir() {
        let gone = beside(path, "gone");
        remove_folder(&gone)?;
        fs::rename(path, &gone).at("replacing", path)?;
        fs::rename(fresh, path).at("naming", path)?;
        sync_folder_of(path)?;
        return remove_folder(&gone);
    }
    fs::rename(fresh, path).at("naming", path)?;
    sync_folder_of(path)
}

/// A name for what belongs to a release and is none. No environment's name starts with a dot.
fn beside(release: &Path, what: &str) -> PathBuf {
    let name = release.file_name().unwrap_or_default().to_string_lossy();
    release.with_file_name(format!(".{name}.{what}"))
}

/// Removes a file, or a folder with all that is in it; fine when it is gone already.
fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        return remove_folder(path);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("removing", path),
        _ => Ok(()),
    }
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The file that lists the packs that a release was built from.
fn mark_of(release: &Path) -> PathBuf {
    beside(release, "packs")
}

fn marked(packs: &[Pack]) -> String {
    packs.iter().map(|pack| format!("{}\n", pack.sha256)).collect()
}

/// The paths in a folder; none when there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).at("listing", folder),
    };
    let mut paths = Vec::new();
    for entry in read {
        paths.push(entry.at("listing", folder)?.path());
    }
    Ok(paths)
}
