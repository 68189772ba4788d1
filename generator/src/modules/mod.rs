//! The modules that a `Puppetfile` brings: found, fetched, held against the lock file, cached by content.

pub mod archive;
pub mod cache;
mod compare;
pub mod fallback;
pub mod fetch;
pub mod forge;
pub mod git;
pub mod http;
pub mod lockfile;
pub mod metadata;
pub mod outdated;
pub mod registry;
pub mod tree;
pub mod update;

use std::path::Path;

use stringless_archive::writer::Item;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Module;

use self::cache::Cache;
use self::fallback::Vanished;
use self::fetch::Sources;
use self::forge::{Forge, PUBLIC};
use self::lockfile::{LOCK_FILE, Lock, Locked};
use crate::error::{Error, Result};
use crate::http::Http;
use crate::parallel;
use crate::progress::Progress;
use crate::puppetfile::Puppetfile;
use crate::puppetfile::model::{Declared, Origin, Want};

/// The name of the file that declares them.
pub const PUPPETFILE: &str = "Puppetfile";

/// What [`assemble`] is asked for.
#[derive(Clone, Copy)]
pub struct Assemble<'a> {
    /// The site's `.stringless`.
    pub cache: &'a Path,
    /// What the `Puppetfile` declares.
    pub puppetfile: &'a Puppetfile,
    /// How the `Puppetfile` is called in messages.
    pub origin: &'a str,
    /// The text of the `Puppetfile.lock` beside it, if there is one.
    pub lock: Option<&'a str>,
    /// Whether it must be there: `modules: {lock: required}`.
    pub lock_required: bool,
    /// The forge of the site file, before that of the `Puppetfile`.
    pub forge: Option<&'a str>,
    /// Whether what modules need is locked with them; without a lock file it never comes.
    pub with_dependencies: bool,
    /// PEM text of further authorities for TLS.
    pub ca: Option<&'a [u8]>,
    /// The branch that the environment is, where it is one.
    pub control_branch: Option<&'a str>,
    /// Ask nobody; what is missing is an error.
    pub offline: bool,
    /// Whether the pack of a tree (with this hash) is there already: such a module is not fetched, and its
    /// [`Fetched::items`] are never asked for.
    pub known: &'a (dyn Fn(&Sha256) -> bool + Sync),
    /// Where to look for what is nowhere else any more: the packs of the last release.
    pub published: Option<&'a dyn Vanished>,
    /// Where progress goes.
    pub progress: &'a Progress,
}

/// A module, fetched and checked.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// As the `Puppetfile` has it: `puppetlabs/apt`, or `apt`.
    pub declared_as: String,
    /// Its folder in the release.
    pub path: String,
    /// A version, a commit, or an archive's hash.
    pub version: String,
    /// The URL of a forge, a repository or an archive.
    pub from: String,
    /// The hash of its content: see [`tree::Tree::sha256`].
    pub tree: Sha256,
    cache: Cache,
}

impl Fetched {
    /// Its files, folders and links.
    ///
    /// # Errors
    /// When the cache lost them meanwhile.
    pub fn items(&self) -> Result<Vec<Item>> {
        Ok(self.packed()?.0)
    }

    /// The same, and the archive of just these that packing them would make, where there is one.
    ///
    /// # Errors
    /// As [`Fetched::items`].
    pub fn packed(&self) -> Result<(Vec<Item>, Option<Vec<u8>>)> {
        let packed = self.cache.packed(&self.tree)?;
        packed.map(|(tree, archive)| (tree.into_items(), archive)).ok_or_else(|| {
            Error::temporary(format!("reading module `{}`: the cache lost it meanwhile", self.declared_as))
                .hint("run it again")
        })
    }

    /// Its line of the manifest.
    #[must_use]
    pub fn module(&self) -> Module {
        let (path, name) = (self.path.clone(), self.declared_as.clone());
        Module { path, name, version: self.version.clone(), from: self.from.clone() }
    }
}

/// Fetches what a `Puppetfile` declares: by its lock file, if there is one, else what it means now. Sorted by path.
///
/// # Errors
/// Configuration: the lock file does not hold what is declared. Refused: a module is not what was locked, or
/// holds what a release may not. Temporary: nobody answers, and it is not in the cache.
pub fn assemble(request: &Assemble<'_>) -> Result<Vec<Fetched>> {
    let sources = sources(request)?;
    let modules = match request.lock {
        Some(text) => locked(request, &sources, text)?,
        None => unlocked(request, &sources)?,
    };
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

/// What the modules of a request are fetched with.
///
/// # Errors
/// When the cache cannot be made, or an authority is none.
pub fn sources<'a>(request: &Assemble<'a>) -> Result<Sources<'a>> {
    let forge = request.forge.or(request.puppetfile.forge.as_deref()).unwrap_or(PUBLIC);
    Ok(Sources {
        folder: request.cache.to_owned(),
        cache: Cache::open(request.cache)?,
        forge: Forge::new(forge, Http::new(request.ca)?),
        http: Http::new(request.ca)?,
        control_branch: request.control_branch.map(str::to_owned),
        offline: request.offline,
        known: request.known,
    })
}

type Placed = Vec<(String, Locked)>;

fn locked(request: &Assemble<'_>, sources: &Sources<'_>, text: &str) -> Result<Placed> {
    let lock = Lock::parse(text, LOCK_FILE)?;
    let differences = lock.differences(request.puppetfile);
    if !differences.is_empty() {
        let more = differences.len().saturating_sub(SHOWN);
        let mut told = differences[..differences.len().min(SHOWN)].join("; ");
        if more > 0 {
            told.push_str(&format!("; and {more} more"));
        }
        return Err(Error::configuration(format!(
            "reading {LOCK_FILE}: it is not that of {}: {told}",
            request.origin
        ))
        .hint("`stringless modules update` brings it up to date; commit both files"));
    }
    let modules: Placed = lock.modules.into_iter().collect();
    let bar = request.progress.bar("fetching modules", modules.len() as u64);
    parallel::map(&modules, AT_ONCE, |(path, locked)| {
        let declared = request.puppetfile.modules.iter().find(|declared| declared.path() == *path);
        let restored = restore(request, sources, locked, declared);
        bar.inc(1);
        restored.map_err(|e| e.of(&place(request.origin, &locked.name, declared)))
    })?;
    bar.finish_and_clear();
    Ok(modules)
}

/// Brings the content of a locked module into the cache, where it is not known already.
fn restore(
    request: &Assemble<'_>,
    sources: &Sources<'_>,
    locked: &Locked,
    declared: Option<&Declared>,
) -> Result<()> {
    if (request.known)(&locked.tree) || sources.cache.tree(&locked.tree)?.is_some() {
        return Ok(());
    }
    let found = sources.again(locked, declared);
    let tree = match found {
        Ok(tree) => tree,
        Err(error) => match last_release(request, locked)? {
            Some(tree) => tree,
            None => return Err(error),
        },
    };
    let found = tree.sha256();
    if found == locked.tree {
        sources.cache.keep(&fetch::release(locked), &tree)?;
        return Ok(());
    }
    Err(Error::refused(format!(
        "fetching {} from {}: its content has the hash {found}, and {} is locked: it was changed under the same name",
        locked.release(),
        locked.from(),
        locked.tree
    ))
    .hint(format!(
        "ask who published it; `stringless modules update {}` takes what is there now, `stringless diff` shows it",
        locked.name
    )))
}

fn last_release(request: &Assemble<'_>, locked: &Locked) -> Result<Option<tree::Tree>> {
    let Some(published) = request.published.filter(|_| !request.offline) else { return Ok(None) };
    let tree = published.tree(&locked.name, &locked.release())?;
    Ok(tree.filter(|tree| tree.sha256() == locked.tree))
}

fn unlocked(request: &Assemble<'_>, sources: &Sources<'_>) -> Result<Placed> {
    let modules: Vec<&Declared> =
        request.puppetfile.modules.iter().filter(|declared| declared.origin != Origin::Local).collect();
    if request.lock_required && !modules.is_empty() {
        return Err(Error::configuration(format!(
            "reading {}: there is no {LOCK_FILE} beside it",
            request.origin
        ))
        .hint(
            "`stringless modules update` writes it; `modules: {lock: wanted}` in the site file does without",
        ));
    }
    let floating: Vec<&str> = modules
        .iter()
        .filter(|declared| is_floating(&declared.origin))
        .map(|declared| &*declared.title)
        .collect();
    if !floating.is_empty() {
        request.progress.say(&format!(
            "note: there is no {LOCK_FILE} beside {}: another build may take another release of {}; `stringless modules update` writes it",
            request.origin,
            few(&floating)
        ));
    }
    let bar = request.progress.bar("fetching modules", modules.len() as u64);
    let taken = parallel::map(&modules, AT_ONCE, |declared| {
        let taken = sources.take(declared, false);
        bar.inc(1);
        taken.map_err(|e| e.of(&place(request.origin, &declared.title, Some(declared))))
    })?;
    bar.finish_and_clear();
    Ok(modules.iter().zip(taken).filter_map(|(declared, locked)| Some((declared.path(), locked?))).collect())
}

/// Whether the same line may mean something else tomorrow.
fn is_floating(origin: &Origin) -> bool {
    match origin {
        Origin::Forge { version } => version.is_none(),
        Origin::Git { want, .. } => !git::is_fixed(want) && !matches!(want, Want::Commit(_)),
        Origin::Tarball { sha256, .. } => sha256.is_none(),
        Origin::Local => false,
    }
}

fn few(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How a module is called in messages.
#[must_use]
pub fn place(origin: &str, name: &str, declared: Option<&Declared>) -> String {
    match declared {
        Some(declared) => format!("module `{name}` ({origin}:{})", declared.line),
        None => format!("module `{name}`"),
    }
}

/// Most of the time goes by waiting for servers.
const AT_ONCE: usize = 8;
/// So many names fit into a message.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests;
