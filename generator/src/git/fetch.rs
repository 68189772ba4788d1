//! A remote repository → its mirror in the cache, which is either complete or absent.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stringless_render::site::git_url::redacted;

use super::locks;
use super::refs::{self, Refs};
use super::run::{Failure, Git};
use crate::cache;
use crate::error::{Error, Result};
use crate::fs::write_atomic;

/// Updates the mirror in `folder` from the repository at `url`; only one connection if nothing changed.
pub fn fetch(url: &str, folder: &Path) -> Result<Refs> {
    let (parent, mirrors) = above(folder);
    cache::make(parent, mirrors)?;
    // Another process may do the same at the same time.
    let lock = cache::lock(&beside(folder, "lock"))?;
    let there = known(folder)?;
    let gone = |failure: Failure| unreachable(url, folder, &failure, there.is_some());
    let output = Git::nowhere(url)
        .remote(&["ls-remote", "--symref", "--quiet", "--", url], url, ASKING)
        .map_err(gone)?;
    let remote = Refs::parse(&output);
    if there.as_ref() == Some(&remote) {
        return Ok(remote);
    }
    let refs =
        match there {
            Some(_) => transfer(url, folder, &output)
                .or_else(|failure| {
                    if locks::remove_stale(folder) { transfer(url, folder, &output) } else { Err(failure) }
                })
                .map_err(gone)?,
            None => make(url, folder, &output)?,
        };
    drop(lock);
    Ok(refs)
}

/// The refs of the mirror; `None` if there is no complete mirror.
///
/// # Errors
/// As [`cache::read`].
pub fn known(folder: &Path) -> Result<Option<Refs>> {
    let read = cache::read(&folder.join(refs::FILE))?;
    Ok(read.map(|bytes| Refs::parse(&String::from_utf8_lossy(&bytes))))
}

/// Makes the mirror in a temporary folder beside its path, and moves it there when it is complete.
fn make(url: &str, folder: &Path, output: &str) -> Result<Refs> {
    let new = beside(folder, "new");
    for broken in [&new, folder] {
        if broken.exists() {
            fs::remove_dir_all(broken).map_err(|e| Error::io("removing", broken, e))?;
        }
    }
    let (parent, mirrors) = above(folder);
    let name = new.file_name().unwrap_or_default().to_string_lossy();
    cache::make(parent, &format!("{mirrors}/{name}"))?;
    // The hash algorithm of the ids.
    let sha256 = output.lines().any(|line| {
        line.split('\t')
            .next()
            .is_some_and(|id| id.len() == 64 && stringless_render::site::git_url::is_full_id(id))
    });
    let format = if sha256 { "--object-format=sha256" } else { "--object-format=sha1" };
    let path = new.as_os_str();
    let arguments = [
        "init".as_ref(),
        "--quiet".as_ref(),
        "--bare".as_ref(),
        "--template=".as_ref(),
        format.as_ref(),
        "--".as_ref(),
        path,
    ];
    Git::nowhere(&redacted(url)).read(&arguments, b"")?;
    let refs = transfer(url, &new, output).map_err(|failure| unreachable(url, folder, &failure, false))?;
    fs::rename(&new, folder).map_err(|e| Error::io("writing", folder, e))?;
    Ok(refs)
}

/// Fetches all branches and tags into the repository in `folder`, and records the refs that it then has: the
/// remote may have changed since it listed them.
fn transfer(url: &str, folder: &Path, output: &str) -> std::result::Result<Refs, Failure> {
    let git = Git::of(folder, &redacted(url));
    let arguments = [
        "fetch",
        "--quiet",
        "--force",
        "--prune",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--update-shallow",
        "--",
        url,
        "+refs/heads/*:refs/heads/*",
        "+refs/tags/*:refs/tags/*",
    ];
    git.remote(&arguments, url, FETCHING)?;
    let format = "--format=%(objectname)%09%(refname)%0a%(*objectname)%09%(refname)^{}";
    let mut text = git.remote(&["for-each-ref", format, "--", "refs/heads/", "refs/tags/"], url, ASKING)?;
    let head = output.lines().find(|line| line.starts_with("ref: ") && line.ends_with("\tHEAD"));
    text.extend(head);
    let refs = Refs::parse(&text);
    write_atomic(&folder.join(refs::FILE), refs.text().as_bytes()).map_err(|e| Failure::of(&e))?;
    Ok(refs)
}

fn unreachable(url: &str, folder: &Path, failure: &Failure, cached: bool) -> Error {
    let hint = if failure.disk || is_full(folder) {
        format!("is the disk of `{}` full, or its file system read-only?", folder.display())
    } else if cached {
        "`stringless build --offline` builds from the cache, and `publish --cached` publishes from it".into()
    } else {
        "is the URL right, and does `git ls-remote` reach it from here?".into()
    };
    Error::temporary(format!("fetching `{}`: {}", redacted(url), failure.why)).hint(hint)
}

/// Whether nothing can be written beside the mirror: git does not always say that this is why it failed.
fn is_full(folder: &Path) -> bool {
    let probe = || {
        let mut file = tempfile::tempfile_in(folder.parent().unwrap_or(Path::new(".")))?;
        file.write_all(&[0; PROBE])?;
        file.sync_all()
    };
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem];
    probe().is_err_and(|e| full.contains(&e.kind()))
}

/// The cache of the site, and the name of the folder of mirrors in it.
fn above(folder: &Path) -> (&Path, &str) {
    let mirrors = folder.parent().unwrap_or(Path::new("."));
    let name = mirrors.file_name().and_then(|name| name.to_str()).unwrap_or(".");
    (mirrors.parent().unwrap_or(Path::new(".")), name)
}

fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    folder.with_file_name(name)
}

/// In bytes.
const PROBE: usize = 1 << 20;
/// The time limit for the list of refs.
const ASKING: Duration = Duration::from_secs(120);
/// The time limit for the whole transfer.
const FETCHING: Duration = Duration::from_secs(3600);
