//! What the ignore files of a commit leave out, by the rules that the walk of a folder has.

use std::collections::BTreeMap;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{IGNORE_FILE, unclear};
use crate::error::Result;
use crate::git::{Entry, EntryKind};

/// The ignore files of a commit, while its entries are gone through in their order.
pub(super) struct Ignored<'a> {
    /// The text of each, by the folder it is in; none for what is no file.
    files: BTreeMap<&'a str, Option<&'a [u8]>>,
    /// Those of the folders around the entry at hand, the outermost first.
    around: Vec<(String, Gitignore)>,
    /// The folder that is left out with all that is in it.
    left_out: Option<String>,
}

impl<'a> Ignored<'a> {
    /// Of these entries; `read` has the bytes of their files.
    ///
    /// # Errors
    /// When the outermost one is not understood.
    pub(super) fn of(entries: &'a [Entry], read: &'a BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let files = entries.iter().filter_map(|entry| {
            let folder = match entry.path.rsplit_once('/') {
                Some((folder, IGNORE_FILE)) => folder,
                None if entry.path == IGNORE_FILE => "",
                _ => return None,
            };
            let file = matches!(entry.kind, EntryKind::File { .. });
            Some((folder, read.get(&entry.path).filter(|_| file).map(Vec::as_slice)))
        });
        let mut ignored = Self { files: files.collect(), around: Vec::new(), left_out: None };
        ignored.enter("")?;
        Ok(ignored)
    }

    /// Whether the entry `path` is left out, because of `never` or by the nearest file that says so.
    ///
    /// # Errors
    /// When the ignore file in it is not understood.
    pub(super) fn leaves_out(&mut self, path: &str, folder: bool, never: bool) -> Result<bool> {
        if self.left_out.as_ref().is_some_and(|out| below(out, path).is_some()) {
            return Ok(true);
        }
        while self.around.last().is_some_and(|(around, _)| below(around, path).is_none()) {
            self.around.pop();
        }
        let said = self.around.iter().rev().find_map(|(around, rules)| {
            match rules.matched(below(around, path)?, folder) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            }
        });
        let out = never || said == Some(true);
        if out && folder {
            self.left_out = Some(path.to_owned());
        } else if folder {
            self.enter(path)?;
        }
        Ok(out)
    }

    fn enter(&mut self, folder: &str) -> Result<()> {
        let Some(file) = self.files.get(folder) else { return Ok(()) };
        let told = |why: &dyn std::fmt::Display| {
            unclear(&format!("{folder}/{IGNORE_FILE}: {why}").trim_start_matches('/').replace('\n', "; "))
        };
        let bytes = file.ok_or_else(|| told(&"no regular file"))?;
        let text = str::from_utf8(bytes).map_err(|_| told(&"not UTF-8"))?;
        let mut rules = GitignoreBuilder::new("");
        for line in text.trim_start_matches('\u{feff}').lines() {
            rules.add_line(None, line).map_err(|e| told(&e))?;
        }
        let rules = rules.build().map_err(|e| told(&e))?;
        self.around.push((folder.to_owned(), rules));
        Ok(())
    }
}

/// `path` relative to the folder that it is in.
fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}
