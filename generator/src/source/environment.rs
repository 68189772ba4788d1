//! An environment → its source tree, and the description of its origin for the manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stringless_core::manifest;
use stringless_core::name::Name;
use stringless_render::site::Source;

use crate::error::{Error, Result};
use crate::git::{Commit, Repository, WorkTree};
use crate::site::SiteDir;
use crate::source::{EntryKind, Tree, commit, disk};

/// The source of an environment.
#[derive(Clone, Debug)]
pub struct EnvironmentSource {
    /// Its files, cut into packs.
    pub tree: Tree,
    /// The origin in the manifest, without the modules, which are added later.
    pub source: manifest::Source,
    /// The text before the path of one of its files in messages.
    pub origin: String,
}

/// Reads the source of `environment`: a folder, or a commit. The contents of files are read later.
///
/// # Errors
/// When there is no such environment, branch or folder, or for a file that a release must not hold.
pub fn read(site: &SiteDir, environment: &Name) -> Result<EnvironmentSource> {
    let source = &site.site.environment(environment)?.source;
    match &source.git {
        Some(url) => of_repository(site, environment, source, url),
        None => of_folder(site, source),
    }
}

fn of_folder(site: &SiteDir, source: &Source) -> Result<EnvironmentSource> {
    let root = site.root.join(&source.path);
    let tree = disk::scan(&root, &site.own_files())?;
    let work_tree = WorkTree::open(&root)?;
    let output = match &work_tree {
        Some(work_tree) => {
            refuse_submodules(work_tree, &tree)?;
            work_tree.status()?.unwrap_or_default()
        }
        None => Vec::new(),
    };
    let output = String::from_utf8_lossy(&output).into_owned();
    let mut lines = output.split('\0').filter(|line| !line.is_empty()).peekable();
    let mut headers = BTreeMap::new();
    while let Some((key, value)) = lines.peek().and_then(|line| line.strip_prefix("# ")?.split_once(' ')) {
        headers.insert(key, value);
        lines.next();
    }
    let header = |key: &str| headers.get(key).filter(|value| !value.starts_with('(')).map(|&v| v.to_owned());
    let commit = header("branch.oid");
    let dirty = match work_tree.as_ref().filter(|_| commit.is_some()) {
        Some(work_tree) => lines.next().is_some() || work_tree.looks_away()?,
        None => false,
    };
    let origin = root.join("").display().to_string();
    let origin = origin.strip_prefix("./").unwrap_or(&origin).to_owned();
    Ok(EnvironmentSource { tree, source: manifest_source(commit, dirty, header("branch.head")), origin })
}

/// The files of an earlier commit of the same source, from the cache; `None` if the source is a folder, or the cache
/// lacks the commit.
///
/// # Errors
/// When the cache cannot be read.
pub fn of_commit(site: &SiteDir, environment: &Name, id: &str) -> Result<Option<Tree>> {
    let source = &site.site.environment(environment)?.source;
    let Some(url) = &source.git else { return Ok(None) };
    let mirror = Arc::new(site.repository(url)?);
    let commit = if mirror.is_cached() { mirror.resolve(id)? } else { None };
    commit.map(|commit| commit::commit(&mirror, &commit, source.folder(), &site.own_names())).transpose()
}

fn of_repository(
    site: &SiteDir,
    environment: &Name,
    source: &Source,
    url: &str,
) -> Result<EnvironmentSource> {
    let mirror = Arc::new(site.repository(url)?);
    let (revision, what) = match (&source.commit, &source.tag, &source.branch) {
        (Some(commit), ..) => (commit.clone(), format!("commit `{commit}`")),
        (_, Some(tag), _) => (format!("refs/tags/{tag}"), format!("tag `{tag}`")),
        (.., branch) => {
            let branch = branch.as_deref().unwrap_or(environment.as_str());
            (format!("refs/heads/{branch}"), format!("branch `{branch}`"))
        }
    };
    let commit = resolve(site, &mirror, &revision, source.commit.is_some())?.ok_or_else(|| {
        let fetched = if site.offline { " in the cache" } else { "" };
        let key = format!("set `environments.{environment}.source` in the site file to one that exists");
        Error::configuration(format!("building `{environment}`: `{}` has no {what}{fetched}", mirror.url()))
            .hint(
                branches(&mirror)
                    .map_or(key.clone(), |all| format!("{key}; the repository has the branches {all}")),
            )
    })?;
    let tree = commit::commit(&mirror, &commit, source.folder(), &site.own_names())?;
    let branch = revision.strip_prefix("refs/heads/").map(str::to_owned);
    // In the notation of `git show`.
    let origin = match source.folder() {
        "" => format!("{}:", short_id(&revision)),
        folder => format!("{}:{folder}/", short_id(&revision)),
    };
    Ok(EnvironmentSource { tree, source: manifest_source(Some(commit.to_string()), false, branch), origin })
}

/// The short name of a branch or tag.
fn short_id(revision: &str) -> &str {
    revision.strip_prefix("refs/heads/").or_else(|| revision.strip_prefix("refs/tags/")).unwrap_or(revision)
}

/// The commit of `revision`. A pinned commit that is in the cache needs no fetch.
fn resolve(site: &SiteDir, mirror: &Repository, revision: &str, pinned: bool) -> Result<Option<Commit>> {
    if pinned
        && mirror.is_cached()
        && let Some(commit) = mirror.resolve(revision)?
    {
        return Ok(Some(commit));
    }
    if !site.offline {
        mirror.fetch()?;
    }
    mirror.resolve(revision)
}

/// Refuses a submodule that is not checked out: its folder is empty, and only git knows that it should not be.
fn refuse_submodules(work_tree: &WorkTree, tree: &Tree) -> Result<()> {
    let full = |pack: &str, path: &str| PathBuf::from(pack).join(path);
    let empty = tree.packs.iter().flat_map(|(pack, found)| {
        let itself = found.is_empty().then(|| PathBuf::from(pack));
        let holds = |n: usize| {
            found.get(n + 1).is_some_and(|next| next.path.starts_with(&format!("{}/", found[n].path)))
        };
        let inner =
            (0..found.len()).filter(move |&n| matches!(found[n].kind, EntryKind::Folder) && !holds(n));
        itself.into_iter().chain(inner.map(move |n| full(pack, &found[n].path))).collect::<Vec<_>>()
    });
    let empty: Vec<PathBuf> = empty.collect();
    if empty.is_empty() {
        return Ok(());
    }
    let Some(output) = work_tree.read(&["ls-files", "--stage", "-z"])? else { return Ok(()) };
    let output = String::from_utf8_lossy(&output).into_owned();
    let mut submodules = output
        .split('\0')
        .filter_map(|line| line.split_once('\t').filter(|(head, _)| head.starts_with("160000 ")));
    match submodules.find(|(_, path)| empty.iter().any(|folder| folder == Path::new(path))) {
        Some((_, path)) => Err(commit::submodule(path)),
        None => Ok(()),
    }
}

fn branches(mirror: &Repository) -> Option<String> {
    let all = mirror.refs().ok()?;
    let names: Vec<&str> =
        all.iter().filter_map(|one| one.name.strip_prefix("refs/heads/")).take(12).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn manifest_source(commit: Option<String>, dirty: bool, branch: Option<String>) -> manifest::Source {
    let tool = concat!("stringless ", env!("CARGO_PKG_VERSION")).to_owned();
    manifest::Source { tool, commit, dirty, branch, ..manifest::Source::default() }
}
