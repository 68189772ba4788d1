//! A `Puppetfile` and the old lock file → the new lock file.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::fetch::{Fetcher, release};
use super::lockfile::{LockedModule, Lockfile};
use super::registry::{ForgeRegistry, prefetch};
use super::{AT_ONCE, Assemble, place, sources};
use crate::error::{Error, Result};
use crate::parallel;
use crate::puppetfile::model::{Declared, Origin};
use crate::puppetfile::name::{same, short, slug};
use crate::puppetfile::requirement::{Pin, Requirement};
use crate::puppetfile::resolve::{Problem, Resolution, Unresolved, resolve};

/// The arguments of [`update`].
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// The `Puppetfile`, and how modules are fetched.
    pub request: &'a Assemble<'a>,
    /// Modules to update, by any of their names; empty: all modules.
    pub names: &'a [String],
    /// Modules whose release the `Puppetfile` alone decides.
    pub overrides: &'a [String],
}

/// The result of [`update`].
#[derive(Clone, Debug)]
pub struct Updated {
    /// The old lock file.
    pub old: Lockfile,
    /// The new lock file.
    pub new: Lockfile,
    /// Notes for people: sentences.
    pub notes: Vec<String>,
}

/// Resolves the declared modules and their dependencies, and fetches them.
///
/// # Errors
/// When no releases fit together, or a release cannot be fetched. A release whose content differs from the locked
/// content is refused, unless `names` holds the module.
pub fn update(update: &Update<'_>, old: Lockfile) -> Result<Updated> {
    let request = update.request;
    for name in update.names {
        let declared = request.puppetfile.modules.iter().any(|declared| is_called(&declared.title, name));
        if !declared && old.find(name).is_none() {
            return Err(Error::usage(format!("updating `{name}`: there is no such module")).hint(format!(
                "neither {} nor the lock file has this name; `stringless modules tree` shows theirs",
                request.origin
            )));
        }
    }
    let sources = sources(request)?;
    let contents = contents(update, &sources, &old)?;
    let answer = answer(update, &sources, &old, &contents)?;
    let mut new = Lockfile::default();
    for (path, mut locked) in contents {
        locked.needs = answer.needs.get(&locked.name).cloned().unwrap_or_default();
        place_in(&mut new, &path, locked)?;
    }
    let releases: Vec<(&String, &Version)> = answer.releases.iter().collect();
    let bar = request.progress.bar("fetching modules", releases.len() as u64);
    let taken = parallel::map(&releases, AT_ONCE, |(name, version)| {
        let taken = lock_release(update, &sources, &old, name, version);
        bar.inc(1);
        taken
    })?;
    bar.finish_and_clear();
    for (path, mut locked) in taken {
        let asked = locked.name.replacen('-', "/", 1);
        locked.needs = answer.needs.get(&asked).cloned().unwrap_or_default();
        place_in(&mut new, &path, locked)?;
    }
    let notes = answer.notes.into_iter().chain(sources.notes.take()).collect();
    Ok(Updated { old, new, notes })
}

/// Whether `name` is the module `title`, with its author or without.
#[must_use]
pub fn is_called(title: &str, name: &str) -> bool {
    same(title, name) || short(title).eq_ignore_ascii_case(name)
}

impl Update<'_> {
    fn is_named(&self, title: &str) -> bool {
        self.names.iter().any(|name| is_called(title, name))
    }

    /// Whether the locked release of a module stays.
    fn keeps(&self, title: &str) -> bool {
        !self.names.is_empty() && !self.is_named(title)
    }

    fn declared(&self, name: &str) -> Option<&Declared> {
        self.request.puppetfile.modules.iter().find(|declared| same(&declared.title, name))
    }
}

/// The modules from repositories and archives, resolved; by path.
fn contents(
    update: &Update<'_>,
    sources: &Fetcher<'_>,
    old: &Lockfile,
) -> Result<Vec<(String, LockedModule)>> {
    let declared: Vec<&Declared> = update.request.puppetfile.modules.iter().collect();
    let elsewhere: Vec<&&Declared> =
        declared.iter().filter(|d| matches!(d.origin, Origin::Git { .. } | Origin::Tarball { .. })).collect();
    let bar = update.request.progress.bar("fetching modules", elsewhere.len() as u64);
    let taken = parallel::map(&elsewhere, AT_ONCE, |declared| {
        let kept = old.modules.get(&declared.path()).filter(|locked| locked.differs(declared).is_none());
        let locked = match kept.filter(|_| update.keeps(&declared.title)) {
            Some(kept) => Some(kept.clone()),
            None => sources
                .resolve(declared, update.is_named(&declared.title))
                .map_err(|e| e.of(&place(update.request.origin, &declared.title, Some(declared))))?,
        };
        bar.inc(1);
        Ok(locked.map(|locked| (declared.path(), locked)))
    })?;
    bar.finish_and_clear();
    let mut contents: Vec<(String, LockedModule)> = taken.into_iter().flatten().collect();
    for (_, locked) in &mut contents {
        // A release that stays is already described in the old lock file, and may not be in the cache.
        let note = sources.cache.noted(&release(locked))?.filter(|note| note.tree == locked.tree);
        if let Some(note) = note {
            locked.version = note.metadata.version;
            locked.needs = note.metadata.needs;
        }
    }
    Ok(contents)
}

/// The releases of the forge that fit them.
fn answer(
    update: &Update<'_>,
    sources: &Fetcher<'_>,
    old: &Lockfile,
    contents: &[(String, LockedModule)],
) -> Result<Resolution> {
    let request = update.request;
    let mut roots = Vec::new();
    for declared in &request.puppetfile.modules {
        let (name, pin) = match &declared.origin {
            Origin::Forge { version: None } => (declared.title.replacen('-', "/", 1), Pin::Any),
            Origin::Forge { version: Some(version) } => {
                let version = Version::parse(version).map_err(|e| {
                    Error::configuration(format!(
                        "{}: version `{version}`: {e}",
                        place(request.origin, &declared.title, Some(declared))
                    ))
                    .hint("a version has three numbers, as in `1.20.3`")
                })?;
                (declared.title.replacen('-', "/", 1), Pin::Release(version))
            }
            Origin::Local => (declared.title.clone(), Pin::Content(None, Vec::new())),
            Origin::Git { .. } | Origin::Tarball { .. } => {
                let found = contents.iter().find(|(path, _)| *path == declared.path());
                let needs = found.map(|(_, locked)| locked.needs.clone().into_iter().collect());
                let version = found.and_then(|(_, locked)| Version::parse(locked.version.as_deref()?).ok());
                (declared.title.clone(), Pin::Content(version, needs.unwrap_or_default()))
            }
        };
        roots.push(Requirement { name, line: declared.line, pin });
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
    prefetch(&registry, request.origin, &roots, &kept)?;
    let problem = Problem { roots: &roots, kept: &kept, overrides: &overrides, registry: &registry };
    resolve(&problem).map_err(|unresolved| match unresolved {
        Unresolved::NoSolution(fault) => fault.into(),
        Unresolved::Registry(error) => error,
    })
}

/// The declared modules without their dependencies, as r10k does.
fn declared_only(
    sources: &Fetcher<'_>,
    roots: &[Requirement],
    kept: &BTreeMap<String, Version>,
) -> Result<Resolution> {
    let mut answer = Resolution::default();
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

/// Resolves a release of the forge, and its path.
fn lock_release(
    update: &Update<'_>,
    sources: &Fetcher<'_>,
    old: &Lockfile,
    name: &str,
    version: &Version,
) -> Result<(String, LockedModule)> {
    let declared = update.declared(name);
    let (title, exclude_spec) = declared.map_or((name, false), |d| (&*d.title, d.exclude_spec));
    let path = match declared {
        Some(declared) => declared.path(),
        None => update.request.puppetfile.path_of(name),
    };
    let forge = update.request.locked_forge();
    let before = old.modules.get(&path).filter(|locked| {
        locked.forge.as_ref() == Some(&forge)
            && same(&locked.name, name)
            && locked.exclude_spec == exclude_spec
            && locked.version.as_deref() == Some(&*version.to_string())
    });
    let named = update.is_named(name);
    if let Some(before) = before.filter(|_| !named) {
        return Ok((path, LockedModule { name: title.to_owned(), ..before.clone() }));
    }
    let taken = sources.resolve_version(title, version, exclude_spec, named);
    Ok((path, taken.map_err(|e| e.of(&place(update.request.origin, title, declared)))?))
}

fn place_in(lock: &mut Lockfile, path: &str, locked: LockedModule) -> Result<()> {
    let there = lock.modules.iter().find(|(other, _)| other.eq_ignore_ascii_case(path));
    if let Some((_, other)) = there {
        return Err(Error::configuration(format!(
            "resolving the modules: `{}` and `{}` are both needed, and both belong in `{path}`",
            other.name, locked.name
        ))
        .hint("declare one of them in the Puppetfile: it replaces the other"));
    }
    lock.modules.insert(path.to_owned(), locked);
    Ok(())
}
