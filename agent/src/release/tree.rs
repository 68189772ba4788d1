//! Packs, laid one over another, become the tree of a release.
//!
//! A pack may lie below the folder of another; it may not lie below a link or a file of another, and no
//! two may hold the same file. So no pack reaches out of the release by the help of a second one.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::pack::{Pack, title};
use stringless_core::refusal::Refusal;

use crate::disk::{Disk, content, standing_at, write};
use crate::error::{At, Error, Result};

/// Fills the empty folder `root` with the content of every pack.
///
/// # Errors
/// Refused: packs that overlap. Temporary: the disk.
pub fn build(packs: &[Pack], disk: &Disk, root: &Path) -> Result<()> {
    let mut packs: Vec<&Pack> = packs.iter().collect();
    packs.sort_by(|a, b| a.path.cmp(&b.path));
    for pack in packs {
        let mut folder = root.to_path_buf();
        for part in pack.path.split('/').filter(|part| !part.is_empty()) {
            folder.push(part);
            enter(&folder, pack)?;
        }
        lay(&disk.pack(&pack.sha256), &folder, pack)?;
    }
    Ok(())
}

fn lay(from: &Path, to: &Path, pack: &Pack) -> Result<()> {
    for entry in fs::read_dir(from).at("listing", from)? {
        let entry = entry.at("listing", from)?;
        let (source, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().at("reading", &source)?;
        if kind.is_dir() {
            enter(&target, pack)?;
            lay(&source, &target, pack)?;
        } else if standing_at(&target)?.is_some() {
            return Err(overlap(&target, pack));
        } else if kind.is_symlink() {
            let link = fs::read_link(&source).at("reading", &source)?;
            write::link(&link.to_string_lossy(), &target)?;
        } else {
            content::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Makes the folder, or finds it; what is there and is no folder of its own is another pack's.
fn enter(folder: &Path, pack: &Pack) -> Result<()> {
    match standing_at(folder)? {
        Some(there) if there.is_dir() => Ok(()),
        Some(_) => Err(overlap(folder, pack)),
        None => content::make_open_folder(folder),
    }
}

fn overlap(path: &Path, pack: &Pack) -> Error {
    let name = path.file_name().unwrap_or_default().display();
    let why = format!("{} and another both hold `{name}`", title(&pack.path));
    Error::refused("the release", &Refusal::Invalid(why))
}
