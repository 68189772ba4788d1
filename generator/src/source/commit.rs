//! A commit of a git repository → a source tree, without a work tree: only names and ids are read here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ignore::Ignored;
use super::{CONF, EntryKind, IGNORE_FILE, Partition, Tree, parse_modulepath, refused};
use crate::error::{Error, Result};
use crate::git::{self, Commit, Repository};
use crate::site::{CACHE, SITE_FILE};
use crate::source::content::FileContent;

/// Reads the folder `below` (empty: the root) of a commit, without ignored files. `own` are the names in it
/// that belong to the site, if it is the site's own folder.
///
/// # Errors
/// As [`super::scan`]; refused for a submodule, whose files are in another repository.
pub fn commit(repository: &Arc<Repository>, commit: &Commit, below: &str, own: &[String]) -> Result<Tree> {
    let entries = repository.entries(commit, below)?;
    if entries.is_empty() && !below.is_empty() && repository.tree_id(commit, below)?.is_none() {
        return Err(Error::configuration(format!(
            "building from `{}`: commit {:.12} has no folder `{below}`",
            repository.url(),
            commit.id()
        ))
        .hint("set `path` in the site file to a folder of the repository"));
    }
    let is_site = entries.iter().any(|entry| entry.path == SITE_FILE);
    let own = if is_site { own } else { &[] };
    let read = read(repository, &entries)?;
    if entries.iter().any(|entry| entry.path == CONF && !matches!(entry.kind, git::EntryKind::File { .. })) {
        return Err(refused(CONF, "it is not a regular file"));
    }
    let conf = read.get(CONF).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    let mut cut = Partition::new(parse_modulepath(&conf));
    let mut conversions = repository.conversions(commit, below, &entries)?;
    let mut ignored = Ignored::of(&entries, &read)?;
    for entry in &entries {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let never = [".git", CACHE, IGNORE_FILE].contains(&name) || own.contains(&entry.path);
        if !ignored.leaves_out(&entry.path, entry.kind == git::EntryKind::Folder, never)? {
            cut.add(&entry.path, kind(repository, entry, conversions.remove(&entry.path))?)?;
        }
    }
    let mut tree = cut.done();
    tree.read = read.into_iter().filter(|(path, _)| tree.find(path).is_some()).collect();
    Ok(tree)
}

/// Reads the files that are always needed, in one run of git: those that decide where packs begin and what
/// they leave out, and the `Puppetfile`.
fn read(repository: &Repository, entries: &[git::Entry]) -> Result<BTreeMap<String, Vec<u8>>> {
    let wanted = |entry: &&git::Entry| {
        let file = matches!(entry.kind, git::EntryKind::File { .. });
        let name = entry.path.rsplit('/').next();
        file && (name == Some(IGNORE_FILE) || HEADS.contains(&&*entry.path))
    };
    let wanted: Vec<&git::Entry> = entries.iter().filter(wanted).collect();
    let ids: Vec<String> = wanted.iter().map(|entry| entry.id.clone()).collect();
    Ok(wanted.iter().map(|entry| entry.path.clone()).zip(repository.blobs(&ids)?).collect())
}

fn kind(
    repository: &Arc<Repository>,
    entry: &git::Entry,
    conversion: Option<git::Conversion>,
) -> Result<EntryKind> {
    let content = || FileContent::Blob {
        repository: Arc::clone(repository),
        id: entry.id.clone(),
        conversion: conversion.map(Arc::new),
    };
    match entry.kind {
        git::EntryKind::Folder => Ok(EntryKind::Folder),
        git::EntryKind::File { executable } => Ok(EntryKind::File { executable, content: content() }),
        git::EntryKind::Link => Ok(EntryKind::Link { target: content() }),
        git::EntryKind::Submodule => Err(submodule(&entry.path)),
    }
}

/// The refusal of a folder whose files are in another repository.
#[must_use]
pub fn submodule(path: &str) -> Error {
    let path: String = path.chars().flat_map(char::escape_debug).collect();
    Error::refused(format!("building from `{path}`: it is a git submodule, whose files are in another repository")).hint(format!(
        "declare it as a git module in the `Puppetfile`, or check it out (`git submodule update --init`) and build from a folder, or add it to `{IGNORE_FILE}`"
    ))
}

const HEADS: [&str; 3] = [CONF, "Puppetfile", "Puppetfile.lock"];

#[cfg(test)]
mod tests;
