//! The modules that a `Puppetfile` declares: resolved, fetched, compared with the lock file, cached by content.

pub mod archive;
pub mod cache;
mod compare;
pub mod fallback;
pub mod fetch;
mod file;
pub mod forge;
pub mod git;
pub mod http;
mod locked;
pub mod lockfile;
pub mod metadata;
pub mod notes;
pub mod outdated;
pub mod registry;
pub mod tree;
pub mod update;

use std::path::Path;

use stringless_archive::writer::Item;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Module;

use self::cache::Cache;
use self::fallback::Fallback;
use self::fetch::Fetcher;
use self::forge::{Forge, PUBLIC};
use self::lockfile::{LOCK_FILE, LockedModule, is_of_librarian};
use self::notes::Notes;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::parallel;
use crate::progress::Progress;
use crate::puppetfile::Puppetfile;
use crate::puppetfile::model::{Declared, Origin, Want};

/// The name of the file that declares modules.
pub const PUPPETFILE: &str = "Puppetfile";

/// The arguments of [`assemble`].
#[derive(Clone, Copy)]
pub struct Assemble<'a> {
    /// The site's `.stringless`.
    pub cache: &'a Path,
    /// The content of the `Puppetfile`.
    pub puppetfile: &'a Puppetfile,
    /// The name of the `Puppetfile` in messages.
    pub origin: &'a str,
    /// The text of the `Puppetfile.lock` beside the `Puppetfile`, if there is one.
    pub lock: Option<&'a str>,
    /// Whether a lock file is required: `modules: {lock: required}`.
    pub lock_required: bool,
    /// The forge of the site file; it overrides the forge of the `Puppetfile`.
    pub forge: Option<&'a str>,
    /// Whether dependencies of modules are locked. Without a lock file, dependencies are never fetched.
    pub with_dependencies: bool,
    /// PEM text of further certificate authorities.
    pub ca: Option<&'a [u8]>,
    /// The branch of the environment; `None` if the environment is not a branch.
    pub control_branch: Option<&'a str>,
    /// Whether requests over the network are forbidden; a missing module is then an error.
    pub offline: bool,
    /// Whether the pack of the tree with this hash already exists. Such a module is not fetched, and its
    /// [`Fetched::items`] must not be called.
    pub known: &'a (dyn Fn(&Sha256) -> bool + Sync),
    /// Where to look for modules that no longer exist at their source: the packs of the last release.
    pub published: Option<&'a dyn Fallback>,
    /// Receives progress and notes.
    pub progress: &'a Progress,
}

impl Assemble<'_> {
    /// The address of the forge, as in the site file or the `Puppetfile`.
    fn forge_address(&self) -> &str {
        self.forge.or(self.puppetfile.forge.as_deref()).unwrap_or(PUBLIC)
    }

    /// The address of the forge, as in a lock file.
    #[must_use]
    pub fn locked_forge(&self) -> String {
        http::plain(forge::base_of(self.forge_address()))
    }
}

/// A module, fetched and checked.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The name in the `Puppetfile`: `puppetlabs/apt`, or `apt`.
    pub declared_as: String,
    /// Its folder in the release.
    pub path: String,
    /// A version, a commit, or an archive's hash.
    pub version: String,
    /// Its source: the URL of a forge, a repository or an archive.
    pub from: String,
    /// The hash of its content: see [`tree::Tree::sha256`].
    pub tree: Sha256,
    cache: Cache,
}

impl Fetched {
    /// Its files, folders and links.
    ///
    /// # Errors
    /// When they are no longer in the cache.
    pub fn items(&self) -> Result<Vec<Item>> {
        Ok(self.packed()?.0)
    }

    /// The same, with the archive that packing them would make, if the cache has it.
    ///
    /// # Errors
    /// As [`Fetched::items`].
    pub fn packed(&self) -> Result<(Vec<Item>, Option<Vec<u8>>)> {
        let packed = self.cache.packed(&self.tree)?;
        packed.map(|(tree, archive)| (tree.into_items(), archive)).ok_or_else(|| {
            Error::temporary(format!("reading module `{}`: it is no longer in the cache", self.declared_as))
                .hint("run it again")
        })
    }

    /// Its entry in the manifest.
    #[must_use]
    pub fn module(&self) -> Module {
        let (path, name) = (self.path.clone(), self.declared_as.clone());
        Module { path, name, version: self.version.clone(), from: self.from.clone() }
    }
}

/// Fetches the modules of a `Puppetfile`: the locked releases, or without a lock file the current ones. Sorted by path.
///
/// # Errors
/// Configuration: the lock file does not fit the `Puppetfile`. Refused: a module differs from the locked one, or
/// holds something that a release must not hold. Temporary: a source does not answer, and the cache has no copy.
pub fn assemble(request: &Assemble<'_>) -> Result<Vec<Fetched>> {
    let sources = sources(request)?;
    let modules = match request.lock {
        Some(text) if request.lock_required || !is_of_librarian(text) => {
            locked::locked(request, &sources, text)?
        }
        _ => unlocked(request, &sources)?,
    };
    for note in sources.notes.take() {
        request.progress.say(&format!("note: {note}"));
    }
    let fetched = modules.into_iter().map(|(path, locked)| Fetched {
        declared_as: locked.name.clone(),
        path,
        version: locked.release(),
        from: locked.from().to_owned(),
        tree: locked.tree,
        cache: sources.cache.clone(),
    });
    let mut fetched: Vec<Fetched> = fetched.collect();
    fetched.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(fetched)
}

/// The fetcher for the modules of a request.
///
/// # Errors
/// When the cache cannot be made, or a certificate authority is invalid.
pub fn sources<'a>(request: &Assemble<'a>) -> Result<Fetcher<'a>> {
    let forge = request.forge_address();
    Ok(Fetcher {
        folder: request.cache.to_owned(),
        cache: Cache::open(request.cache)?,
        forge: Forge::new(forge, Http::new(request.ca)?),
        http: Http::new(request.ca)?,
        control_branch: request.control_branch.map(str::to_owned),
        offline: request.offline,
        known: request.known,
        notes: Notes::default(),
    })
}

type Placed = Vec<(String, LockedModule)>;

fn unlocked(request: &Assemble<'_>, sources: &Fetcher<'_>) -> Result<Placed> {
    let modules: Vec<&Declared> =
        request.puppetfile.modules.iter().filter(|declared| declared.origin != Origin::Local).collect();
    if request.lock_required && !modules.is_empty() {
        return Err(Error::configuration(format!(
            "reading {}: there is no {LOCK_FILE} beside it",
            request.origin
        ))
        .hint(
            "`stringless modules update` writes it; with `modules: {lock: wanted}` in the site file it is optional",
        ));
    }
    let floating: Vec<&str> = modules
        .iter()
        .filter(|declared| is_floating(&declared.origin))
        .map(|declared| &*declared.title)
        .collect();
    let lack = match request.lock {
        Some(_) => format!("{LOCK_FILE} beside {} is of librarian-puppet, and is not used", request.origin),
        None => format!("there is no {LOCK_FILE} beside {}", request.origin),
    };
    if !floating.is_empty() {
        request.progress.say(&format!(
            "note: {lack}: another build may use another release of {}; `stringless modules update` writes it",
            few(&floating)
        ));
    } else if request.lock.is_some() {
        request.progress.say(&format!("note: {lack}; `stringless modules update` replaces it"));
    }
    let bar = request.progress.bar("fetching modules", modules.len() as u64);
    let taken = parallel::map(&modules, AT_ONCE, |declared| {
        let taken = sources.resolve(declared, false);
        bar.inc(1);
        taken.map_err(|e| e.of(&place(request.origin, &declared.title, Some(declared))))
    })?;
    bar.finish_and_clear();
    Ok(modules.iter().zip(taken).filter_map(|(declared, locked)| Some((declared.path(), locked?))).collect())
}

/// Whether the same declaration may resolve to another release later.
fn is_floating(origin: &Origin) -> bool {
    match origin {
        Origin::Forge { version } => version.is_none(),
        Origin::Git { want, .. } => !git::is_fixed(want) && !matches!(want, Want::Commit(_)),
        Origin::Tarball { sha256, .. } => sha256.is_none(),
        Origin::Local => false,
    }
}

fn few(names: &[&str]) -> String {
    let quoted = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => quoted,
        more => format!("{quoted} and {more} more"),
    }
}

/// The name of a module in messages.
#[must_use]
pub fn place(origin: &str, name: &str, declared: Option<&Declared>) -> String {
    match declared {
        Some(declared) => format!("module `{name}` ({origin}:{})", declared.line),
        None => format!("module `{name}`"),
    }
}

/// The number of parallel fetches: most of the time they wait for servers.
const AT_ONCE: usize = 8;
/// The most names in one message.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests;
