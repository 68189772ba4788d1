//! Locked modules that have newer releases, whose tag moved, or that are deprecated.

use semver::Version;

use super::fetch::Fetcher;
use super::git::{self, Asked};
use super::lockfile::{LockedModule, Lockfile};
use super::{AT_ONCE, Assemble, place, sources};
use crate::error::Result;
use crate::parallel;
use crate::puppetfile::model::{Declared, Origin};

/// A locked module that has something newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// Its folder in the release.
    pub path: String,
    /// A version, or the start of a commit.
    pub newest: Option<String>,
    /// Notes for people: sentences.
    pub notes: Vec<String>,
}

/// Queries the sources of the modules in `lock`; only modules with something newer, sorted by path.
///
/// # Errors
/// When a source does not answer.
pub fn outdated(request: &Assemble<'_>, lock: &Lockfile) -> Result<Vec<Newer>> {
    let sources = sources(request)?;
    let modules: Vec<(&String, &LockedModule)> = lock.modules.iter().collect();
    let bar = request.progress.bar("asking for releases", modules.len() as u64);
    let found = parallel::map(&modules, AT_ONCE, |(path, locked)| {
        let declared = request.puppetfile.modules.iter().find(|declared| declared.path() == **path);
        let found = match declared.map(|declared| &declared.origin) {
            Some(Origin::Git { .. }) => repository(request, &sources, locked, declared),
            Some(Origin::Tarball { .. } | Origin::Local) => Ok((None, Vec::new())),
            Some(Origin::Forge { .. }) | None => forge(&sources, locked, declared),
        };
        bar.inc(1);
        let (newest, notes) = found.map_err(|e| e.of(&place(request.origin, &locked.name, declared)))?;
        Ok(Newer { path: (*path).clone(), newest, notes })
    })?;
    bar.finish_and_clear();
    Ok(found.into_iter().filter(|newer| newer.newest.is_some() || !newer.notes.is_empty()).collect())
}

type Found = (Option<String>, Vec<String>);

fn forge(sources: &Fetcher<'_>, locked: &LockedModule, declared: Option<&Declared>) -> Result<Found> {
    let module = match sources.forge.module(&locked.name) {
        Ok(module) => module,
        Err(error) if error.is_refusal() => return Ok((None, vec!["the forge no longer has it".into()])),
        Err(error) => return Err(error),
    };
    let version = locked.version.as_deref().and_then(|version| Version::parse(version).ok());
    let newest = sources.newest(&locked.name)?;
    let mut notes = Vec::new();
    if module.deprecated {
        let successor = module.successor.as_deref().map(|name| format!(", `{name}` replaces it"));
        notes.push(format!("its author has deprecated it{}", successor.unwrap_or_default()));
    }
    let Some(version) = version else { return Ok((Some(newest.to_string()), notes)) };
    if !module.versions.contains(&version) {
        notes.push("the locked release was withdrawn".into());
    }
    let newer = newest > version;
    if newer && let Some(Declared { line, origin: Origin::Forge { version: Some(_) }, .. }) = declared {
        notes.push(format!("line {line} pins it"));
    }
    Ok((newer.then(|| newest.to_string()), notes))
}

fn repository(
    request: &Assemble<'_>,
    sources: &Fetcher<'_>,
    locked: &LockedModule,
    declared: Option<&Declared>,
) -> Result<Found> {
    let Some(Declared { origin: Origin::Git { url, want, or, or_first }, line, .. }) = declared else {
        return Ok((None, Vec::new()));
    };
    let mirror = sources.mirror(url)?;
    mirror.fetch()?;
    let or = [or_first.as_deref(), or.as_deref()];
    let asked = Asked { want, or, control_branch: request.control_branch };
    let mut now = LockedModule::new(&locked.name);
    let commit = git::find(&mirror, &asked, &mut now)?.to_string();
    let mut notes = Vec::new();
    let mut newest = None;
    if locked.commit.as_deref() != Some(&*commit) {
        if locked.tag.is_some() && locked.git.as_deref() == Some(&*mirror.url()) {
            notes.push("the tag moved".into());
        }
        newest = Some(commit.chars().take(12).collect());
    }
    // For a module that does not follow a branch, the releases are tags.
    let fixed = locked.follows.is_none() && locked.branch.is_none();
    let tags =
        mirror.refs()?.into_iter().filter_map(|found| version_of_tag(found.name.strip_prefix("refs/tags/")?));
    let highest = tags.filter(|version| version.pre.is_empty()).max();
    let version = locked.version.as_deref().and_then(|version| Version::parse(version).ok());
    if fixed
        && let (Some(highest), Some(version)) = (highest, version)
        && highest > version
    {
        newest = Some(highest.to_string());
        notes.push(format!("line {line} pins it"));
    }
    Ok((newest, notes))
}

fn version_of_tag(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}
