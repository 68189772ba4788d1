//! A `Puppetfile` and the lock file of before → the lock file of now.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::fetch::Sources;
use super::lockfile::{Lock, Locked};
use super::metadata::Metadata;
use super::registry::{ForgeRegistry, ask_ahead};
use super::{AT_ONCE, Assemble, place, sources};
use crate::error::{Error, Result};
use crate::parallel;
use crate::puppetfile::model::{Declared, Origin};
use crate::puppetfile::name::{short, slug};
use crate::puppetfile::requirement::{Pin, Root};
use crate::puppetfile::resolve::{Answer, Question, resolve};

/// What is to be resolved anew.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// What is declared, and how it is fetched.
    pub request: &'a Assemble<'a>,
    /// Modules that are looked at again, by any of their names; none: all of them.
    pub names: &'a [String],
    /// Modules of which the `Puppetfile` alone says which release is taken.
    pub overrides: &'a [String],
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Updated {
    /// What was locked before.
    pub old: Lock,
    /// What is to be locked now.
    pub new: Lock,
    /// What people should know: sentences.
    pub notes: Vec<String>,
}

/// Resolves what is declared and what that needs, and fetches it.
///
/// # Errors
/// When releases do not fit together, or cannot be fetched. A release that has another content than was locked is
/// refused, unless it is named.
pub fn update(update: &Update<'_>, old: Lock) -> Result<Updated> {
    let request = update.request;
    for name in update.names {
        let declared = request.puppetfile.modules.iter().any(|declared| is_called(&declared.title, name));
        if !declared && old.find(name).is_none() {
            return Err(Error::usage(format!("updating `{name}`: there is no such module")).hint(format!(
                "{} and the lock file have other names; `stringless modules tree` shows them",
                request.origin
            )));
        }
    }
    let sources = sources(request)?;
    let contents = contents(update, &sources, &old)?;
    let answer = answer(update, &sources, &old, &contents)?;
    let mut new = Lock::default();
    for (path, mut locked) in contents {
        locked.needs = answer.needs.get(&locked.name).cloned().unwrap_or_default();
        place_in(&mut new, &path, locked)?;
    }
    let releases: Vec<(&String, &Version)> = answer.releases.iter().collect();
    let bar = request.progress.bar("fetching modules", releases.len() as u64);
    let taken = parallel::map(&releases, AT_ONCE, |(name, version)| {
        let taken = take(update, &sources, &old, name, version);
        bar.inc(1);
        taken
    })?;
    bar.finish_and_clear();
    for (path, mut locked) in taken {
        let asked = locked.name.replacen('-', "/", 1);
        locked.needs = answer.needs.get(&asked).cloned().unwrap_or_default();
        place_in(&mut new, &path, locked)?;
    }
    Ok(Updated { old, new, notes: answer.notes.into_iter().collect() })
}

/// Whether `title` is what `name` means: with its author, or without.
#[must_use]
pub fn is_called(title: &str, name: &str) -> bool {
    slug(title) == slug(name) || short(title) == name
}

impl Update<'_> {
    fn is_named(&self, title: &str) -> bool {
        self.names.iter().any(|name| is_called(title, name))
    }

    /// Whether what was locked of a module stays.
    fn keeps(&self, title: &str) -> bool {
        !self.names.is_empty() && !self.is_named(title)
    }

    fn declared(&self, name: &str) -> Option<&Declared> {
        self.request.puppetfile.modules.iter().find(|declared| slug(&declared.title) == slug(name))
    }
}

/// What is from repositories and archives: by its path, what it is now.
fn contents(update: &Update<'_>, sources: &Sources<'_>, old: &Lock) -> Result<Vec<(String, Locked)>> {
    let declared: Vec<&Declared> = update.request.puppetfile.modules.iter().collect();
    let elsewhere: Vec<&&Declared> =
        declared.iter().filter(|d| matches!(d.origin, Origin::Git { .. } | Origin::Tarball { .. })).collect();
    let bar = update.request.progress.bar("fetching modules", elsewhere.len() as u64);
    let taken = parallel::map(&elsewhere, AT_ONCE, |declared| {
        let kept = old.modules.get(&declared.path()).filter(|locked| locked.differs(declared).is_none());
        let locked = match kept.filter(|_| update.keeps(&declared.title)) {
            Some(kept) => Some(kept.clone()),
            None => sources
                .take(declared, update.is_named(&declared.title))
                .map_err(|e| e.of(&place(update.request.origin, &declared.title, Some(declared))))?,
        };
        bar.inc(1);
        Ok(locked.map(|locked| (declared.path(), locked)))
    })?;
    bar.finish_and_clear();
    let mut contents: Vec<(String, Locked)> = taken.into_iter().flatten().collect();
    for (_, locked) in &mut contents {
        // What was kept says it already, and need not be here.
        if let Some(tree) = sources.cache.tree(&locked.tree)? {
            let metadata = Metadata::of(&tree)
                .map_err(|why| Error::refused(format!("module `{}`: {why}", locked.name)).hint(MEND))?;
            locked.version = metadata.version.clone();
            locked.needs = metadata
                .dependencies
                .into_iter()
                .map(|d| (d.name, d.version_requirement.unwrap_or_default()))
                .collect();
        }
    }
    Ok(contents)
}

/// Which releases of the forge go with that.
fn answer(
    update: &Update<'_>,
    sources: &Sources<'_>,
    old: &Lock,
    contents: &[(String, Locked)],
) -> Result<Answer> {
    let request = update.request;
    let mut roots = Vec::new();
    for declared in &request.puppetfile.modules {
        let (name, pin) = match &declared.origin {
            Origin::Forge { version: None } => (declared.title.replacen('-', "/", 1), Pin::Any),
            Origin::Forge { version: Some(version) } => {
                let release = Version::parse(version).map_err(|e| {
                    Error::configuration(format!(
                        "{}: version `{version}`: {e}",
                        place(request.origin, &declared.title, Some(declared))
                    ))
                    .hint("a version has three numbers, as in `1.20.3`")
                })?;
                (declared.title.replacen('-', "/", 1), Pin::Release(release))
            }
            Origin::Local => (declared.title.clone(), Pin::Content(None, Vec::new())),
            Origin::Git { .. } | Origin::Tarball { .. } => {
                let found = contents.iter().find(|(path, _)| *path == declared.path());
                let needs = found.map(|(_, locked)| locked.needs.clone().into_iter().collect());
                let version = found.and_then(|(_, locked)| Version::parse(locked.version.as_deref()?).ok());
                (declared.title.clone(), Pin::Content(version, needs.unwrap_or_default()))
            }
        };
        roots.push(Root { name, line: declared.line, pin });
    }
    let kept: BTreeMap<String, Version> = old
        .modules
        .values()
        .filter(|locked| locked.forge.is_some() && update.keeps(&locked.name))
        .filter_map(|locked| Some((slug(&locked.name), Version::parse(locked.version.as_deref()?).ok()?)))
        .collect();
    let overrides: BTreeSet<String> = update.overrides.iter().map(|name| slug(name)).collect();
    if !request.with_dependencies {
        return declared_only(sources, &roots, &kept);
    }
    let registry = ForgeRegistry { sources, old };
    ask_ahead(&registry, &roots, &kept)?;
    resolve(&Question { roots: &roots, kept: &kept, overrides: &overrides, registry: &registry })
}

/// As r10k does: what is declared, and nothing that it needs.
fn declared_only(sources: &Sources<'_>, roots: &[Root], kept: &BTreeMap<String, Version>) -> Result<Answer> {
    let mut answer = Answer::default();
    for root in roots {
        let version = match &root.pin {
            Pin::Content(..) => continue,
            Pin::Release(version) => version.clone(),
            Pin::Any => match kept.get(&slug(&root.name)) {
                Some(version) => version.clone(),
                None => sources.newest(&root.name)?,
            },
        };
        answer.releases.insert(root.name.clone(), version);
    }
    Ok(answer)
}

/// A release of the forge, with its place.
fn take(
    update: &Update<'_>,
    sources: &Sources<'_>,
    old: &Lock,
    name: &str,
    version: &Version,
) -> Result<(String, Locked)> {
    let declared = update.declared(name);
    let (title, exclude_spec) = declared.map_or((name, false), |d| (&*d.title, d.exclude_spec));
    let path = match declared {
        Some(declared) => declared.path(),
        None => {
            let parent = update.request.puppetfile.moduledir.as_deref().unwrap_or("modules");
            if parent.is_empty() { short(name).to_owned() } else { format!("{parent}/{}", short(name)) }
        }
    };
    let before = old.modules.get(&path).filter(|locked| {
        locked.forge.is_some()
            && slug(&locked.name) == slug(name)
            && locked.exclude_spec == exclude_spec
            && locked.version.as_deref() == Some(&*version.to_string())
    });
    let named = update.is_named(name);
    if let Some(before) = before.filter(|_| !named) {
        return Ok((path, Locked { name: title.to_owned(), ..before.clone() }));
    }
    let taken = sources.take_version(title, version, exclude_spec, named);
    Ok((path, taken.map_err(|e| e.of(&place(update.request.origin, title, declared)))?))
}

fn place_in(lock: &mut Lock, path: &str, locked: Locked) -> Result<()> {
    let name = locked.name.clone();
    match lock.modules.insert(path.to_owned(), locked) {
        None => Ok(()),
        Some(other) => Err(Error::configuration(format!(
            "resolving the modules: `{}` and `{name}` are both needed, and both go into `{path}`",
            other.name
        ))
        .hint("declare the one that is to be there in the Puppetfile: it stands for the other")),
    }
}

const MEND: &str = "take another release of it, or a copy of your own without that";
