//! Builds the tree of a release from its packs.
//!
//! A pack may be below a folder of another pack, but not below a link or a file of another pack, and no two
//! packs may contain the same file. So no pack can leave the release with the help of another pack.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::pack::{Pack, title};
use stringless_core::refusal::Refusal;

use crate::disk::{Disk, content, metadata_of, write};
use crate::error::{At, Error, Result};

/// Copies the content of every pack into the empty folder `root`.
///
/// # Errors
/// Refused: the packs overlap. Temporary: the disk.
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
        } else if metadata_of(&target)?.is_some() {
            return Err(overlap(&target, pack));
        } else if kind.is_symlink() {
            let link = fs::read_link(&source).at("reading", &source)?;
            write::link(&link.to_string_lossy(), &target)?;
        } else if kind.is_file() {
            content::copy(&source, &target)?;
        } else {
            // A FIFO would make the copy wait for ever.
            return Err(Error::tampered(format!("copying `{}`: it is not a regular file", source.display()))
                .hint("somebody changed the packs: find out who, then remove the folder `packs`"));
        }
    }
    Ok(())
}

/// Creates the folder if needed. Anything there that is not a folder belongs to another pack.
fn enter(folder: &Path, pack: &Pack) -> Result<()> {
    match metadata_of(folder)? {
        Some(there) if there.is_dir() => Ok(()),
        Some(_) => Err(overlap(folder, pack)),
        None => content::make_open_folder(folder),
    }
}

fn overlap(path: &Path, pack: &Pack) -> Error {
    let name = path.file_name().unwrap_or_default().display();
    let why = format!("{} and another both contain `{name}`", title(&pack.path));
    Error::refused("the release", &Refusal::Invalid(why))
}
