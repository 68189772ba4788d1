//! A remote repository → its mirror in the cache, which is either complete or absent.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stringless_render::site::git_url::redacted;

use super::refs::{self, Refs};
use super::run::Git;
use crate::error::{Error, Result};
use crate::fs::write_atomic;

/// Updates the mirror in `folder` from the repository at `url`; only one connection if nothing changed.
pub fn fetch(url: &str, folder: &Path) -> Result<Refs> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| Error::io("making", parent, e))?;
    // Another process may do the same at the same time.
    let lock = beside(folder, "lock");
    let lock = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|e| Error::io("locking", &lock, e))?;
    let there = read(folder);
    let gone = |why: String| unreachable(url, &why, there.is_some());
    let output = Git::nowhere(url)
        .remote(&["ls-remote", "--symref", "--quiet", "--", url], url, ASKING)
        .map_err(gone)?;
    let remote = Refs::parse(&output);
    if there.as_ref() == Some(&remote) {
        return Ok(remote);
    }
    let known = match there {
        Some(_) => transfer(url, folder, &output).map_err(gone)?,
        None => make(url, folder, &output)?,
    };
    drop(lock);
    Ok(known)
}

/// The refs of the mirror; `None` if there is no complete mirror.
fn read(folder: &Path) -> Option<Refs> {
    fs::read_to_string(folder.join(refs::FILE)).ok().map(|text| Refs::parse(&text))
}

/// Makes the mirror in a temporary folder beside its path, and moves it there when it is complete.
fn make(url: &str, folder: &Path, output: &str) -> Result<Refs> {
    let new = beside(folder, "new");
    for broken in [&new, folder] {
        if broken.exists() {
            fs::remove_dir_all(broken).map_err(|e| Error::io("removing", broken, e))?;
        }
    }
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
    let known = transfer(url, &new, output).map_err(|why| unreachable(url, &why, false))?;
    fs::rename(&new, folder).map_err(|e| Error::io("writing", folder, e))?;
    Ok(known)
}

/// Fetches all branches and tags into the repository in `folder`, and records the refs that it then has: the
/// remote may have changed since it listed them.
fn transfer(url: &str, folder: &Path, output: &str) -> std::result::Result<Refs, String> {
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
    write_atomic(&folder.join(refs::FILE), refs.text().as_bytes()).map_err(|e| e.to_string())?;
    Ok(refs)
}

fn unreachable(url: &str, why: &str, cached: bool) -> Error {
    let hint = if cached {
        "`stringless build --offline` builds from the cache, and `publish --cached` publishes from it"
    } else {
        "is the URL right, and does `git ls-remote` reach it from here?"
    };
    Error::temporary(format!("fetching `{}`: {why}", redacted(url))).hint(hint)
}

fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    folder.with_file_name(name)
}

/// The time limit for the list of refs.
const ASKING: Duration = Duration::from_secs(120);
/// The time limit for the whole transfer.
const FETCHING: Duration = Duration::from_secs(3600);
