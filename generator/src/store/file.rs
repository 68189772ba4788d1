//! A folder as a store, with the guarantees of a conditional object store: a lock around check and
//! write, and files that are whole or not there.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use agent_core::hash::Sha256;

use super::{Condition, Object, Put};
use crate::error::{Error, Result};

/// A folder.
#[derive(Debug)]
pub struct FileStore {
    root: PathBuf,
}

impl FileStore {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(super) fn get(&self, key: &str, cap: u64) -> Result<Option<Object>> {
        let path = self.path(key);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if missing(&e) => return Ok(None),
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        let mut bytes = Vec::new();
        file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| Error::io("reading", &path, e))?;
        if bytes.len() as u64 > cap {
            return Err(Error::refused(format!("reading `{}`: larger than {cap} bytes", path.display())));
        }
        let etag = Some(etag(&bytes));
        Ok(Some(Object { bytes, etag }))
    }

    pub(super) fn holds(&self, key: &str, size: u64) -> Result<bool> {
        let path = self.path(key);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len() == size),
            Err(e) if missing(&e) => Ok(false),
            Err(e) => Err(Error::io("reading", &path, e)),
        }
    }

    pub(super) fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Put> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root).to_path_buf();
        make_folders(&folder)?;
        let _lock = self.lock()?;
        let now = match File::open(&path) {
            Ok(mut file) => {
                let mut now = Vec::new();
                file.read_to_end(&mut now).map_err(|e| Error::io("reading", &path, e))?;
                Some(etag(&now))
            }
            Err(e) if missing(&e) => None,
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        let holds = match condition {
            Condition::Absent => now.is_none(),
            Condition::Unchanged(etag) => now.as_deref() == Some(etag),
        };
        if !holds {
            return Ok(Put::NotHeld);
        }
        let write = || {
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder)?;
            file.write_all(bytes)?;
            // Whoever may read the folder may read the bucket: nothing in it is secret.
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&folder)?.sync_all()
        };
        write().map_err(|e| Error::io("writing", &path, e))?;
        Ok(Put::Written)
    }

    /// Held until it is dropped; another writer waits for it.
    fn lock(&self) -> Result<File> {
        let path = self.root.join(LOCK);
        let lock = || {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        };
        lock().map_err(|e| Error::io("locking", &path, e))
    }
}

fn make_folders(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| {
        Error::io("making", folder, e)
            .hint("`stores: [{url: file:///FOLDER}]` names a folder that can be written")
    })
}

fn missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn etag(bytes: &[u8]) -> String {
    Sha256::of(bytes).to_string()
}

const LOCK: &str = ".lock";

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("bucket"));
        (folder, store)
    }

    #[test]
    fn writes_only_when_the_condition_holds() {
        let (_folder, store) = store();
        let put = |bytes: &[u8], condition| store.put("env/x/manifest", bytes, condition).unwrap();
        assert_eq!(store.get("env/x/manifest", 9).unwrap(), None);
        assert_eq!(put(b"0", Condition::Unchanged("x")), Put::NotHeld);
        assert_eq!(put(b"1", Condition::Absent), Put::Written);
        assert_eq!(put(b"2", Condition::Absent), Put::NotHeld);
        let one = store.get("env/x/manifest", 9).unwrap().unwrap();
        let one = one.etag.unwrap();
        assert_eq!(put(b"2", Condition::Unchanged(&one)), Put::Written);
        assert_eq!(put(b"3", Condition::Unchanged(&one)), Put::NotHeld);
        assert_eq!(store.get("env/x/manifest", 9).unwrap().unwrap().bytes, b"2");
        assert!(store.holds("env/x/manifest", 1).unwrap());
        assert!(!store.holds("env/x/manifest", 2).unwrap());
        assert!(!store.holds("env/y/manifest", 1).unwrap());
    }

    #[test]
    fn one_of_many_writers_wins() {
        let (_folder, store) = store();
        let wins = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..8_u8 {
                let (store, wins) = (&store, &wins);
                scope.spawn(move || {
                    if store.put("one", &[n], Condition::Absent).unwrap() == Put::Written {
                        wins.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(wins.into_inner(), 1);
    }

    #[test]
    fn reads_no_more_than_the_cap() {
        let (_folder, store) = store();
        assert_eq!(store.put("x", b"12345", Condition::Absent).unwrap(), Put::Written);
        assert!(store.get("x", 5).unwrap().is_some());
        assert_eq!(store.get("x", 4).unwrap_err().exit_code(), 3);
    }

    #[test]
    fn leaves_no_half_files() {
        let (folder, store) = store();
        assert_eq!(store.put("a/b", b"1", Condition::Absent).unwrap(), Put::Written);
        let names: Vec<_> =
            fs::read_dir(folder.path().join("bucket/a")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["b"]);
    }
}
