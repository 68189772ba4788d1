//! Git repositories, read by the `git` of this machine: a bare mirror of each in the cache, never a work
//! tree, and nothing of a repository is run.

mod fetch;
mod objects;
mod refs;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::{fmt, fs};

use stringless_core::hash::Sha256;
pub use stringless_render::site::git_url::{check_url, shown};
use stringless_render::site::git_url::{is_full_id, is_hex};

pub use self::refs::Ref;
use self::refs::Refs;
pub use self::run::{Git, command};
use crate::error::{Error, Result};

/// The mirror of a repository. It is made by the first [`Mirror::fetch`].
#[derive(Debug)]
pub struct Mirror {
    url: String,
    folder: PathBuf,
    /// What the mirror has; the same for all mirrors of this folder in this process.
    state: Arc<Mutex<State>>,
}

/// A commit of a repository: its full id, in hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit(String);

/// A file, folder, link or submodule of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the folder that was asked for.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// The id of the object that holds it: of a blob, a tree, or another repository's commit.
    pub id: String,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder; git knows none that is empty.
    Folder,
    /// A file.
    File {
        /// Whether it may be executed.
        executable: bool,
    },
    /// A symbolic link; its blob is the target.
    Link,
    /// A commit of another repository, whose content is not here.
    Submodule,
}

#[derive(Debug, Default)]
struct State {
    /// Whether it was fetched by this process.
    fetched: bool,
    refs: Option<Arc<Refs>>,
}

impl Mirror {
    /// The mirror of `url` below `cache`, the site's `.stringless`. Nothing is read yet.
    ///
    /// # Errors
    /// Refused for a URL that git would take for an option, or that runs a program.
    pub fn open(cache: &Path, url: &str) -> Result<Self> {
        check_url(url).map_err(Error::refused_fault)?;
        let hash = Sha256::of(url.as_bytes()).to_string();
        let last = url.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next();
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String = last.unwrap_or_default().chars().filter(plain).take(40).collect();
        let folder = cache.join(FOLDER).join(format!("{}-{name}", &hash[..16]));
        let state = state_of(&folder);
        Ok(Self { url: url.to_owned(), folder, state })
    }

    /// Its URL, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        shown(&self.url)
    }

    /// Its folder in the cache.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is something in the cache to read without a fetch.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        self.folder.join(refs::FILE).is_file()
    }

    /// Brings the mirror to what the repository has now, once in this process: branches and tags that
    /// moved move here, and those that went go. What they pointed to stays in the cache.
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

    /// The branch that the repository takes for its main one; none where that does not exist.
    ///
    /// # Errors
    /// When it was never fetched.
    pub fn head(&self) -> Result<Option<String>> {
        Ok(self.known()?.head().map(str::to_owned))
    }

    /// The commit that `revision` names: a full ref (`refs/tags/v1`), a tag, a branch, `HEAD`, or a
    /// commit's id, at least four digits of it. Nothing else of git's language is understood here.
    ///
    /// # Errors
    /// When it was never fetched, or the id is that of several.
    pub fn resolve(&self, revision: &str) -> Result<Option<Commit>> {
        let refs = self.known()?;
        if is_full_id(revision) {
            return self.commit(revision);
        }
        if let Some((name, id)) = refs.find(revision) {
            // A tag may be of anything.
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
        let text = fs::read_to_string(self.folder.join(refs::FILE)).map_err(|_| {
            Error::temporary(format!("reading `{}`: it is not in the cache", self.url()))
                .hint("it is fetched without `--offline`, or `--cached` of `publish`")
        })?;
        let refs = Arc::new(Refs::parse(&text));
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

    /// A commit whose full id is known from elsewhere, such as a lock file; `None` for what is none.
    /// Whether it is in a repository, [`Mirror::resolve`] says.
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

/// Several parts of a build ask for the same repository, at the same time.
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
