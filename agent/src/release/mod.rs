//! A release on disk: built of packs beside the live one, switched to by one rename, swept when it is
//! no longer needed.
//!
//! Files are copies of those in the packs (shared extents, where the file system can): what an engine
//! does to its release does not reach the verified packs. A folder under a release's name is complete,
//! always: it appears by one rename and disappears by one.

mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::state::Release;
use stringless_core::verify::Verified;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::write::{self, make_folder, remove, remove_folder};
use crate::disk::{Disk, LayerDisk, folder_of, is_folder, read_capped, standing_at};
use crate::error::{At, Result};

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

/// Builds the release's folder out of packs that are all in place; `document` is the signed manifest. One
/// that stands from an earlier run is used as it is, unless `anew`: then another takes its place in one
/// step.
///
/// # Errors
/// Refused: packs that overlap. Temporary: the disk.
pub fn stage(
    manifest: &Verified<Manifest>,
    document: &[u8],
    anew: bool,
    disk: &Disk,
    layer: &LayerDisk,
) -> Result<Staged> {
    let release = Release::of(manifest);
    let path = layer.release(&release);
    if folder_at(&path)? && !anew {
        return Ok(Staged { release, path });
    }
    let fresh = beside(&path, "new");
    remove(&fresh)?;
    make_folder(path.parent().unwrap_or(&path))?;
    make_folder(&fresh)?;
    tree::build(&manifest.packs, disk, &fresh)?;
    // Written first: the sweep never takes a pack from a release that is there.
    write::replace(&mark_of(&path), document)?;
    write::sync_all(&fresh)?;
    reach(Checkpoint::Marked);
    put(&fresh, &path)?;
    reach(Checkpoint::Staged);
    Ok(Staged { release, path })
}

/// A release that stands from an earlier run, with the signed manifest that it was built from.
pub fn standing(release: &Release, layer: &LayerDisk) -> Option<(Staged, Vec<u8>)> {
    let path = layer.release(release);
    let document = read_capped(&mark_of(&path)).ok()??;
    is_folder(&path).then(|| (Staged { release: release.clone(), path }, document))
}

/// The releases of an environment that are on disk.
///
/// # Errors
/// Temporary.
pub fn all(layer: &LayerDisk, environment: &Name) -> Result<Vec<Release>> {
    let folders = entries(&layer.releases())?;
    let releases = folders.iter().filter_map(|folder| {
        let (serial, id) = folder.file_name()?.to_str()?.split_once('-')?;
        let serial = serial.parse().ok()?;
        Some(Release { environment: environment.clone(), serial, id: id.to_owned() })
    });
    Ok(releases.filter(|release| is_folder(&layer.release(release))).collect())
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
        write::link(&target, &next)?;
        write::rename(&next, &current)?;
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
        // A link that somebody planted leads to what is not ours to sweep.
        if !folder_at(&folder)? {
            remove(&folder)?;
            continue;
        }
        for path in entries(&folder)? {
            if kept.contains(&path) || kept.iter().any(|kept| mark_of(kept) == path) {
                continue;
            }
            if hidden(&path) {
                remove(&path)?;
                continue;
            }
            let gone = beside(&path, "gone");
            write::rename(&path, &gone)?;
            reach(Checkpoint::Gone);
            remove_folder(&gone)?;
            remove(&mark_of(&path))?;
        }
        // Succeeds only for an empty folder, and only such a one is to go.
        write::remove_if_empty(&folder);
    }
    let mut used: BTreeSet<Sha256> = wanted.iter().map(|pack| pack.sha256).collect();
    for other in entries(&disk.file("layers"))? {
        // What another site is about to fetch, or is in the middle of.
        if other != layer.root() {
            for manifest in entries(&other.join("manifests"))? {
                used.extend(packs_of(&read_capped(&manifest)?.unwrap_or_default()));
            }
        }
        for folder in entries(&other.join("releases"))? {
            for mark in entries(&folder)?.iter().filter(|path| hidden(path) && ends(path, ".manifest")) {
                used.extend(packs_of(&read_capped(mark)?.unwrap_or_default()));
            }
        }
    }
    let unused = |path: &Path| !hash_in(path).is_some_and(|sha256| used.contains(&sha256));
    // A pack under its name is whole: all that go lose their names first, lastingly.
    let gone = disk.file("packs").join(".gone");
    let packs: Vec<_> = entries(&disk.file("packs"))?.into_iter().filter(|path| unused(path)).collect();
    if !packs.is_empty() {
        write::move_into(&gone, packs.iter().filter(|pack| **pack != gone))?;
        remove_folder(&gone)?;
    }
    for part in entries(&disk.file("incoming"))?.iter().filter(|path| unused(path)) {
        remove(part)?;
    }
    Ok(())
}

/// Removes what an earlier run that was cut off left half done, so that no such run costs a node space
/// until the next release. What an unfinished download has left is no litter: it is taken up.
///
/// # Errors
/// Temporary.
pub fn tidy(disk: &Disk, layer: &LayerDisk) -> Result<()> {
    for folder in entries(&layer.releases())?.into_iter().filter(|folder| is_folder(folder)) {
        let all = entries(&folder)?;
        for path in all.iter().filter(|path| hidden(path) && (ends(path, ".new") || ends(path, ".gone"))) {
            remove(path)?;
        }
        for old in all.iter().filter(|path| hidden(path) && ends(path, ".old")) {
            let name = old.file_name().unwrap_or_default().to_string_lossy();
            let path = folder.join(name.trim_start_matches('.').trim_end_matches(".old"));
            // Cut off between two renames: what was to be replaced is still all there is.
            if folder_at(&path)? { remove(old)? } else { write::rename(old, &path)? }
        }
    }
    for path in entries(&disk.file("packs"))?.iter().filter(|path| hash_in(path).is_none()) {
        remove(path)?;
    }
    for path in entries(&disk.file("incoming"))? {
        if hash_in(&path).is_none_or(|sha256| is_folder(&disk.pack(&sha256))) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Puts a complete folder under its name; one that stands there goes, and is never missing in between
/// where the file system can exchange the two.
fn put(fresh: &Path, path: &Path) -> Result<()> {
    if !folder_at(path)? {
        remove(path)?;
        return write::rename(fresh, path);
    }
    if write::exchange(fresh, path)? {
        return remove_folder(fresh);
    }
    let old = beside(path, "old");
    remove(&old)?;
    write::rename(path, &old)?;
    write::rename(fresh, path)?;
    remove_folder(&old)
}

/// A name for what belongs to a release and is none. No environment's name starts with a dot.
fn beside(release: &Path, what: &str) -> PathBuf {
    let name = release.file_name().unwrap_or_default().to_string_lossy();
    release.with_file_name(format!(".{name}.{what}"))
}

/// The hash that names a pack.
fn hash_in(path: &Path) -> Option<Sha256> {
    Sha256::parse(path.file_name()?.to_str()?).ok()
}

/// Whether a folder stands there. What cannot be looked at may well be one: it is not taken for litter.
fn folder_at(path: &Path) -> Result<bool> {
    Ok(standing_at(path)?.is_some_and(|found| found.is_dir()))
}

fn ends(path: &Path, end: &str) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(end.as_bytes())
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The signed manifest that a release was built from: a file beside its folder.
fn mark_of(release: &Path) -> PathBuf {
    beside(release, "manifest")
}

/// The packs that a kept manifest names; none when it is not readable. It was verified when it was kept,
/// and by now its key may have been rotated away.
fn packs_of(document: &[u8]) -> Vec<Sha256> {
    let packs = manifest_in(document).into_iter().flat_map(|manifest| manifest.packs);
    packs.map(|pack| pack.sha256).collect()
}

/// What a kept manifest says, as of [`packs_of`].
pub fn manifest_in(document: &[u8]) -> Option<Manifest> {
    json::parse(Document::parse(document).ok()?.payload).ok()
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
