//! Removes the releases, packs and layers that the node does not need any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stringless_core::hash::Sha256;
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::state::Release;

use super::{beside, ends_with, entries, folder_at, hash_in, hidden, manifest_in, manifest_path};
use crate::checkpoint::{Checkpoint, reach};
use crate::disk::write::{self, remove, remove_folder};
use crate::disk::{Disk, LayerDisk, is_folder, metadata_of, read_capped};
use crate::error::Result;

/// Removes this layer's releases that are not in `keep`, unfinished folders, and packs that neither `wanted`
/// nor any release on the node uses.
///
/// # Errors
/// Temporary; the next sweep tries again.
pub fn sweep(keep: &[Release], wanted: &[Pack], disk: &Disk, layer: &LayerDisk) -> Result<()> {
    let kept: BTreeSet<PathBuf> = keep.iter().map(|release| layer.release(release)).collect();
    for folder in entries(&layer.releases())? {
        // Do not follow a link that somebody put here: its target is not ours.
        if !folder_at(&folder)? {
            remove(&folder)?;
            continue;
        }
        for path in entries(&folder)? {
            if kept.contains(&path) || kept.iter().any(|kept| manifest_path(kept) == path) {
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
            remove(&manifest_path(&path))?;
        }
        // Removes the folder only if it is empty.
        write::remove_if_empty(&folder);
    }
    sweep_packs(wanted, Some(layer.root()), disk)
}

/// Removes the folders of sites that are not followed any more, and the packs that only they used. Returns the
/// names of these sites.
///
/// # Errors
/// Temporary; the next call tries again.
pub fn remove_others(followed: &[&Name], disk: &Disk) -> Result<Vec<String>> {
    let layers = disk.file("layers");
    let mut removed = Vec::new();
    if !is_folder(&layers) {
        return Ok(removed);
    }
    for path in entries(&layers)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if followed.iter().any(|site| site.as_str() == name) {
            continue;
        }
        // The name goes first, so that an interrupted removal leaves nothing that looks like a layer.
        if hidden(&path) {
            remove(&path)?;
        } else {
            let gone = beside(&path, "gone");
            remove(&gone)?;
            write::rename(&path, &gone)?;
            remove(&gone)?;
        }
        removed.push(name.trim_start_matches('.').trim_end_matches(".gone").to_owned());
    }
    if !removed.is_empty() {
        sweep_packs(&[], None, disk)?;
    }
    Ok(removed)
}

/// Removes the packs that neither `wanted` nor any release on the node uses. `own` is the layer
/// that `wanted` is for; the other layers may still need the packs of their saved manifests.
fn sweep_packs(wanted: &[Pack], own: Option<&Path>, disk: &Disk) -> Result<()> {
    let mut used: BTreeSet<Sha256> = wanted.iter().map(|pack| pack.sha256).collect();
    for other in entries(&disk.file("layers"))? {
        // Keep the packs that another layer is fetching or will fetch.
        if own != Some(&*other) {
            for manifest in entries(&other.join("manifests"))? {
                used.extend(packs_of(&read_capped(&manifest)?.unwrap_or_default()));
            }
        }
        for folder in entries(&other.join("releases"))? {
            for mark in entries(&folder)?.iter().filter(|path| hidden(path) && ends_with(path, ".manifest")) {
                used.extend(packs_of(&read_capped(mark)?.unwrap_or_default()));
            }
        }
    }
    for path in entries(&disk.file("packs"))? {
        // What is not a file was put there by somebody else, or by an older agent.
        let is_file = metadata_of(&path)?.is_none_or(|found| found.is_file());
        if !is_file || !hash_in(&path).is_some_and(|sha256| used.contains(&sha256)) {
            remove(&path)?;
        }
    }
    remove(&disk.file("incoming"))
}

/// The packs of a saved manifest; none if it is not readable. It was verified before it was saved, and is not
/// verified again: a rotation may have removed its key.
fn packs_of(document: &[u8]) -> Vec<Sha256> {
    let packs = manifest_in(document).into_iter().flat_map(|manifest| manifest.packs);
    packs.map(|pack| pack.sha256).collect()
}
