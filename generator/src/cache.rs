//! The cache folder `.stringless`: the one place that makes its folders and reads what is believed of its files.
//!
//! Builds believe some of what they find there: which pack was made from which files, what a check found, which content
//! a release of a module has. So nobody but the user who runs the program may write to it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::{Error, Result};

/// The folder `part` (`packs`, `modules/notes`) of the cache in `folder`; what is missing is made.
///
/// # Errors
/// Refused when another user owns one of the folders, or may write to it.
pub fn make(folder: &Path, part: &str) -> Result<PathBuf> {
    let mut path = folder.to_owned();
    make_one(&path)?;
    for name in part.split('/') {
        path.push(name);
        make_one(&path)?;
    }
    Ok(path)
}

/// The same, but nothing is made: `None` when it is missing.
///
/// # Errors
/// As [`make`].
pub fn find(folder: &Path, part: &str) -> Result<Option<PathBuf>> {
    let mut path = folder.to_owned();
    if !check_folder(&path)? {
        return Ok(None);
    }
    for name in part.split('/') {
        path.push(name);
        if !check_folder(&path)? {
            return Ok(None);
        }
    }
    Ok(Some(path))
}

/// The content of a file of the cache, of at most [`MAX_BYTES`]; `None` when there is no such file.
///
/// # Errors
/// Refused when another user owns the file or may write to it, or when it is not a regular file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    read_up_to(path, MAX_BYTES)
}

/// As [`read`], with at most `limit` bytes: for content that a hash describes, of any size.
///
/// # Errors
/// As [`read`].
pub fn read_up_to(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    let Some(file) = open(path, options.read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|e| Error::io("reading", path, e))?;
    Ok(Some(bytes))
}

/// Locks a file of the cache until it is dropped; the file is made if it is missing.
///
/// # Errors
/// As [`read`]; when it cannot be locked.
pub fn lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = open(path, options.read(true).append(true).create(true).mode(0o600))?;
    let file = file.ok_or_else(|| Error::io("locking", path, "its folder is missing"))?;
    file.lock().map_err(|e| Error::io("locking", path, e))?;
    Ok(file)
}

/// Opens a regular file of this user. A link is not followed, and a pipe is not waited for.
fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<File>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = match options.custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) if path.is_symlink() => return Err(not_ours(path, "it is a symbolic link")),
        Err(e) => return Err(Error::io("reading", path, e)),
    };
    let there = file.metadata().map_err(|e| Error::io("reading", path, e))?;
    if !there.is_file() {
        return Err(not_ours(path, "it is not a regular file"));
    }
    check_owner(path, &there)?;
    Ok(Some(file))
}

fn make_one(path: &Path) -> Result<()> {
    if check_folder(path)? {
        return Ok(());
    }
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => check_folder(path).map(drop),
        Err(e) => Err(Error::io("making", path, e)),
    }
}

/// Whether there is such a folder. One that others may only read is closed: mode 0700.
fn check_folder(path: &Path) -> Result<bool> {
    let there = match fs::metadata(path) {
        Ok(there) => there,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::io("reading", path, e)),
    };
    if !there.is_dir() {
        return Err(Error::io("making", path, "it is not a folder"));
    }
    check_owner(path, &there)?;
    if there.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(|e| Error::io("closing", path, e))?;
    }
    Ok(true)
}

fn check_owner(path: &Path, there: &Metadata) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    if there.uid() != own {
        return Err(not_ours(path, &format!("it belongs to user {}, and this is user {own}", there.uid())));
    }
    if there.mode() & 0o022 != 0 {
        return Err(not_ours(
            path,
            &format!("other users may write to it (mode {:04o})", there.mode() & 0o7777),
        ));
    }
    Ok(())
}

/// What lies in the cache decides what is signed, so it is not used.
fn not_ours(path: &Path, why: &str) -> Error {
    let shown = path.display();
    Error::refused(format!("opening the cache `{shown}`: {why}")).hint(format!(
        "if nobody else has written to it: `chown -R \"$(id -un)\" {shown}; chmod -R go-w {shown}`; otherwise `rm -r {shown}`: it is made again, except documents that wait for signatures"
    ))
}

/// No file of the cache that is read here comes near this size.
const MAX_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn refused<T: std::fmt::Debug>(result: Result<T>, why: &str) {
        let error = result.unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains(why), "{error}");
        assert!(error.hint_text().unwrap().contains("chmod -R go-w"));
    }

    #[test]
    fn folders_are_for_their_user_alone() {
        let site = tempfile::tempdir().unwrap();
        let cache = site.path().join(".stringless");
        assert_eq!(find(&cache, "a/b").unwrap(), None);
        assert!(!cache.exists(), "looking makes nothing");
        let made = make(&cache, "a/b").unwrap();
        assert_eq!(find(&cache, "a/b").unwrap(), Some(made.clone()));
        assert_eq!([mode(&cache), mode(&made)], [0o700, 0o700]);
        set_mode(&cache, 0o755);
        make(&cache, "a").unwrap();
        assert_eq!(mode(&cache), 0o700, "a folder of an earlier version is closed");
    }

    #[test]
    fn what_others_can_write_is_refused() {
        let site = tempfile::tempdir().unwrap();
        let cache = site.path().join(".stringless");
        let part = make(&cache, "a").unwrap();
        for (path, bits) in [(&cache, 0o720), (&cache, 0o702), (&part, 0o777)] {
            set_mode(path, bits);
            refused(make(&cache, "a"), "other users may write to it");
            refused(find(&cache, "a"), "other users may write to it");
            set_mode(path, 0o700);
        }
        let file = part.join("f");
        fs::write(&file, "x").unwrap();
        assert_eq!(read(&file).unwrap(), Some(b"x".to_vec()));
        set_mode(&file, 0o664);
        refused(read(&file), "other users may write to it");
        refused(lock(&file), "other users may write to it");
    }

    #[test]
    fn what_others_own_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let site = tempfile::tempdir().unwrap();
        let cache = site.path().join(".stringless");
        let file = make(&cache, "a").unwrap().join("f");
        fs::write(&file, "x").unwrap();
        chown(&file, Some(1234), None).unwrap();
        refused(read(&file), "it belongs to user 1234");
        chown(&cache, Some(1234), None).unwrap();
        refused(find(&cache, "a"), "it belongs to user 1234");
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("f"), folder.path().join("l"));
        assert_eq!(read(&file).unwrap(), None);
        fs::write(&file, "x").unwrap();
        symlink(&file, &link).unwrap();
        refused(read(&link), "symbolic link");
        refused(lock(&link), "symbolic link");
        refused(read(folder.path()), "not a regular file");
        drop(lock(&file).unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"x", "locking changes nothing");
    }
}
