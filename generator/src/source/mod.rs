//! A source tree, on disk or in a commit → its files, by pack.
//!
//! One pack per module (each folder directly below a folder of `modulepath`), one for each other
//! top-level folder, one for the top-level files: a changed line re-sends one small pack.

pub mod content;
pub mod environment;

mod commit;
mod disk;
mod ignore;

use std::collections::{BTreeMap, BTreeSet};

use stringless_core::pack::join_path;

pub use self::commit::submodule;
pub use self::disk::scan;
use crate::error::{Error, Result};
use crate::source::content::FileContent;

/// A source tree, divided into packs.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The entries of each pack, by its path in the release: `modules/ntp`, or empty for the top level.
    pub packs: BTreeMap<String, Vec<Entry>>,
    /// Texts of files that were already read, by path.
    read: BTreeMap<String, Vec<u8>>,
}

/// A file, folder or link of a pack.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path in the pack.
    pub path: String,
    /// Its kind.
    pub kind: EntryKind,
}

/// The kind of an entry.
#[derive(Clone, Debug)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A regular file; executable when its owner may execute it.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Its bytes.
        content: FileContent,
    },
    /// A symbolic link.
    Link {
        /// The link's text.
        target: FileContent,
    },
}

/// The file with patterns of ignored files, in the syntax of `.gitignore`.
pub const IGNORE_FILE: &str = ".stringlessignore";
/// The most lines of an ignore file. Each path is held against each of them.
const MAX_RULES: usize = 10_000;
const TOO_MANY_RULES: &str = "more than 10000 lines";
/// The file that sets the `modulepath`.
pub const CONF: &str = "environment.conf";

impl Tree {
    /// The entry at `path` in the release; `None` for a folder that is a pack.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&EntryKind> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([0]);
        ends.filter_map(|at| Some((self.packs.get(&path[..at])?, path[at..].trim_start_matches('/'))))
            .find_map(|(found, rest)| Some(&found.iter().find(|one| one.path == rest)?.kind))
    }

    /// Whether the release has `path`.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        path.is_empty() || self.packs.contains_key(path) || self.find(path).is_some() || {
            let below = format!("{path}/");
            self.packs.range(below.clone()..).next().is_some_and(|(pack, _)| pack.starts_with(&below))
        }
    }

    /// The bytes of the file at `path`; `None` if there is no such file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match (self.read.get(path), self.find(path)) {
            (Some(bytes), _) => Ok(Some(bytes.clone())),
            (None, Some(EntryKind::File { content, .. })) => content.read().map(Some),
            _ => Ok(None),
        }
    }

    /// The text of the file at `path`; `None` if there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, or is not UTF-8.
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        let Some(bytes) = self.bytes(path)? else { return Ok(None) };
        String::from_utf8(bytes).map(Some).map_err(|_| {
            Error::configuration(format!("reading `{path}`: not UTF-8")).hint("save it as UTF-8")
        })
    }

    /// Removes folders that hold nothing but further packs.
    fn drop_bare_parents(&mut self) {
        let paths: BTreeSet<String> = self.packs.keys().cloned().collect();
        let holds_packs = |path: &str| {
            paths
                .range(format!("{path}/")..)
                .next()
                .is_some_and(|next| next.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
        };
        for (pack, found) in &mut self.packs {
            let full = |path: &str| join_path(pack, path);
            let mut kept: Vec<Entry> = Vec::new();
            // From the end, so that a folder comes after its content.
            for one in found.drain(..).rev() {
                let bare = matches!(one.kind, EntryKind::Folder)
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

/// A tree while it is divided into packs.
struct Partition {
    /// The folders whose subfolders are modules.
    module_parents: BTreeSet<String>,
    /// Paths, by their form on a file system that ignores case.
    names: BTreeMap<String, String>,
    tree: Tree,
}

impl Partition {
    fn new(module_parents: BTreeSet<String>) -> Self {
        Self { module_parents, names: BTreeMap::new(), tree: Tree::default() }
    }

    /// Adds the entry at `path`; a folder must come before its content.
    fn add(&mut self, path: &str, kind: EntryKind) -> Result<()> {
        if let Some(other) = self.names.insert(path.to_lowercase(), path.to_owned()) {
            return Err(refused(path, &format!("it differs from `{other}` only in case")));
        }
        let (pack, path) = place(path, matches!(kind, EntryKind::Folder), &self.module_parents);
        let found = self.tree.packs.entry(pack.to_owned()).or_default();
        if !path.is_empty() {
            found.push(Entry { path: path.to_owned(), kind });
        }
        Ok(())
    }

    fn done(mut self) -> Tree {
        self.tree.drop_bare_parents();
        self.tree
    }
}

/// The pack of `path`, and the path within the pack.
fn place<'a>(path: &'a str, folder: bool, module_parents: &BTreeSet<String>) -> (&'a str, &'a str) {
    let mut pack = "";
    for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
        let (head, last) = (&path[..at], at == path.len());
        // Only a folder can be a pack: a file or link there belongs to the pack around it.
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

/// The static relative entries of the last `modulepath` in the text of an `environment.conf`; `modules` if it
/// has none.
#[must_use]
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
        .hint(format!("remove it, or add it to `{IGNORE_FILE}`"))
}

fn unclear(why: &str) -> Error {
    Error::configuration(format!("reading `{IGNORE_FILE}`: {why}"))
        .hint("correct it: nothing is published while it is unclear which files to leave out")
}
