//! A commit of a git repository → a source tree, without a work tree: only names and ids are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ignore::Ignored;
use super::{CONF, Cut, FoundKind, IGNORE_FILE, Tree, parse_modulepath, refused};
use crate::error::{Error, Result};
use crate::git::{Commit, Entry, EntryKind, Mirror};
use crate::site::{CACHE, SITE_FILE};
use crate::source::content::Content;

/// Reads the folder `below` (empty: all) of a commit without what is ignored. Where it is a site's own
/// folder, `own` are the names in it that belong to the site.
///
/// # Errors
/// As [`super::scan`]; refused for a submodule, whose files are elsewhere.
pub fn commit(repository: &Arc<Mirror>, commit: &Commit, below: &str, own: &[String]) -> Result<Tree> {
    let entries = repository.entries(commit, below)?;
    if entries.is_empty() && !below.is_empty() && repository.tree_id(commit, below)?.is_none() {
        return Err(Error::configuration(format!(
            "building from `{}`: commit {:.12} has no folder `{below}`",
            repository.url(),
            commit.id()
        ))
        .hint("`path` in the site file names a folder of the repository"));
    }
    let is_site = entries.iter().any(|entry| entry.path == SITE_FILE);
    let own = if is_site { own } else { &[] };
    let read = read(repository, &entries)?;
    if entries.iter().any(|entry| entry.path == CONF && !matches!(entry.kind, EntryKind::File { .. })) {
        return Err(refused(CONF, "it is no regular file"));
    }
    let conf = read.get(CONF).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    let mut cut = Cut::new(parse_modulepath(&conf));
    let mut ignored = Ignored::of(&entries, &read)?;
    for entry in &entries {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let never = [".git", CACHE, IGNORE_FILE].contains(&name) || own.contains(&entry.path);
        if !ignored.leaves_out(&entry.path, entry.kind == EntryKind::Folder, never)? {
            cut.add(&entry.path, kind(repository, entry)?)?;
        }
    }
    let mut tree = cut.done();
    tree.read = read.into_iter().filter(|(path, _)| tree.find(path).is_some()).collect();
    Ok(tree)
}

/// What is asked for in any case, in one run of git: what says where packs begin and what they leave out,
/// and which modules there are.
fn read(repository: &Mirror, entries: &[Entry]) -> Result<BTreeMap<String, Vec<u8>>> {
    let wanted = |entry: &&Entry| {
        let file = matches!(entry.kind, EntryKind::File { .. });
        let name = entry.path.rsplit('/').next();
        file && (name == Some(IGNORE_FILE) || HEADS.contains(&&*entry.path))
    };
    let wanted: Vec<&Entry> = entries.iter().filter(wanted).collect();
    let ids: Vec<String> = wanted.iter().map(|entry| entry.id.clone()).collect();
    Ok(wanted.iter().map(|entry| entry.path.clone()).zip(repository.blobs(&ids)?).collect())
}

fn kind(repository: &Arc<Mirror>, entry: &Entry) -> Result<FoundKind> {
    let content = || Content::Blob { repository: Arc::clone(repository), id: entry.id.clone() };
    match entry.kind {
        EntryKind::Folder => Ok(FoundKind::Folder),
        EntryKind::File { executable } => Ok(FoundKind::File { executable, content: content() }),
        EntryKind::Link => Ok(FoundKind::Link { target: content() }),
        EntryKind::Submodule => Err(submodule(&entry.path)),
    }
}

/// The refusal of a folder whose files are in another repository.
#[must_use]
pub fn submodule(path: &str) -> Error {
    let path: String = path.chars().flat_map(char::escape_debug).collect();
    Error::refused(format!("building from `{path}`: it is a git submodule, and its files are not here")).hint(format!(
        "take it in as a git module of the `Puppetfile`, or check it out (`git submodule update --init`) and build from a folder, or name it in `{IGNORE_FILE}`"
    ))
}

const HEADS: [&str; 3] = [CONF, "Puppetfile", "Puppetfile.lock"];

#[cfg(test)]
mod tests;
