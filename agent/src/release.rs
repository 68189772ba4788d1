//! A release on disk: built of packs beside the live one, switched to by one rename, swept when it is
//! no longer needed.
//!
//! Files are hard links into the packs: a release is a real tree, and costs no copy.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use agent_core::hash::Sha256;
use agent_core::manifest::Manifest;
use agent_core::refusal::Refusal;
use agent_core::state::Release;
use agent_core::verify::Verified;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{Disk, LayerDisk, make_folder, sync_folder_of};
use crate::error::{At, Error, Result};
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

/// The release that a manifest makes.
pub fn release_of(manifest: &Manifest) -> Release {
    Release { environment: manifest.environment.clone(), serial: manifest.serial }
}

/// Builds the release's folder out of packs that are all in place. One that stands complete from an
/// earlier run is used as it is, unless `manifest` is another than it was built from.
///
/// # Errors
/// Refused: packs that overlap. Temporary: the disk.
pub fn stage(manifest: &Verified<Manifest>, disk: &Disk, layer: &LayerDisk) -> Result<Staged> {
    let release = release_of(manifest);
    let path = layer.release(&release);
    let mark = mark_of(&path);
    let built_from = fs::read_to_string(&mark).unwrap_or_default();
    let wanted = marked(manifest);
    if built_from == wanted && path.is_dir() {
        return Ok(Staged { release, path });
    }
    let fresh = path.with_file_name(format!(".{}.new", release.environment));
    remove_folder(&fresh)?;
    make_folder(&fresh)?;
    let mut packs: Vec<_> = manifest.packs.iter().collect();
    packs.sort_by(|a, b| a.path.cmp(&b.path));
    for pack in packs {
        let target = fresh.join(&pack.path);
        folders(&target)?;
        link_tree(&disk.pack(&pack.sha256), &target, &pack.path)?;
    }
    crate::disk::replace(&mark, wanted.as_bytes())?;
    sync(&fresh)?;
    remove_folder(&path)?;
    fs::rename(&fresh, &path).at("naming", &path)?;
    sync_folder_of(&path)?;
    reach(Checkpoint::Staged);
    Ok(Staged { release, path })
}

/// Makes the release live.
///
/// # Errors
/// Temporary; the one that was live then still is.
pub fn switch(staged: Staged, layer: &LayerDisk) -> Result<Live> {
    if layer.live().as_ref() != Some(&staged.release) {
        let current = layer.current();
        let next = current.with_extension("new");
        match fs::remove_file(&next) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).at("removing", &next);
            }
            _ => {}
        }
        let Release { environment, serial } = &staged.release;
        symlink(format!("releases/{serial}/{environment}"), &next).at("linking", &next)?;
        fs::rename(&next, &current).at("switching", &current)?;
        sync_folder_of(&current)?;
    }
    reach(Checkpoint::Switched);
    Ok(Live(staged))
}

/// Removes releases of this layer that are not in `keep`, and packs that no release on the node uses.
///
/// # Errors
/// Temporary; what could not be removed is tried again by the next sweep.
pub fn sweep(keep: &[Release], disk: &Disk, layer: &LayerDisk) -> Result<()> {
    let kept: BTreeSet<PathBuf> = keep.iter().map(|release| layer.release(release)).collect();
    for serial in entries(&layer.releases())? {
        for path in entries(&serial)? {
            if path.is_dir() && !kept.contains(&path) {
                remove_folder(&path)?;
                let _ = fs::remove_file(mark_of(&path));
            }
        }
        // Succeeds only for an empty folder, and only such a one is to go.
        let _ = fs::remove_dir(&serial);
    }
    let mut used = BTreeSet::new();
    for layer in entries(&disk.file("layers"))? {
        for serial in entries(&layer.join("releases"))? {
            for mark in entries(&serial)? {
                let text =
                    if mark.is_file() { fs::read_to_string(&mark).at("reading", &mark)? } else { continue };
                used.extend(text.lines().filter_map(|line| Sha256::parse(line).ok()));
            }
        }
    }
    for pack in entries(&disk.file("packs"))? {
        let name = pack.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !Sha256::parse(name).is_ok_and(|sha256| used.contains(&sha256)) {
            remove_folder(&pack)?;
        }
    }
    for stray in entries(&disk.file("incoming"))? {
        fs::remove_file(&stray).at("removing", &stray)?;
    }
    Ok(())
}

/// The file beside a release's folder that lists the packs it was built from. No environment's name
/// starts with a dot.
fn mark_of(release: &Path) -> PathBuf {
    let name = release.file_name().unwrap_or_default().to_string_lossy();
    release.with_file_name(format!(".{name}.packs"))
}

fn marked(manifest: &Verified<Manifest>) -> String {
    let mut lines: Vec<_> =
        manifest.packs.iter().map(|pack| format!("{}\n{}\n", pack.sha256, pack.path)).collect();
    lines.sort();
    lines.concat()
}

fn folders(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path).at("making the folder", path)
}

fn link_tree(from: &Path, to: &Path, pack: &str) -> Result<()> {
    for source in entries(from)? {
        let Some(name) = source.file_name() else { continue };
        let target = to.join(name);
        let kind = fs::symlink_metadata(&source).at("reading", &source)?.file_type();
        if kind.is_dir() {
            folders(&target)?;
            link_tree(&source, &target, pack)?;
            continue;
        }
        if fs::symlink_metadata(&target).is_ok() {
            let why = format!("pack `{pack}` and another both hold `{}`", name.display());
            return Err(Error::refused("the release", &Refusal::Invalid(why)));
        }
        if kind.is_symlink() {
            let link = fs::read_link(&source).at("reading", &source)?;
            symlink(link, &target).at("linking", &target)?;
        } else if fs::hard_link(&source, &target).is_err() {
            // A file system without hard links, or with too many of this one.
            fs::copy(&source, &target).at("copying", &target)?;
        }
    }
    Ok(())
}

/// The paths in a folder, sorted; none when there is no such folder.
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
    paths.sort();
    Ok(paths)
}
