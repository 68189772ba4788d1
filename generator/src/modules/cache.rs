//! The cache of modules, by content: `.stringless/modules/`.
//!
//! A tree is saved as a pack, named by the tree's hash. Each read computes the hash again: a file that is
//! incomplete or changed counts as missing. A note records which tree a release of a module has, and its metadata.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_archive::writer;
use stringless_core::hash::Sha256;

use serde::{Deserialize, Serialize};

use super::archive::{self, Layout};
use super::metadata::Metadata;
use super::tree::Tree;
use crate::cache;
use crate::error::Result;
use crate::fs::write_atomic;

/// The cache in a folder.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// What the cache knows of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The release.
    release: String,
    /// Its tree, when this cache saved it.
    pub tree: Sha256,
    /// The metadata of the tree.
    pub metadata: Metadata,
}

impl Cache {
    /// Opens the cache in `folder`, the site's `.stringless`, and makes it if it is missing.
    ///
    /// # Errors
    /// When it cannot be made; as [`cache::make`].
    pub fn open(folder: &Path) -> Result<Self> {
        for part in ["modules/trees", "modules/notes"] {
            cache::make(folder, part)?;
        }
        Ok(Self { folder: folder.join("modules") })
    }

    /// Whether there is a file for this tree, complete or not.
    #[must_use]
    pub fn has(&self, tree: &Sha256) -> bool {
        self.tree_file(tree).is_file()
    }

    /// The tree, if it is there and complete.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn tree(&self, tree: &Sha256) -> Result<Option<Tree>> {
        Ok(self.read(tree)?.map(|(tree, _)| tree))
    }

    /// The tree, and its archive if this version wrote it: packing the tree again would give the same bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn packed(&self, tree: &Sha256) -> Result<Option<(Tree, Option<Vec<u8>>)>> {
        let seal = cache::read(&self.seal_file(tree)).ok().flatten();
        let ours = |bytes: &Vec<u8>| seal.as_deref() == Some(seal_of(bytes).as_bytes());
        Ok(self.read(tree)?.map(|(tree, bytes)| (tree, Some(bytes).filter(ours))))
    }

    fn read(&self, tree: &Sha256) -> Result<Option<(Tree, Vec<u8>)>> {
        let path = self.tree_file(tree);
        let Some(bytes) = cache::read_up_to(&path, u64::MAX)? else { return Ok(None) };
        let whole = archive::read(&bytes, Layout::Plain).and_then(Tree::new);
        match whole.ok().filter(|found| found.sha256() == *tree) {
            Some(found) => Ok(Some((found, bytes))),
            None => {
                // An incomplete or changed file: the caller fetches the module again.
                fs::remove_file(&path).ok();
                Ok(None)
            }
        }
    }

    /// Saves a tree, and notes that `release` has it.
    ///
    /// # Errors
    /// When the disk fails; the previous file stays.
    pub fn save(&self, release: &str, tree: &Tree, metadata: Metadata) -> Result<Note> {
        let sha256 = tree.sha256();
        let path = self.tree_file(&sha256);
        if !path.is_file() {
            let (_, bytes) = writer::bundle("", tree.items().to_vec());
            write_atomic(&path, &bytes)?;
            // Without this file, the next build packs the tree again.
            write_atomic(&self.seal_file(&sha256), seal_of(&bytes).as_bytes()).ok();
        }
        let note = Note { release: release.to_owned(), tree: sha256, metadata };
        write_atomic(&self.note_file(release), &stringless_core::json::write(&note))?;
        Ok(note)
    }

    /// What this cache knows of `release`; a note that cannot be parsed counts as missing.
    ///
    /// # Errors
    /// Refused when another user can write to the note.
    pub fn noted(&self, release: &str) -> Result<Option<Note>> {
        let bytes = cache::read(&self.note_file(release))?;
        let note = bytes.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        Ok(note.filter(|note| note.release == release))
    }

    fn tree_file(&self, tree: &Sha256) -> PathBuf {
        self.folder.join("trees").join(format!("{tree}.tar.gz"))
    }

    fn seal_file(&self, tree: &Sha256) -> PathBuf {
        self.folder.join("trees").join(format!("{tree}.packed"))
    }

    fn note_file(&self, release: &str) -> PathBuf {
        self.folder.join("notes").join(Sha256::of(release.as_bytes()).to_string())
    }
}

/// Another version may write other bytes for the same tree, so the seal names the version.
fn seal_of(archive: &[u8]) -> String {
    format!("stringless {} {}\n", env!("CARGO_PKG_VERSION"), Sha256::of(archive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stringless_archive::writer::{Item, ItemKind};

    fn tree(text: &str) -> Tree {
        let kind = ItemKind::File { executable: true, content: text.as_bytes().to_vec() };
        Tree::new(vec![Item { path: "a/b".into(), kind }]).unwrap()
    }

    fn save(cache: &Cache, release: &str, text: &str) -> Sha256 {
        cache.save(release, &tree(text), Metadata::default()).unwrap().tree
    }

    #[test]
    fn a_saved_tree_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let metadata = Metadata { version: Some("1.0.0".into()), ..Metadata::default() };
        let note = cache.save("one", &tree("x"), metadata).unwrap();
        let sha256 = note.tree;
        assert_eq!(cache.noted("one").unwrap(), Some(note));
        assert_eq!(cache.noted("two").unwrap(), None);
        assert_eq!(cache.tree(&sha256).unwrap(), Some(tree("x")));
        assert_eq!(cache.tree(&Sha256::of(b"other")).unwrap(), None);
    }

    #[test]
    fn an_archive_of_another_version_is_not_used_as_a_pack() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let sha256 = save(&cache, "one", "x");
        let (found, archive) = cache.packed(&sha256).unwrap().unwrap();
        let (_, bytes) = writer::bundle("modules/one", found.into_items());
        assert_eq!(archive, Some(bytes.clone()));
        fs::write(cache.seal_file(&sha256), format!("stringless 0.0.1 {}\n", Sha256::of(&bytes))).unwrap();
        assert_eq!(cache.packed(&sha256).unwrap(), Some((tree("x"), None)));
        fs::remove_file(cache.seal_file(&sha256)).unwrap();
        assert_eq!(cache.packed(&sha256).unwrap(), Some((tree("x"), None)));
    }

    #[test]
    fn an_incomplete_or_changed_file_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let (one, two) = (save(&cache, "one", "x"), save(&cache, "two", "y"));
        let whole = fs::read(cache.tree_file(&one)).unwrap();
        for bytes in [&whole[..whole.len() / 2], b"", &*fs::read(cache.tree_file(&two)).unwrap()] {
            fs::write(cache.tree_file(&one), bytes).unwrap();
            assert_eq!(cache.tree(&one).unwrap(), None);
            assert!(!cache.has(&one), "it is fetched again");
        }
        fs::copy(cache.note_file("two"), cache.note_file("one")).unwrap();
        assert_eq!(cache.noted("one").unwrap(), None, "the note of another release");
        fs::write(cache.note_file("one"), format!("{two} one\n")).unwrap();
        assert_eq!(cache.noted("one").unwrap(), None);
    }
}
