//! The `.gitattributes` of a commit → what a checkout changes in its files.

use std::collections::BTreeMap;

use super::checkout::Conversion;
use super::{Commit, Entry, EntryKind, Repository};
use crate::error::{Error, Result};

impl Repository {
    /// What a checkout of `commit` changes in the files among `entries`, which are below the folder `below` (empty: the
    /// root): by path relative to it. Files that it does not change are not listed.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn conversions(
        &self,
        commit: &Commit,
        below: &str,
        entries: &[Entry],
    ) -> Result<BTreeMap<String, Conversion>> {
        if !self.has_conversions(commit, below, entries)? {
            return Ok(BTreeMap::new());
        }
        let full = |path: &str| if below.is_empty() { path.to_owned() } else { format!("{below}/{path}") };
        let files = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
        let by_path: BTreeMap<String, &str> = files.map(|entry| (full(&entry.path), &*entry.path)).collect();
        // git reads the attributes of a commit from an index.
        let folder =
            tempfile::tempdir().map_err(|e| Error::temporary(format!("making a temporary folder: {e}")))?;
        let git = self.git().with_index(folder.path().join("index"));
        git.read(&["read-tree", commit.id()], b"")?;
        let input: String = by_path.keys().map(|path| format!("{path}\0")).collect();
        let arguments = [&["check-attr", "--cached", "--stdin", "-z"][..], &NAMES].concat();
        let output = git.read(&arguments, input.as_bytes())?;
        let output = String::from_utf8_lossy(&output);
        let mut values: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        let mut words = output.split('\0');
        while let (Some(path), Some(name), Some(value)) = (words.next(), words.next(), words.next()) {
            values.entry(path).or_default().insert(name, value);
        }
        let mut found = BTreeMap::new();
        for (path, values) in values {
            let value = |name| values.get(name).copied().unwrap_or("unspecified");
            let [text, crlf, eol, ident, encoding] = NAMES.map(value);
            let conversion = Conversion::from_attributes(text, crlf, eol, ident, encoding);
            if let Some(path) = by_path.get(path).filter(|_| !conversion.is_none()) {
                found.insert((*path).to_owned(), conversion);
            }
        }
        Ok(found)
    }

    /// Whether any attribute that counts for these entries may change a file.
    fn has_conversions(&self, commit: &Commit, below: &str, entries: &[Entry]) -> Result<bool> {
        let own = entries.iter().filter(|entry| {
            matches!(entry.kind, EntryKind::File { .. }) && entry.path.rsplit('/').next() == Some(FILE)
        });
        let mut ids: Vec<String> = own.map(|entry| entry.id.clone()).collect();
        let above = below.match_indices('/').map(|(at, _)| format!("{}/{FILE}", &below[..at]));
        for path in above.chain((!below.is_empty()).then(|| FILE.to_owned())) {
            let found = self.git().query(&format!("{commit}:{path}"))?;
            ids.extend(found.filter(|(_, kind)| kind == "blob").map(|(id, _)| id));
        }
        let changing = |text: Vec<u8>| {
            let text = String::from_utf8_lossy(&text).into_owned();
            CHANGING.iter().any(|word| text.contains(word))
        };
        Ok(self.blobs(&ids)?.into_iter().any(changing))
    }
}

const FILE: &str = ".gitattributes";
const NAMES: [&str; 5] = ["text", "crlf", "eol", "ident", "working-tree-encoding"];
/// A file of attributes without any of these words changes nothing on Unix.
const CHANGING: [&str; 3] = ["crlf", "ident", "working-tree-encoding"];
