//! A folder as a store, with the guarantees of an object store with conditional writes: a lock is held around the
//! check and the write, and files are written atomically.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::OFlags;
use stringless_core::hash::Sha256;
use stringless_core::time::Timestamp;

use super::{Condition, Listed, Object, Put};
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
        self.check_case(key)?;
        let path = self.path(key);
        let Some(file) = open(&path)? else { return Ok(None) };
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let mut bytes = Vec::new();
        file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| Error::io("reading", &path, e))?;
        if bytes.len() as u64 > cap {
            return Err(Error::refused(format!("reading `{}`: larger than {cap} bytes", path.display())));
        }
        let etag = Some(etag(&bytes));
        let age = modified.and_then(|time| time.elapsed().ok()).map(|age| age.as_secs());
        Ok(Some(Object { bytes, etag, age }))
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
        self.check_case(key)?;
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root).to_path_buf();
        make_folders(&folder)?;
        let _lock = self.lock()?;
        let now = match open(&path)? {
            Some(mut file) => {
                let mut now = Vec::new();
                file.read_to_end(&mut now).map_err(|e| Error::io("reading", &path, e))?;
                Some(etag(&now))
            }
            None => None,
        };
        let holds = match condition {
            Condition::Absent => now.is_none(),
            Condition::Unchanged(etag) => now.as_deref() == Some(etag),
        };
        if !holds {
            return Ok(Put::Rejected);
        }
        let write = || {
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder)?;
            file.write_all(bytes)?;
            // Every user who can enter the folder may read the bucket: nothing in it is secret.
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&folder)?.sync_all()
        };
        write().map_err(|e| no_room(Error::io("writing", &path, &e), &e))?;
        Ok(Put::Written)
    }

    /// Every file whose path begins with `prefix`, including the unfinished files of interrupted writers.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        // Read only the folder that contains all of them.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut found = Vec::new();
        self.walk(folder, &mut found)?;
        found.retain(|listed| listed.key.starts_with(prefix) && listed.key != LOCK);
        Ok(found)
    }

    fn walk(&self, folder: &str, found: &mut Vec<Listed>) -> Result<()> {
        let path = self.path(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if missing(&e) => return Ok(()),
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("reading", &path, e))?;
            // Keys are UTF-8: another program wrote this file.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Another publisher renamed or removed it meanwhile.
                Err(e) if missing(&e) => continue,
                Err(e) => return Err(Error::io("reading", &entry.path(), e)),
            };
            if metadata.is_dir() {
                self.walk(&key, found)?;
            } else if metadata.is_file() {
                let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let modified = since.map(|since| Timestamp::from_seconds(since.as_secs()));
                found.push(Listed { key, size: metadata.len(), modified });
            }
        }
        Ok(())
    }

    /// Refuses a key of an environment whose name another environment has, but for case, if the file system ignores case:
    /// they would share their objects.
    fn check_case(&self, key: &str) -> Result<()> {
        let Some(name) = key.strip_prefix(ENVIRONMENTS).and_then(|rest| rest.split('/').next()) else {
            return Ok(());
        };
        let folder = self.path(ENVIRONMENTS);
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let Some(other) = other_case(&names, name).filter(|_| folder.join(name).exists()) else {
            return Ok(());
        };
        Err(Error::configuration(format!(
            "opening `{}`: the file system ignores case, and the environment `{other}` is there already",
            folder.join(name).display()
        ))
        .hint(
            "rename one of the two environments, or move the store to a file system that distinguishes case",
        ))
    }

    /// Locks the store until the returned value is dropped; other writers wait.
    pub(super) fn lock(&self) -> Result<Locked<'_>> {
        let path = self.root.join(LOCK);
        let lock = || {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        };
        let file = lock().map_err(|e| no_room(Error::io("locking", &path, &e), &e))?;
        Ok(Locked { store: self, _file: file })
    }
}

/// A folder that nobody else writes to. The lock ends with this value, and with the process.
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a FileStore,
    _file: File,
}

impl Locked<'_> {
    /// Deletes the object at `key`, if there is one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn delete(&self, key: &str) -> Result<()> {
        let path = self.store.path(key);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if missing(&e) => return Ok(()),
            Err(e) => return Err(Error::io("removing", &path, e)),
        }
        // A bucket has no folders: an empty one is nothing. One that is not empty stays.
        if let Some(folder) = path.parent().filter(|folder| *folder != self.store.root) {
            fs::remove_dir(folder).ok();
        }
        Ok(())
    }

    /// The time by the clock of the file system, which differs from that of this machine on a network drive; `None` if
    /// no file can be made.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        let file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.store.root).ok()?;
        let modified = file.as_file().metadata().and_then(|metadata| metadata.modified()).ok()?;
        Some(Timestamp::from_seconds(modified.duration_since(UNIX_EPOCH).ok()?.as_secs()))
    }
}

/// Opens an object, if it is there. A pipe in its place is not waited for.
fn open(path: &Path) -> Result<Option<File>> {
    let file = match File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
    {
        Ok(file) => file,
        Err(e) if missing(&e) => return Ok(None),
        Err(e) => return Err(not_regular(path).unwrap_or_else(|| Error::io("reading", path, e))),
    };
    not_regular(path).map_or(Ok(Some(file)), Err)
}

/// The error, if something other than a regular file lies in the place of an object.
fn not_regular(path: &Path) -> Option<Error> {
    let other = fs::metadata(path).is_ok_and(|there| !there.is_file());
    other.then(|| {
        Error::refused(format!("reading `{}`: it is not a regular file", path.display()))
            .hint("find out who put it into the store, then remove it")
    })
}

fn make_folders(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| {
        let error = Error::io("making", folder, &e)
            .hint("`stores: [{url: file:///FOLDER}]` names a folder that can be written");
        no_room(error, &e)
    })
}

/// Adds the hint for a full disk.
fn no_room(error: Error, cause: &std::io::Error) -> Error {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            error.hint("free some room: `stringless gc --delete` removes packs that no release needs")
        }
        _ => error,
    }
}

/// The name that is `name` but for case, unless `name` itself is there.
fn other_case<'a>(names: &'a [String], name: &str) -> Option<&'a String> {
    let other = names.iter().find(|other| other.eq_ignore_ascii_case(name))?;
    if names.iter().any(|known| known == name) { None } else { Some(other) }
}

fn missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn etag(bytes: &[u8]) -> String {
    Sha256::of(bytes).to_string()
}

const LOCK: &str = ".lock";
const ENVIRONMENTS: &str = "env/";

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
    fn an_object_is_written_only_if_the_condition_holds() {
        let (_folder, store) = store();
        let put = |bytes: &[u8], condition| store.put("env/x/head", bytes, condition).unwrap();
        assert_eq!(store.get("env/x/head", 9).unwrap(), None);
        assert_eq!(put(b"0", Condition::Unchanged("x")), Put::Rejected);
        assert_eq!(put(b"1", Condition::Absent), Put::Written);
        assert_eq!(put(b"2", Condition::Absent), Put::Rejected);
        let one = store.get("env/x/head", 9).unwrap().unwrap();
        let one = one.etag.unwrap();
        assert_eq!(put(b"2", Condition::Unchanged(&one)), Put::Written);
        assert_eq!(put(b"3", Condition::Unchanged(&one)), Put::Rejected);
        assert_eq!(store.get("env/x/head", 9).unwrap().unwrap().bytes, b"2");
        assert!(store.holds("env/x/head", 1).unwrap());
        assert!(!store.holds("env/x/head", 2).unwrap());
        assert!(!store.holds("env/y/head", 1).unwrap());
    }

    #[test]
    fn objects_are_listed_and_deleted() {
        let (folder, store) = store();
        assert_eq!(store.list("packs/").unwrap(), [], "a missing folder lists nothing");
        for key in ["packs/b", "packs/a", "packs2", "env/x/head", "env/x/history/1", "env/x/history/10"] {
            assert_eq!(store.put(key, key.as_bytes(), Condition::Absent).unwrap(), Put::Written);
        }
        let keys = |prefix| {
            let mut keys: Vec<_> = store.list(prefix).unwrap().into_iter().map(|l| l.key).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys("packs/"), ["packs/a", "packs/b"]);
        assert_eq!(keys("env/x/history/1"), ["env/x/history/1", "env/x/history/10"]);
        assert_eq!(keys("").len(), 6, "the lock is not listed");
        let one = store.list("packs/a").unwrap().remove(0);
        assert_eq!(one.size, 7);
        assert!(one.modified.is_some_and(|time| time <= crate::clock::now().plus(5)));
        for _ in 0..2 {
            store.lock().unwrap().delete("packs/a").unwrap();
        }
        assert_eq!(keys("packs/"), ["packs/b"]);
        // A symbolic link is no object: its target is neither listed nor deleted.
        std::os::unix::fs::symlink(folder.path(), folder.path().join("bucket/packs/link")).unwrap();
        assert_eq!(keys("packs/"), ["packs/b"]);
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
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let (folder, store) = store();
        assert_eq!(store.put("env/x/head", b"1", Condition::Absent).unwrap(), Put::Written);
        let bucket = folder.path().join("bucket");
        let pipe = bucket.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(bucket.join("socket")).unwrap();
        for key in ["pipe", "socket", "env"] {
            let got = store.get(key, 9).unwrap_err();
            let put = store.put(key, b"1", Condition::Absent).unwrap_err();
            assert_eq!([got.exit_code(), put.exit_code()], [3, 3], "{key}: {got}, {put}");
        }
    }

    #[test]
    fn an_object_above_the_size_limit_is_refused() {
        let (_folder, store) = store();
        assert_eq!(store.put("x", b"12345", Condition::Absent).unwrap(), Put::Written);
        assert!(store.get("x", 5).unwrap().is_some());
        assert_eq!(store.get("x", 4).unwrap_err().exit_code(), 3);
    }

    #[test]
    fn a_write_leaves_no_temporary_file() {
        let (folder, store) = store();
        assert_eq!(store.put("a/b", b"1", Condition::Absent).unwrap(), Put::Written);
        let names: Vec<_> =
            fs::read_dir(folder.path().join("bucket/a")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn names_that_differ_only_in_case_are_found() {
        let names = ["production".to_owned(), "Web".to_owned()];
        assert_eq!(other_case(&names, "Production"), Some(&names[0]));
        assert_eq!(other_case(&names, "production"), None);
        assert_eq!(other_case(&names, "staging"), None);
        // Where case counts, both are possible.
        let (_folder, store) = store();
        for name in ["env/web/head", "env/Web/head"] {
            assert_eq!(store.put(name, name.as_bytes(), Condition::Absent).unwrap(), Put::Written);
        }
        assert_eq!(store.get("env/Web/head", 99).unwrap().unwrap().bytes, b"env/Web/head");
    }
}
