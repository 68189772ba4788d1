//! Source tree → packs in the site's cache: read, bundled, and held against the node's allow-list.

use std::env;
use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use agent_core::manifest::{Engine, Source};
use agent_core::name::Name;
use agent_core::pack::{MAX_FILES, MAX_UNPACKED_BYTES, Pack, check_index, title};

use crate::bundle::{self, Item, ItemKind};
use crate::error::{Error, Result};
use crate::folder::SiteFolder;
use crate::outdated::Rendering;
use crate::parallel;
use crate::progress::Progress;
use crate::secret;
use crate::source::{self, Found, FoundKind};
use crate::unpack;

/// The content of a release, before it is signed.
#[derive(Clone, Debug)]
pub struct Build {
    /// Sorted by path.
    pub packs: Vec<Pack>,
    /// What it was built from.
    pub source: Source,
    /// The folder that holds the packs.
    pub folder: PathBuf,
}

/// Builds an environment into the site's cache.
///
/// # Errors
/// For what a release may not hold, with path and reason.
pub fn build(site: &SiteFolder, environment: &Name, progress: &Progress) -> Result<Build> {
    let root = site.source(environment)?;
    let folder = site.cache("packs")?;
    let tree = source::scan(&root, &site.own_files())?;
    let list: Vec<(&String, &Vec<Found>)> = tree.packs.iter().collect();
    let bar = progress.bar("building", list.len() as u64);
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let packs = parallel::map(&list, cpus, |(path, found)| {
        let pack = build_pack(path, found, &folder);
        bar.inc(1);
        pack
    })?;
    bar.finish_and_clear();
    forget_old(&folder, &packs);
    check_index(&packs).map_err(|why| Error::refused(format!("building `{environment}`: {why}")))?;
    let engine = site.site.apply(environment)?.engine;
    check_engine(&engine, &tree, environment)?;
    Ok(Build { packs, source: source_of(&root), folder })
}

impl Build {
    /// The file of a pack.
    #[must_use]
    pub fn file(&self, pack: &Pack) -> PathBuf {
        pack_file(&self.folder, pack)
    }
}

/// Where the bytes of `pack` lie in a folder of packs.
#[must_use]
pub fn pack_file(folder: &Path, pack: &Pack) -> PathBuf {
    folder.join(format!("{}.tar.gz", pack.sha256))
}

/// Writes a file that is either whole or not there.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // Before the name: after a power cut a file of the right size may hold anything.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|e| Error::io("writing", path, e))
}

fn build_pack(path: &str, found: &[Found], folder: &Path) -> Result<Pack> {
    check_size(path, found)?;
    let items: Vec<Item> = found.iter().map(|one| read(path, one)).collect::<Result<_>>()?;
    let (pack, bytes) = bundle::bundle(path, items);
    // What a node would refuse is refused here, where somebody can mend it.
    unpack::each(&pack, &bytes, drop).map_err(|refusal| {
        Error::refusal("building", "the release", &refusal)
            .hint(format!("remove it, or name it in `{}`", source::IGNORE_FILE))
    })?;
    let file = pack_file(folder, &pack);
    if fs::read(&file).is_ok_and(|there| there == bytes) {
        return Ok(pack);
    }
    write_whole(&file, &bytes)?;
    Ok(pack)
}

/// What is too large is refused before it fills the memory.
fn check_size(path: &str, found: &[Found]) -> Result<()> {
    let files = found.iter().filter(|one| matches!(one.kind, FoundKind::File { .. }));
    let bytes: u64 = files.filter_map(|one| Some(fs::metadata(&one.disk).ok()?.len())).sum();
    if bytes <= MAX_UNPACKED_BYTES && found.len() as u64 <= MAX_FILES {
        return Ok(());
    }
    Err(Error::refused(format!(
        "building {}: {} files with {bytes} bytes; {MAX_FILES} with {MAX_UNPACKED_BYTES} are the most of a pack",
        title(path),
        found.len()
    ))
    .hint(format!("name in `{}` what nodes do not need", source::IGNORE_FILE)))
}

fn read(pack: &str, found: &Found) -> Result<Item> {
    let kind = match &found.kind {
        FoundKind::Folder => ItemKind::Folder,
        FoundKind::Link { target } => ItemKind::Link { target: target.clone() },
        FoundKind::File { executable } => {
            let content = fs::read(&found.disk).map_err(|e| Error::io("reading", &found.disk, e))?;
            if let Some(why) = secret_in(&content) {
                let path = [pack, &found.path].join("/");
                return Err(Error::refused(format!(
                    "building from `{}`: {why}",
                    path.trim_start_matches('/')
                ))
                .hint(format!("move it out of the source tree, or name it in `{}`", source::IGNORE_FILE)));
            }
            ItemKind::File { executable: *executable, content }
        }
    };
    Ok(Item { path: found.path.clone(), kind })
}

/// Why `content` may not be where all nodes, and whoever reads the bucket, can read it.
fn secret_in(content: &[u8]) -> Option<&'static str> {
    if secret::holds_secret_key(content) {
        return Some("it holds a secret key");
    }
    let head = &content[..content.len().min(HEAD)];
    // Indented inside of a cloud-config.
    let rendered = head.split(|&b| b == b'\n').any(|line| line.trim_ascii_start().starts_with(USER_DATA));
    // Or packed, encoded, or a document with the node's configuration in it.
    let keyed = || Rendering::read(content).is_ok_and(|rendering| rendering.static_keys().is_some());
    (rendered || content.len() <= MAX_USER_DATA && keyed())
        .then_some("it is rendered user-data, which may hold keys")
}

/// A `script` engine needs its script, and may execute it.
fn check_engine(engine: &Engine, tree: &source::Tree, environment: &Name) -> Result<()> {
    let Engine::Script(script) = engine else { return Ok(()) };
    let run = &script.run;
    let full =
        |pack: &str, path: &str| if pack.is_empty() { path.to_owned() } else { format!("{pack}/{path}") };
    let found = tree
        .packs
        .iter()
        .flat_map(|(pack, found)| found.iter().map(move |one| (full(pack, &one.path), &one.kind)))
        .find(|(path, _)| path == run);
    match found {
        Some((_, FoundKind::File { executable: true } | FoundKind::Link { .. })) => Ok(()),
        Some((_, FoundKind::File { .. })) => Err(Error::configuration(format!(
            "building `{environment}`: the script `{run}` is not executable"
        ))
        .hint(format!("chmod +x {run}"))),
        _ => Err(Error::configuration(format!("building `{environment}`: there is no script `{run}`"))
            .hint("`apply: {engine: {script: {run: FILE}}}` in the site file names it")),
    }
}

/// Removes packs from the cache that are of no use to this build, and a month old.
fn forget_old(folder: &Path, packs: &[Pack]) {
    let kept: Vec<PathBuf> = packs.iter().map(|pack| pack_file(folder, pack)).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).map(|time| time.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > MONTH) && !kept.contains(&entry.path()) {
            // A cache: what stays is tried again next time.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// What git says of the tree, if it is there and the tree is one of its.
fn source_of(root: &Path) -> Source {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        // Nothing of the repository is run, and nobody inherits a password or a key.
        git.env_clear().envs(["PATH", "HOME"].iter().filter_map(|name| Some((name, env::var_os(name)?))));
        git.args(["-c", "core.fsmonitor=false", "-C"])
            .arg(root)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let output = git.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]);
    let dirty = commit.is_some()
        && git(&["status", "--porcelain", "--", "."]).is_none_or(|status| !status.is_empty());
    let tool = concat!("stringless ", env!("CARGO_PKG_VERSION")).to_owned();
    Source { tool, commit, dirty, ..Source::default() }
}

/// How user-data begins, whatever its form; the head of a file is searched for it.
const USER_DATA: &[u8] = b"# Stringless bootstrap: site ";
const HEAD: usize = 4096;
/// No cloud takes more.
const MAX_USER_DATA: usize = 512 * 1024;
const MONTH: Duration = Duration::from_secs(30 * 86_400);
