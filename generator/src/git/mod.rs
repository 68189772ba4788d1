//! Git repositories, read with the installed `git`: a bare mirror of each in the cache, never a work tree.
//! No code of a repository runs.

mod attributes;
mod checkout;
mod fetch;
mod finish;
mod ids;
mod locks;
mod objects;
mod refs;
mod run;
mod settings;
mod work_tree;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use stringless_core::hash::Sha256;
pub use stringless_render::site::git_url::{check_url, redacted};
use stringless_render::site::git_url::{is_full_id, is_hex};

pub use self::checkout::Conversion;
pub use self::refs::Ref;
use self::refs::Refs;
pub use self::run::Git;
pub use self::work_tree::WorkTree;
use crate::cache;
use crate::error::{Error, Result};

/// A repository and its mirror. The first [`Repository::fetch`] makes the mirror.
#[derive(Debug)]
pub struct Repository {
    url: String,
    folder: PathBuf,
    /// The state of the mirror, shared by all values with this folder in this process.
    state: Arc<Mutex<State>>,
}

/// A commit of a repository: its full id, in hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit(String);

/// A file, folder, link or submodule of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the requested folder.
    pub path: String,
    /// Its kind.
    pub kind: EntryKind,
    /// The id of its object: a blob, a tree, or a commit of another repository.
    pub id: String,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder; git has no empty folders.
    Folder,
    /// A file.
    File {
        /// Whether it may be executed.
        executable: bool,
    },
    /// A symbolic link; its blob is the target.
    Link,
    /// A commit of another repository, without its content.
    Submodule,
}

#[derive(Debug, Default)]
struct State {
    /// Whether this process has fetched it.
    fetched: bool,
    refs: Option<Arc<Refs>>,
}

impl Repository {
    /// The mirror of `url` below `site_cache`, the site's `.stringless`. Nothing is read yet.
    ///
    /// # Errors
    /// Refused for a URL that git would read as an option, or that runs a program; as [`cache::find`].
    pub fn open(site_cache: &Path, url: &str) -> Result<Self> {
        check_url(url).map_err(Error::refused_fault)?;
        let hash = Sha256::of(url.as_bytes()).to_string();
        let last = url.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next();
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String = last.unwrap_or_default().chars().filter(plain).take(40).collect();
        let part = format!("{FOLDER}/{}-{name}", &hash[..16]);
        cache::find(site_cache, &part)?;
        let folder = site_cache.join(part);
        let state = state_of(&folder);
        Ok(Self { url: url.to_owned(), folder, state })
    }

    /// Its URL, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        redacted(&self.url)
    }

    /// Its folder in the cache.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the cache has the mirror, so that it can be read without a fetch.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        self.folder.join(refs::FILE).is_file()
    }

    /// Updates the mirror from the repository, once in this process: branches and tags move or disappear as
    /// in the repository. Their old objects stay in the cache.
    ///
    /// # Errors
    /// Temporary, when the repository cannot be reached.
    pub fn fetch(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !state.fetched {
            state.refs = Some(Arc::new(fetch::fetch(&self.url, &self.folder)?));
            state.fetched = true;
        }
        Ok(())
    }

    /// Its branches and tags, by their full names (`refs/heads/main`), sorted.
    ///
    /// # Errors
    /// When it was never fetched.
    pub fn refs(&self) -> Result<Vec<Ref>> {
        Ok(self.known()?.list().to_vec())
    }

    /// The default branch of the repository; `None` if it does not exist.
    ///
    /// # Errors
    /// When it was never fetched.
    pub fn head(&self) -> Result<Option<String>> {
        Ok(self.known()?.head().map(str::to_owned))
    }

    /// The commit that `revision` names: a full ref (`refs/tags/v1`), a tag, a branch, `HEAD`, or a
    /// commit's id, at least four digits of it. Other notations of git are not supported.
    ///
    /// # Errors
    /// When it was never fetched, or the shortened id is ambiguous.
    pub fn resolve(&self, revision: &str) -> Result<Option<Commit>> {
        let refs = self.known()?;
        if is_full_id(revision) {
            return self.commit(revision);
        }
        if let Some((name, id)) = refs.find(revision) {
            // A tag can point to any object.
            return if name.starts_with(refs::BRANCHES) {
                Ok(Some(Commit(id.to_owned())))
            } else {
                self.commit(id)
            };
        }
        let short = (4..64).contains(&revision.len()) && revision.bytes().all(is_hex);
        if short { self.commit(revision) } else { Ok(None) }
    }

    fn commit(&self, id: &str) -> Result<Option<Commit>> {
        let found = self.git().query(&format!("{id}^{{commit}}"))?;
        Ok(found.filter(|(_, kind)| kind == "commit").map(|(id, _)| Commit(id)))
    }

    fn known(&self) -> Result<Arc<Refs>> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(refs) = &state.refs {
            return Ok(Arc::clone(refs));
        }
        let refs = fetch::known(&self.folder)?.ok_or_else(|| {
            Error::temporary(format!("reading `{}`: it is not in the cache", self.url()))
                .hint("leave out `--offline` (or `--cached` of `publish`) to fetch it")
        })?;
        let refs = Arc::new(refs);
        state.refs = Some(Arc::clone(&refs));
        Ok(refs)
    }

    fn git(&self) -> Git {
        Git::of(&self.folder, &self.url())
    }
}

impl Commit {
    /// The full id, in hex.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }

    /// A commit with a full id from another source, such as a lock file; `None` if `id` is not a full id.
    /// [`Repository::resolve`] checks whether a repository has it.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        is_full_id(id).then(|| Self(id.to_owned()))
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The shared state of the mirror in `folder`: parts of a build use the same repository at the same time.
fn state_of(folder: &Path) -> Arc<Mutex<State>> {
    static STATES: OnceLock<Mutex<BTreeMap<PathBuf, Arc<Mutex<State>>>>> = OnceLock::new();
    let states = STATES.get_or_init(Mutex::default);
    let mut states = states.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::clone(states.entry(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())).or_default())
}

/// The folder of the mirrors, below the cache.
const FOLDER: &str = "git";

#[cfg(test)]
pub(crate) mod tests;
