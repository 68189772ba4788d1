//! Locked modules that have newer releases, that moved, or that were given up.

use semver::Version;

use super::fetch::Sources;
use super::git::{self, Asked};
use super::lockfile::{Lock, Locked};
use super::{AT_ONCE, Assemble, place, sources};
use crate::error::Result;
use crate::parallel;
use crate::puppetfile::model::{Declared, Origin};

/// What is newer than a locked module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// Its folder in the release.
    pub path: String,
    /// A version, or the begin of a commit.
    pub newest: Option<String>,
    /// What else should be known: sentences.
    pub notes: Vec<String>,
}

/// Asks where the modules of `lock` are from; sorted by path, without those of which nothing is newer.
///
/// # Errors
/// When somebody does not answer.
pub fn outdated(request: &Assemble<'_>, lock: &Lock) -> Result<Vec<Newer>> {
    let sources = sources(request)?;
    let modules: Vec<(&String, &Locked)> = lock.modules.iter().collect();
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

fn forge(sources: &Sources<'_>, locked: &Locked, declared: Option<&Declared>) -> Result<Found> {
    let module = match sources.forge.module(&locked.name) {
        Ok(module) => module,
        Err(error) if error.exit_code() == 3 => return Ok((None, vec!["the forge has it no more".into()])),
        Err(error) => return Err(error),
    };
    let version = locked.version.as_deref().and_then(|version| Version::parse(version).ok());
    let newest = sources.newest(&locked.name)?;
    let mut notes = Vec::new();
    if module.deprecated {
        let successor = module.successor.as_deref().map(|name| format!(", `{name}` takes its place"));
        notes.push(format!("its author has given it up{}", successor.unwrap_or_default()));
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
    sources: &Sources<'_>,
    locked: &Locked,
    declared: Option<&Declared>,
) -> Result<Found> {
    let Some(Declared { origin: Origin::Git { url, want, or, or_first }, line, .. }) = declared else {
        return Ok((None, Vec::new()));
    };
    let mirror = sources.mirror(url)?;
    mirror.fetch()?;
    let or = [or_first.as_deref(), or.as_deref()];
    let asked = Asked { want, or, control_branch: request.control_branch };
    let mut now = Locked::new(&locked.name);
    let commit = git::find(&mirror, &asked, &mut now)?.to_string();
    let mut notes = Vec::new();
    let mut newest = None;
    if locked.commit.as_deref() != Some(&*commit) {
        if locked.tag.is_some() {
            notes.push("the tag moved".into());
        }
        newest = Some(commit.chars().take(12).collect());
    }
    // Of what does not follow a branch, releases are tags.
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
