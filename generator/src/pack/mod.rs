//! Builds an environment: packs in the site's cache. Unchanged content is not read again.

pub mod cache;
mod index;
pub mod last_release;
mod modules;
mod proof;
mod write;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use stringless_core::hash::Sha256;
use stringless_core::manifest::{Engine, Source};
use stringless_core::name::Name;
use stringless_core::pack::{Pack, check_index, relative_path};

use self::index::Index;
use crate::error::{Error, Result};
use crate::modules::Fetched;
use crate::parallel;
use crate::progress::Progress;
use crate::site::SiteDir;
use crate::source::{Entry, EntryKind, Tree, environment};
use crate::trust::pending;
use cache::{pack_file, prune};

/// The content of a release, before it is signed.
#[derive(Clone, Debug)]
pub struct Build {
    /// Sorted by path.
    pub packs: Vec<Pack>,
    /// What it was built from.
    pub source: Source,
    /// The folder of the packs.
    pub folder: PathBuf,
    /// The environment's own files, without the modules of its `Puppetfile`.
    pub tree: Tree,
    /// The packs that were not made now, each with the hash of its module's content; `None` for own files.
    recalled: Vec<(Pack, Option<Sha256>)>,
    /// The file of the index that named them.
    index: PathBuf,
}

/// The content of a pack.
enum Part<'a> {
    /// A folder of the environment itself.
    Own(&'a str, &'a [Entry]),
    /// A module of its `Puppetfile`.
    Module(&'a Fetched),
}

/// A pack of a build.
enum Packed {
    /// It was made now.
    Made(Pack),
    /// The index of the cache names it, with the hash of its module's content.
    Recalled(Pack, Option<Sha256>),
}

/// Builds an environment into the site's cache.
///
/// # Errors
/// When the environment contains something that a release may not contain, with its path and the reason.
pub fn build(site: &SiteDir, environment: &Name, progress: &Progress) -> Result<Build> {
    let folder = site.cache("packs")?;
    let index_file = site.cache("index")?.join(INDEX);
    let index = Index::open(index_file.clone(), &folder)?;
    let input = environment::read(site, environment)?;
    let engine = site.site.apply(environment)?.engine;
    check_engine(&engine, &input.tree, environment)?;
    let fetched = modules::fetch(site, environment, &input, &index, progress)?;
    let own = input.tree.packs.iter().map(|(path, found)| Part::Own(path, found));
    let parts: Vec<Part<'_>> = own.chain(fetched.iter().map(Part::Module)).collect();
    let bar = progress.bar("building", parts.len() as u64);
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let packed = parallel::map(&parts, cpus, |part| {
        let pack = match part {
            Part::Own(path, found) => build_pack(path, found, &folder, &index),
            Part::Module(module) => modules::build(module, &folder, &index),
        };
        bar.inc(1);
        pack
    })?;
    let (mut packs, mut recalled) = (Vec::new(), Vec::new());
    for one in packed {
        let (Packed::Made(pack) | Packed::Recalled(pack, _)) = &one;
        packs.push(pack.clone());
        if let Packed::Recalled(pack, module) = one {
            recalled.push((pack, module));
        }
    }
    packs.sort_by(|a, b| a.path.cmp(&b.path));
    bar.finish_and_clear();
    index.save();
    // Keep the packs of releases that wait for signatures: they are uploaded from here, whenever that is.
    if let Ok(waiting) = pending::packs(site) {
        prune(&folder, packs.iter().chain(&waiting));
    }
    check_index(&packs).map_err(|why| Error::refused(format!("building `{environment}`: {why}")))?;
    let modules = fetched.iter().map(Fetched::module).collect();
    let source = Source { modules, ..input.source };
    Ok(Build { packs, source, folder, tree: input.tree, recalled, index: index_file })
}

impl Build {
    /// Whether the release has a file, link or folder at `path`.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        let below = |pack: &Pack| relative_path(path, &pack.path).is_some();
        self.tree.holds(path) || self.packs.iter().any(|pack| pack.path == path || below(pack))
    }

    /// Whether every pack is still in the cache.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.packs.iter().all(|pack| self.file(pack).is_file())
    }

    /// The file of a pack.
    #[must_use]
    pub fn file(&self, pack: &Pack) -> PathBuf {
        pack_file(&self.folder, pack)
    }
}

fn build_pack(path: &str, found: &[Entry], folder: &Path, index: &Index) -> Result<Packed> {
    let key = index::key(path, found);
    if let Some(known) = key.and_then(|key| index.find(&key, path)) {
        return Ok(Packed::Recalled(known, None));
    }
    let pack = write::write(path, write::read(path, found)?, None, folder)?;
    if let Some(key) = key {
        index.add(&key, &pack);
    }
    Ok(Packed::Made(pack))
}

/// Checks that the script of a `script` engine exists and is executable.
fn check_engine(engine: &Engine, tree: &Tree, environment: &Name) -> Result<()> {
    let Engine::Script(script) = engine else { return Ok(()) };
    let run = &script.run;
    match tree.find(run) {
        Some(EntryKind::File { executable: true, .. } | EntryKind::Link { .. }) => Ok(()),
        Some(EntryKind::File { .. }) => Err(Error::configuration(format!(
            "building `{environment}`: the script `{run}` is not executable"
        ))
        .hint(format!("chmod +x {run}"))),
        _ => Err(Error::configuration(format!("building `{environment}`: there is no script `{run}`"))
            .hint("`apply: {engine: {script: {run: FILE}}}` in the site file names the script")),
    }
}

/// The name of the index of packs, beside the indexes of the environments. No environment can have this name.
const INDEX: &str = ".packs.json";
