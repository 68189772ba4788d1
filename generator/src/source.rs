//! A source tree on disk → which file belongs to which pack.
//!
//! One pack per module (each folder directly below a folder of `modulepath`), one for each other
//! top-level folder, one for the top-level files: a changed line re-sends one small pack.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ignore::WalkBuilder;

use crate::error::{Error, Result};

/// A source tree, cut into packs.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// By the pack's path in the release: `modules/ntp`, or empty for the top level.
    pub packs: BTreeMap<String, Vec<Found>>,
}

/// A file, folder or link of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path in the pack.
    pub path: String,
    /// Where it lies.
    pub disk: PathBuf,
    /// What it is.
    pub kind: FoundKind,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A folder.
    Folder,
    /// A regular file; executable when its owner may execute it.
    File {
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link with this target.
    Link {
        /// The link's text.
        target: String,
    },
}

/// The file that names what is left out, in the syntax of `.gitignore`.
pub const IGNORE_FILE: &str = ".stringlessignore";

/// Reads the tree at `root` without what is ignored and without the paths `own`.
///
/// # Errors
/// For what a release cannot carry: devices and the like, names that are not UTF-8, names that differ
/// only in case; with the path.
pub fn scan(root: &Path, own: &[PathBuf]) -> Result<Tree> {
    let module_parents = modulepath(root)?;
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
    // Of a folder that is walked into; the walk's filter can only leave it out.
    let unread = Arc::new(OnceLock::new());
    let first = Arc::clone(&unread);
    walk.filter_entry(move |entry| {
        let name = entry.file_name();
        name != ".git"
            && name != crate::folder::CACHE
            && name != IGNORE_FILE
            && !own.iter().any(|o| o == entry.path())
            && (!entry.file_type().is_some_and(|kind| kind.is_dir())
                || check_ignore_file(entry.path()).map_err(|why| first.set(why)).is_ok())
    });
    let mut tree = Tree::default();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for entry in walk.build() {
        let entry = entry.map_err(|e| Error::temporary(format!("reading source tree: {e}")))?;
        // A line that it does not understand the walk overlooks, and would hand out what it hides.
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
        if let Some(other) = names.insert(path.to_lowercase(), path.to_owned()) {
            return Err(refused(path, &format!("it differs from `{other}` only in case")));
        }
        let metadata = fs::symlink_metadata(disk).map_err(|e| Error::io("reading", disk, e))?;
        let kind = kind(disk, path, &metadata)?;
        let (pack, path) = place(path, &kind, &module_parents);
        let found = tree.packs.entry(pack.to_owned()).or_default();
        if !path.is_empty() {
            found.push(Found { path: path.to_owned(), disk: disk.to_owned(), kind });
        }
    }
    if let Some(why) = unread.get() {
        return Err(unclear(why));
    }
    tree.drop_bare_parents();
    Ok(tree)
}

/// The walk takes an ignore file that it cannot read for one that hides nothing, and waits for a pipe.
fn check_ignore_file(folder: &Path) -> std::result::Result<(), String> {
    let path = folder.join(IGNORE_FILE);
    let told = |why: &dyn std::fmt::Display| Err(format!("{}: {why}", path.display()));
    match fs::symlink_metadata(&path).and_then(|_| fs::metadata(&path)) {
        Err(e) if e.kind() == ErrorKind::NotFound && !path.is_symlink() => return Ok(()),
        Err(e) => return told(&e),
        Ok(there) if !there.is_file() => return told(&"no regular file"),
        Ok(_) => {}
    }
    match fs::read(&path).map(String::from_utf8) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => told(&"not UTF-8"),
        Err(e) => told(&e),
    }
}

fn unclear(why: &str) -> Error {
    Error::configuration(format!("reading `{IGNORE_FILE}`: {why}"))
        .hint("mend it: nothing is published while it is not clear what to leave out")
}

impl Tree {
    /// Leaves out folders that hold nothing but packs of their own.
    fn drop_bare_parents(&mut self) {
        let paths: BTreeSet<String> = self.packs.keys().cloned().collect();
        let holds_packs = |path: &str| {
            paths
                .range(format!("{path}/")..)
                .next()
                .is_some_and(|next| next.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
        };
        for (pack, found) in &mut self.packs {
            let full = |path: &str| if pack.is_empty() { path.to_owned() } else { format!("{pack}/{path}") };
            let mut kept: Vec<Found> = Vec::new();
            // From the back: a folder comes after what it holds.
            for one in found.drain(..).rev() {
                let bare = one.kind == FoundKind::Folder
                    && holds_packs(&full(&one.path))
                    && !kept.last().is_some_and(|next| next.path.starts_with(&format!("{}/", one.path)));
                if !bare {
                    kept.push(one);
                }
            }
            kept.reverse();
            *found = kept;
        }
        self.packs.retain(|path, found| !found.is_empty() || (!path.is_empty() && !holds_packs(path)));
    }
}

/// The pack of `path`, and its path within.
fn place<'a>(path: &'a str, kind: &FoundKind, module_parents: &BTreeSet<String>) -> (&'a str, &'a str) {
    let folder = *kind == FoundKind::Folder;
    let mut pack = "";
    for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
        let (head, last) = (&path[..at], at == path.len());
        // Only a folder can be a pack: a file or link at that place belongs to what is around it.
        if last && !folder {
            break;
        }
        let parent = head.rsplit_once('/').map_or("", |(parent, _)| parent);
        if parent.is_empty() || module_parents.contains(parent) {
            pack = head;
        }
    }
    (pack, path[pack.len()..].trim_start_matches('/'))
}

fn kind(disk: &Path, path: &str, metadata: &Metadata) -> Result<FoundKind> {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        return Ok(FoundKind::Folder);
    }
    if file_type.is_file() {
        return Ok(FoundKind::File { executable: metadata.mode() & 0o100 != 0 });
    }
    if file_type.is_symlink() {
        let target = fs::read_link(disk).map_err(|e| Error::io("reading", disk, e))?;
        let Some(target) = target.to_str() else {
            return Err(refused(path, "it is a link whose target is not UTF-8"));
        };
        return Ok(FoundKind::Link { target: target.to_owned() });
    }
    Err(refused(path, "it is neither file, folder nor symbolic link"))
}

/// The relative folders of `modulepath` in `environment.conf`; `modules` where it says nothing.
///
/// # Errors
/// When the file is there and cannot be read, or is no file.
pub fn modulepath(root: &Path) -> Result<BTreeSet<String>> {
    let path = root.join("environment.conf");
    // A pipe would be waited for.
    let text = match fs::metadata(&path) {
        Ok(there) if !there.is_file() => return Err(refused("environment.conf", "it is no regular file")),
        Ok(_) => fs::read_to_string(&path).map_err(|e| Error::io("reading", &path, e))?,
        Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Error::io("reading", &path, e)),
    };
    Ok(parse_modulepath(&text))
}

/// The static relative entries of `modulepath`, the last one that `environment.conf` gives.
pub fn parse_modulepath(text: &str) -> BTreeSet<String> {
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "modulepath").then(|| value.trim())
    });
    let value = values.next_back().unwrap_or("modules");
    let entries = value.split(':').map(|entry| entry.trim().trim_matches('"'));
    entries
        .filter(|entry| !entry.contains('$') && !entry.starts_with('/'))
        .map(|entry| {
            let parts: Vec<&str> = entry.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            parts.join("/")
        })
        .filter(|entry| !entry.is_empty() && !entry.split('/').any(|part| part == ".."))
        .collect()
}

fn refused(path: &str, why: &str) -> Error {
    let path: String = path.chars().flat_map(char::escape_debug).collect();
    Error::refused(format!("building from `{path}`: {why}"))
        .hint(format!("remove it, or name it in `{IGNORE_FILE}`"))
}

fn source_error(root: &Path, why: impl std::fmt::Display) -> Error {
    Error::configuration(format!("reading source tree `{}`: {why}", root.display()))
        .hint("`environments: {NAME: {source: {path: …}}}` in the site file names it")
}

#[cfg(test)]
mod tests;
