//! Releases on disk: builds a release from packs next to the live one, makes it live by one rename, and
//! removes old releases and packs.
//!
//! Packs stay as they came, so an engine that changes its release does not change the verified packs. A folder
//! with a release's name is always complete, because it appears and disappears by one rename.

pub mod search;
pub mod tree;
pub mod verified;

mod sweep;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::state::Release;

pub use self::sweep::{remove_others, sweep};
use self::tree::Tree;
use crate::checkpoint::{Checkpoint, reach};
use crate::disk::write::{self, make_folder, remove, remove_folder};
use crate::disk::{Disk, LayerDisk, folder_of, is_folder, metadata_of, read_capped};
use crate::error::{At, Result};

/// A complete release on disk, live or not.
#[derive(Debug)]
pub struct Staged {
    /// The release.
    pub release: Release,
    /// Its folder.
    pub path: PathBuf,
}

/// The release that the link `current` points to.
#[derive(Debug)]
pub struct Live(pub Staged);

/// A release that is being built, next to its final place.
#[derive(Debug)]
pub struct Draft {
    /// Where its packs are unpacked.
    pub tree: Arc<Tree>,
    release: Release,
    path: PathBuf,
    fresh: PathBuf,
}

impl Draft {
    /// Makes the folder.
    ///
    /// # Errors
    /// Temporary: the disk.
    pub fn new(release: Release, layer: &LayerDisk) -> Result<Self> {
        let path = layer.release(&release);
        let fresh = beside(&path, "new");
        remove(&fresh)?;
        make_folder(path.parent().unwrap_or(&path))?;
        make_folder(&fresh)?;
        Ok(Self { tree: Arc::new(Tree::open(&fresh)?), release, path, fresh })
    }

    /// Gives the complete folder its final name. It replaces an existing folder in one step. `document` is the
    /// signed manifest.
    ///
    /// # Errors
    /// Temporary: the disk.
    pub fn finish(self, document: &[u8]) -> Result<Staged> {
        let Self { release, path, fresh, .. } = self;
        // Written first, so that the sweep never removes a pack of an existing release.
        write::replace(&manifest_path(&path), document)?;
        write::sync_all(&fresh)?;
        reach(Checkpoint::Marked);
        place(&fresh, &path)?;
        reach(Checkpoint::Staged);
        Ok(Staged { release, path })
    }

    /// Removes the folder.
    pub fn discard(self) {
        // If that fails, the next run does it.
        let _ = remove(&self.fresh);
        write::remove_if_empty(self.path.parent().unwrap_or(&self.path));
    }
}

/// Finds a complete release on disk, with the signed manifest that it was built from.
pub fn find(release: &Release, layer: &LayerDisk) -> Option<(Staged, Vec<u8>)> {
    let path = layer.release(release);
    let document = read_capped(&manifest_path(&path)).ok()??;
    is_folder(&path).then(|| (Staged { release: release.clone(), path }, document))
}

/// All releases of an environment on disk.
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
/// Temporary; the link then points to the old or the new release, both complete.
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

/// Removes unfinished files and folders of an interrupted run, so that they do not use space until the next
/// release. Unfinished downloads stay, because the next run resumes them.
///
/// # Errors
/// Temporary.
pub fn clean_up(disk: &Disk, layer: &LayerDisk) -> Result<()> {
    for folder in entries(&layer.releases())?.into_iter().filter(|folder| is_folder(folder)) {
        let all = entries(&folder)?;
        for path in
            all.iter().filter(|path| hidden(path) && (ends_with(path, ".new") || ends_with(path, ".gone")))
        {
            remove(path)?;
        }
        for old in all.iter().filter(|path| hidden(path) && ends_with(path, ".old")) {
            let name = old.file_name().unwrap_or_default().to_string_lossy();
            let path = folder.join(name.trim_start_matches('.').trim_end_matches(".old"));
            // If the run was interrupted between two renames, the old folder is the only one: rename it back.
            if folder_at(&path)? { remove(old)? } else { write::rename(old, &path)? }
        }
    }
    for path in entries(&disk.file("packs"))?.iter().filter(|path| hash_in(path).is_none()) {
        remove(path)?;
    }
    Ok(())
}

/// Gives a complete folder its final name, and removes an existing folder with that name. If the file system
/// can exchange two names, there is always a folder with that name.
fn place(fresh: &Path, path: &Path) -> Result<()> {
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

/// The path of a file or folder that belongs to a release. It starts with a dot, unlike any environment's
/// name.
fn beside(release: &Path, what: &str) -> PathBuf {
    let name = release.file_name().unwrap_or_default().to_string_lossy();
    release.with_file_name(format!(".{name}.{what}"))
}

/// The hash in a pack's file name.
fn hash_in(path: &Path) -> Option<Sha256> {
    Sha256::parse(path.file_name()?.to_str()?).ok()
}

/// Whether the path is a folder. Returns an error if that is unknown, so that the folder is not removed.
fn folder_at(path: &Path) -> Result<bool> {
    Ok(metadata_of(path)?.is_some_and(|found| found.is_dir()))
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(end.as_bytes())
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The path of the signed manifest that a release was built from: a file next to its folder.
fn manifest_path(release: &Path) -> PathBuf {
    beside(release, "manifest")
}

/// Parses a saved manifest without verification; see [`sweep`].
pub fn manifest_in(document: &[u8]) -> Option<Manifest> {
    json::parse(Document::parse(document).ok()?.payload).ok()
}

/// The paths in a folder; none if there is no such folder.
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
