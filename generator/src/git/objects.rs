//! The content of a commit: the entries of its trees, and the bytes of its files.

use super::{Commit, Entry, EntryKind, Repository};
use crate::error::{Error, Result};

impl Repository {
    /// All entries below the folder `below` of a commit (empty: the root), in the order of git; none if
    /// there is no such folder.
    ///
    /// # Errors
    /// Refused for names that are not UTF-8, and for folders with other content than their ids say; temporary when the
    /// mirror cannot be read.
    pub fn entries(&self, commit: &Commit, below: &str) -> Result<Vec<Entry>> {
        let Some(tree) = self.tree_id(commit, below)? else { return Ok(Vec::new()) };
        let checked = |folders: &[String]| self.objects("tree", folders).map(drop);
        checked(std::slice::from_ref(&tree))?;
        let output = self.git().read(&["ls-tree", "-r", "-t", "-z", "--full-tree", &tree], b"")?;
        let lines = output.split(|&b| b == 0).filter(|line| !line.is_empty());
        let entries = lines.map(|line| self.entry(line)).collect::<Result<Vec<Entry>>>()?;
        let folders = entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
        checked(&folders.map(|entry| entry.id.clone()).collect::<Vec<_>>())?;
        Ok(entries)
    }

    /// The id of the folder `path` in a commit (empty: the root), which identifies its content; `None` if
    /// it is not a folder.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn tree_id(&self, commit: &Commit, path: &str) -> Result<Option<String>> {
        if path.split('/').any(|part| [".", ".."].contains(&part)) {
            return Ok(None);
        }
        let mut tree = self.root(commit)?;
        for name in path.split('/').filter(|_| !path.is_empty()) {
            match self.subfolder(&tree, name)? {
                Some(below) => tree = below,
                None => return Ok(None),
            }
        }
        Ok(Some(tree))
    }

    /// The bytes of blobs, in the order of `ids`.
    ///
    /// # Errors
    /// Refused when they are larger than a pack may be, or one has other content than its id says; temporary when one
    /// is missing.
    pub fn blobs(&self, ids: &[String]) -> Result<Vec<Vec<u8>>> {
        self.objects("blob", ids)
    }

    /// A line of `git ls-tree`: mode, type, id, a tab, path.
    fn entry(&self, line: &[u8]) -> Result<Entry> {
        let broken = || {
            let line: String = String::from_utf8_lossy(line).chars().flat_map(char::escape_debug).collect();
            Error::refused(format!(
                "reading `{}`: git printed an unknown kind of entry: `{line}`",
                self.url()
            ))
        };
        let tab = line.iter().position(|&b| b == b'\t').ok_or_else(broken)?;
        let (head, path) = (String::from_utf8_lossy(&line[..tab]), &line[tab + 1..]);
        let mut words = head.split(' ');
        let (Some(mode), Some(_), Some(id)) = (words.next(), words.next(), words.next()) else {
            return Err(broken());
        };
        let kind = match mode {
            "040000" => EntryKind::Folder,
            "120000" => EntryKind::Link,
            "160000" => EntryKind::Submodule,
            // Old repositories also have the mode 100664.
            _ if mode.starts_with("100") => EntryKind::File { executable: mode == "100755" },
            _ => return Err(broken()),
        };
        let quoted: String = String::from_utf8_lossy(path).chars().flat_map(char::escape_debug).collect();
        if path.split(|&b| b == b'/').any(|part| [&b""[..], b".", b".."].contains(&part)) {
            return Err(Error::refused(format!(
                "reading `{}`: the name `{quoted}` leaves the repository",
                self.url()
            ))
            .hint("git never writes such a name: the author of this commit wants to write outside of a checkout"));
        }
        let Ok(path) = str::from_utf8(path) else {
            return Err(Error::refused(format!(
                "reading `{}`: the name `{quoted}` is not UTF-8",
                self.url()
            ))
            .hint("rename it in the repository"));
        };
        Ok(Entry { path: path.to_owned(), kind, id: id.to_owned() })
    }
}
