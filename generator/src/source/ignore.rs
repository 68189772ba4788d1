//! The ignore files of a commit, with the same rules as for a folder on disk.

use std::collections::BTreeMap;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use stringless_core::pack::relative_path;

use super::{IGNORE_FILE, MAX_RULES, TOO_MANY_RULES, unclear};
use crate::error::Result;
use crate::git::{Entry, EntryKind};

/// The ignore files of a commit, for a walk over its entries in their order.
pub(super) struct Ignored<'a> {
    /// The text of each, by its folder; `None` if it is not a regular file.
    files: BTreeMap<&'a str, Option<&'a [u8]>>,
    /// The ignore files of the folders around the current entry, the outermost first.
    around: Vec<(String, Gitignore)>,
    /// The folder that is currently left out, with everything in it.
    left_out: Option<String>,
}

impl<'a> Ignored<'a> {
    /// For these entries; `read` has the bytes of the ignore files.
    ///
    /// # Errors
    /// When the outermost ignore file is invalid.
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

    /// Whether the entry `path` is left out, because of `never` or by the nearest ignore file that matches.
    ///
    /// # Errors
    /// When the ignore file in this folder is invalid.
    pub(super) fn leaves_out(&mut self, path: &str, folder: bool, never: bool) -> Result<bool> {
        if self.left_out.as_ref().is_some_and(|out| relative_path(out, path).is_some()) {
            return Ok(true);
        }
        while self.around.last().is_some_and(|(around, _)| relative_path(around, path).is_none()) {
            self.around.pop();
        }
        let said = self.around.iter().rev().find_map(|(around, rules)| {
            match rules.matched(relative_path(around, path)?, folder) {
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
        let fault = |why: &dyn std::fmt::Display| {
            unclear(&format!("{folder}/{IGNORE_FILE}: {why}").trim_start_matches('/').replace('\n', "; "))
        };
        let bytes = file.ok_or_else(|| fault(&"not a regular file"))?;
        let text = str::from_utf8(bytes).map_err(|_| fault(&"not UTF-8"))?;
        if text.lines().count() > MAX_RULES {
            return Err(fault(&TOO_MANY_RULES));
        }
        let mut rules = GitignoreBuilder::new("");
        for line in text.trim_start_matches('\u{feff}').lines() {
            rules.add_line(None, line).map_err(|e| fault(&e))?;
        }
        let rules = rules.build().map_err(|e| fault(&e))?;
        self.around.push((folder.to_owned(), rules));
        Ok(())
    }
}
