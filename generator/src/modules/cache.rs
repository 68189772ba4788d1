//! The cache of modules, by content: `.stringless/modules/`.
//!
//! A tree is saved as a pack, named by the tree's hash. Each read computes the hash again: a file that is
//! incomplete or changed counts as missing. A note records which tree a release of a module has.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stringless_archive::writer;
use stringless_core::hash::Sha256;

use super::archive::{self, Layout};
use super::tree::Tree;
use crate::error::{Error, Result};
use crate::fs::write_atomic;

/// The cache in a folder.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the cache in `folder`, the site's `.stringless`, and makes it if it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> Result<Self> {
        let folder = folder.join("modules");
        for part in ["trees", "notes"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(|e| Error::io("making", &path, e))?;
        }
        Ok(Self { folder })
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
        let seal = fs::read_to_string(self.seal_file(tree)).ok();
        let ours = |bytes: &Vec<u8>| seal.as_deref() == Some(&*seal_of(bytes));
        Ok(self.read(tree)?.map(|(tree, bytes)| (tree, Some(bytes).filter(ours))))
    }

    fn read(&self, tree: &Sha256) -> Result<Option<(Tree, Vec<u8>)>> {
        let path = self.tree_file(tree);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
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
    pub fn save(&self, release: &str, tree: &Tree) -> Result<Sha256> {
        let sha256 = tree.sha256();
        let path = self.tree_file(&sha256);
        if !path.is_file() {
            let (_, bytes) = writer::bundle("", tree.items().to_vec());
            write_atomic(&path, &bytes)?;
            // Without this file, the next build packs the tree again.
            fs::write(self.seal_file(&sha256), seal_of(&bytes)).ok();
        }
        write_atomic(&self.note_file(release), format!("{sha256} {release}\n").as_bytes())?;
        Ok(sha256)
    }

    /// The tree that `release` had when this cache saved it.
    #[must_use]
    pub fn noted(&self, release: &str) -> Option<Sha256> {
        let text = fs::read_to_string(self.note_file(release)).ok()?;
        let (sha256, of) = text.trim_end().split_once(' ')?;
        (of == release).then(|| Sha256::parse(sha256).ok()).flatten()
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

    #[test]
    fn a_saved_tree_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let sha256 = cache.save("one", &tree("x")).unwrap();
        assert_eq!(cache.noted("one"), Some(sha256));
        assert_eq!(cache.noted("two"), None);
        assert_eq!(cache.tree(&sha256).unwrap(), Some(tree("x")));
        assert_eq!(cache.tree(&Sha256::of(b"other")).unwrap(), None);
    }

    #[test]
    fn an_archive_of_another_version_is_not_used_as_a_pack() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let sha256 = cache.save("one", &tree("x")).unwrap();
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
        let (one, two) = (cache.save("one", &tree("x")).unwrap(), cache.save("two", &tree("y")).unwrap());
        let whole = fs::read(cache.tree_file(&one)).unwrap();
        for bytes in [&whole[..whole.len() / 2], b"", &*fs::read(cache.tree_file(&two)).unwrap()] {
            fs::write(cache.tree_file(&one), bytes).unwrap();
            assert_eq!(cache.tree(&one).unwrap(), None);
            assert!(!cache.has(&one), "it is fetched again");
        }
        fs::write(cache.note_file("one"), format!("{two} two\n")).unwrap();
        assert_eq!(cache.noted("one"), None);
    }
}
