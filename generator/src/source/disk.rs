//! A folder on disk → a source tree.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ignore::WalkBuilder;

use super::{
    CONF, EntryKind, IGNORE_FILE, MAX_RULES, Partition, TOO_MANY_RULES, Tree, parse_modulepath, refused,
    unclear,
};
use crate::error::{Error, Result};
use crate::source::content::{FileContent, FileStamp};

/// Reads the tree at `root`, without ignored files and without the paths `own`.
///
/// # Errors
/// For files that a release cannot hold: devices and other special files, names that are not UTF-8, names
/// that differ only in case. The error names the path.
pub fn scan(root: &Path, own: &[PathBuf]) -> Result<Tree> {
    let mut cut = Partition::new(modulepath(root)?);
    let own: Vec<PathBuf> = own.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let metadata = fs::metadata(root).map_err(|e| source_error(root, e))?;
    if !metadata.is_dir() {
        return Err(source_error(root, "not a folder"));
    }
    let real_root = fs::canonicalize(root).map_err(|e| source_error(root, e))?;
    let mut walk = WalkBuilder::new(&real_root);
    walk.standard_filters(false).follow_links(false).add_custom_ignore_filename(IGNORE_FILE);
    walk.sort_by_file_name(Ord::cmp);
    check_ignore_file(&real_root).map_err(|why| unclear(&why))?;
    // The fault of a folder that the walk enters; the walk's filter can only skip it.
    let unread = Arc::new(OnceLock::new());
    let first = Arc::clone(&unread);
    walk.filter_entry(move |entry| {
        let name = entry.file_name();
        name != ".git"
            && name != crate::site::CACHE
            && name != IGNORE_FILE
            && !own.iter().any(|o| o == entry.path())
            && (!entry.file_type().is_some_and(|kind| kind.is_dir())
                || check_ignore_file(entry.path()).map_err(|why| first.set(why)).is_ok())
    });
    for entry in walk.build() {
        let entry = entry.map_err(|e| Error::temporary(format!("reading source tree: {e}")))?;
        // The walk ignores an invalid line of an ignore file, and would publish files that the line was to hide.
        if let Some(why) = entry.error() {
            return Err(unclear(&why.to_string().replace('\n', "; ")));
        }
        if let Some(why) = unread.get() {
            return Err(unclear(why));
        }
        if entry.depth() == 0 {
            continue;
        }
        let disk = entry.path();
        let relative = disk.strip_prefix(&real_root).unwrap_or(disk);
        let Some(path) = relative.to_str() else {
            return Err(refused(&relative.to_string_lossy(), "its name is not UTF-8"));
        };
        let metadata = fs::symlink_metadata(disk).map_err(|e| Error::io("reading", disk, e))?;
        cut.add(path, kind(disk, path, &metadata)?)?;
    }
    if let Some(why) = unread.get() {
        return Err(unclear(why));
    }
    Ok(cut.done())
}

/// The walk treats an unreadable ignore file as empty, and it would wait for a pipe.
fn check_ignore_file(folder: &Path) -> std::result::Result<(), String> {
    let path = folder.join(IGNORE_FILE);
    let fault = |why: &dyn std::fmt::Display| Err(format!("{}: {why}", path.display()));
    match fs::symlink_metadata(&path).and_then(|_| fs::metadata(&path)) {
        Err(e) if e.kind() == ErrorKind::NotFound && !path.is_symlink() => return Ok(()),
        Err(e) => return fault(&e),
        Ok(there) if !there.is_file() => return fault(&"not a regular file"),
        Ok(_) => {}
    }
    match fs::read(&path).map(String::from_utf8) {
        Ok(Ok(text)) if text.lines().count() > MAX_RULES => fault(&TOO_MANY_RULES),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => fault(&"not UTF-8"),
        Err(e) => fault(&e),
    }
}

fn kind(disk: &Path, path: &str, metadata: &Metadata) -> Result<EntryKind> {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        return Ok(EntryKind::Folder);
    }
    if file_type.is_file() {
        let content = FileContent::Disk { path: disk.to_owned(), stamp: FileStamp::of(metadata) };
        return Ok(EntryKind::File { executable: metadata.mode() & 0o100 != 0, content });
    }
    if file_type.is_symlink() {
        let target = fs::read_link(disk).map_err(|e| Error::io("reading", disk, e))?;
        let Some(target) = target.to_str() else {
            return Err(refused(path, "it is a link whose target is not UTF-8"));
        };
        return Ok(EntryKind::Link { target: FileContent::Bytes(target.as_bytes().into()) });
    }
    Err(refused(path, "it is neither a file, a folder nor a symbolic link"))
}

/// The relative folders of `modulepath` in `environment.conf`.
fn modulepath(root: &Path) -> Result<BTreeSet<String>> {
    let path = root.join(CONF);
    // Reading a pipe could wait for ever.
    let text = match fs::metadata(&path) {
        Ok(there) if !there.is_file() => return Err(refused(CONF, "it is not a regular file")),
        Ok(_) => fs::read(&path).map_err(|e| Error::io("reading", &path, e))?,
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::io("reading", &path, e)),
    };
    // Comments may have any encoding.
    Ok(parse_modulepath(&String::from_utf8_lossy(&text)))
}

fn source_error(root: &Path, why: impl std::fmt::Display) -> Error {
    Error::configuration(format!("reading source tree `{}`: {why}", root.display()))
        .hint("set `environments: {NAME: {source: {path: …}}}` in the site file to the folder")
}

#[cfg(test)]
mod tests;
