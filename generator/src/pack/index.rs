//! The index of the cache, `.stringless/index/.packs.json`: from what each pack was made. Unchanged content is neither
//! read nor compressed again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use stringless_core::hash::{Hasher, Sha256};
use stringless_core::pack::Pack;

use super::cache::pack_file;
use crate::cache;
use crate::error::Result;
use crate::fs::write_atomic;
use crate::source::content::FileContent;
use crate::source::{Entry, EntryKind};

/// The packs in the cache, by the key of what they were made from.
#[derive(Debug)]
pub struct Index {
    file: PathBuf,
    /// The folder of the packs.
    folder: PathBuf,
    known: BTreeMap<String, Packed>,
    new: Mutex<BTreeMap<String, Packed>>,
}

/// A pack, independent of its path in a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    sha256: Sha256,
    size: u64,
    unpacked: u64,
    files: u64,
}

impl Index {
    /// Reads the index in `file` of the packs in `folder`. An index that cannot be parsed counts as empty.
    ///
    /// # Errors
    /// Refused when another user can write to it.
    pub fn open(file: PathBuf, folder: &Path) -> Result<Self> {
        let known = cache::read(&file)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { file, folder: folder.to_owned(), known: known.unwrap_or_default(), new: Mutex::default() })
    }

    /// The pack with this key, for `path` in the release, if it is in the cache with the right size. Nothing shows that
    /// it was made from what the key stands for: `super::proof` checks it before it is signed.
    #[must_use]
    pub fn find(&self, key: &Sha256, path: &str) -> Option<Pack> {
        let Packed { sha256, size, unpacked, files } = self.known.get(&key.to_string())?.clone();
        let pack = Pack { path: path.to_owned(), sha256, size, unpacked, files };
        let there = fs::metadata(pack_file(&self.folder, &pack)).ok()?;
        touch(&self.folder, &pack, there.modified().ok());
        (there.len() == size).then_some(pack)
    }

    /// Adds `pack` under this key.
    pub fn add(&self, key: &Sha256, pack: &Pack) {
        let Pack { sha256, size, unpacked, files, .. } = *pack;
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        new.insert(key.to_string(), Packed { sha256, size, unpacked, files });
    }

    /// Writes the index, without packs that are no longer in the cache. If it cannot be written, the next build packs
    /// everything again.
    pub fn save(self) {
        let new = self.new.into_inner().unwrap_or_else(PoisonError::into_inner);
        if new.is_empty() {
            return;
        }
        let mut all = self.known;
        all.extend(new);
        all.retain(|_, packed| self.folder.join(format!("{}.tar.gz", packed.sha256)).is_file());
        if let Ok(bytes) = serde_json::to_vec(&all) {
            write_atomic(&self.file, &bytes).ok();
        }
    }
}

/// The key of a pack of the files `found`; `None` if a file was modified so recently that another change could go
/// unnoticed.
#[must_use]
pub fn key(path: &str, found: &[Entry]) -> Option<Sha256> {
    let mut hash = start_key("tree");
    hash.update(format!("{path}\0").as_bytes());
    let mut certain = true;
    for one in found {
        let (what, content): (&str, Option<&FileContent>) = match &one.kind {
            EntryKind::Folder => ("folder", None),
            EntryKind::File { executable: true, content } => ("program", Some(content)),
            EntryKind::File { executable: false, content } => ("file", Some(content)),
            EntryKind::Link { target } => ("link", Some(target)),
        };
        hash.update(format!("{what} {}\0", one.path).as_bytes());
        certain &= content.is_none_or(|content| content.mark(&mut hash));
    }
    certain.then(|| hash.finish())
}

/// The key of a pack of a module whose content has this hash.
#[must_use]
pub fn module_key(tree: &Sha256) -> Sha256 {
    let mut hash = start_key("module");
    hash.update(tree.as_bytes());
    hash.finish()
}

/// Starts a key. It contains the version of this program: another version may pack differently, or refuse something.
fn start_key(kind: &str) -> Hasher {
    let mut hash = Hasher::default();
    hash.update(format!("{kind} of {FORMAT}, stringless {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
    hash
}

/// Touches a pack in use, so that pruning keeps it.
fn touch(folder: &Path, pack: &Pack, modified: Option<SystemTime>) {
    if modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > DAY) {
        let file = File::options().append(true).open(pack_file(folder, pack));
        file.and_then(|file| file.set_modified(SystemTime::now())).ok();
    }
}

/// The version of the keys' format.
const FORMAT: u32 = 1;
const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(content: &[u8]) -> Pack {
        Pack {
            path: "p".into(),
            sha256: Sha256::of(content),
            size: content.len() as u64,
            unpacked: 1,
            files: 1,
        }
    }

    fn opened(folder: &Path) -> Index {
        Index::open(folder.join("index.json"), folder).unwrap()
    }

    fn found(path: &str, executable: bool, text: &str) -> Entry {
        let content = FileContent::Bytes(text.as_bytes().into());
        Entry { path: path.into(), kind: EntryKind::File { executable, content } }
    }

    #[test]
    fn a_complete_pack_in_the_cache_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (key, other, pack) = (Sha256::of(b"k"), Sha256::of(b"o"), pack(b"content"));
        let index = opened(folder.path());
        assert_eq!(index.find(&key, "p"), None);
        index.add(&key, &pack);
        index.save();
        assert!(opened(folder.path()).known.is_empty(), "the pack is not in the cache");
        fs::write(pack_file(folder.path(), &pack), "content").unwrap();
        let index = opened(folder.path());
        index.add(&key, &pack);
        index.save();
        let index = opened(folder.path());
        assert_eq!(index.find(&key, "p"), Some(pack.clone()));
        assert_eq!(index.find(&key, "q").unwrap().path, "q");
        assert_eq!(index.find(&other, "p"), None);
        fs::write(pack_file(folder.path(), &pack), "cont").unwrap();
        assert_eq!(index.find(&key, "p"), None, "incomplete");
        fs::write(folder.path().join("index.json"), "{").unwrap();
        assert!(opened(folder.path()).known.is_empty(), "invalid");
    }

    #[test]
    fn a_pack_in_use_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (key, pack) = (Sha256::of(b"k"), pack(b"content"));
        let path = pack_file(folder.path(), &pack);
        fs::write(&path, "content").unwrap();
        let index = opened(folder.path());
        index.add(&key, &pack);
        index.save();
        let old = SystemTime::now() - 40 * DAY;
        File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        opened(folder.path()).find(&key, "p").unwrap();
        assert!(fs::metadata(&path).unwrap().modified().unwrap() > old + DAY);
    }

    #[test]
    fn a_key_depends_on_everything_in_a_pack() {
        let all = [
            key("p", &[found("a", false, "x")]),
            key("q", &[found("a", false, "x")]),
            key("p", &[found("b", false, "x")]),
            key("p", &[found("a", true, "x")]),
            key("p", &[found("a", false, "y")]),
            key("p", &[found("a", false, "x"), found("b", false, "x")]),
            key("p", &[Entry { path: "a".into(), kind: EntryKind::Folder }]),
            key(
                "p",
                &[Entry {
                    path: "a".into(),
                    kind: EntryKind::Link { target: FileContent::Bytes(b"x".as_slice().into()) },
                }],
            ),
            Some(module_key(&Sha256::of(b"x"))),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(one.is_some() && !all[..n].contains(one), "{n}");
        }
        assert_eq!(all[0], key("p", &[found("a", false, "x")]));
    }
}
