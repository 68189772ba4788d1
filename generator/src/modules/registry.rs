//! The forge as the registry of the resolver.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::AT_ONCE;
use super::fetch::Fetcher;
use super::lockfile::{LockedModule, Lockfile};
use crate::error::{Error, Result};
use crate::parallel;
use crate::puppetfile::name::{same, short, slug};
use crate::puppetfile::requirement::{Pin, Requirement};
use crate::puppetfile::resolve::Registry;

/// The forge; for modules that it no longer has, the lock file.
pub struct ForgeRegistry<'a> {
    /// The fetcher.
    pub sources: &'a Fetcher<'a>,
    /// The lock file.
    pub old: &'a Lockfile,
}

impl Registry for ForgeRegistry<'_> {
    type Error = Error;

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        self.sources.online(|| format!("asking for the releases of `{name}`"))?;
        let module = match self.sources.forge.module(name) {
            Ok(module) => module,
            // The resolver's error names the module that needs it.
            Err(error) if error.is_refusal() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(module.versions.iter().filter(|version| version.pre.is_empty()).cloned().collect())
    }

    fn is_absent(&self, name: &str) -> Result<bool> {
        match self.sources.forge.module(name) {
            Ok(_) => Ok(false),
            Err(error) if error.is_refusal() => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn needs(&self, name: &str, version: &Version) -> Result<Vec<(String, String)>> {
        self.sources.online(|| format!("asking what `{name}` {version} needs"))?;
        match self.sources.forge.release(name, &version.to_string()) {
            Ok(release) => Ok(release.needs.clone()),
            Err(error) if error.is_refusal() => {
                let same = |locked: &&LockedModule| {
                    same(&locked.name, name) && locked.version.as_deref() == Some(&*version.to_string())
                };
                let locked = self.old.modules.values().find(same).ok_or(error)?;
                Ok(locked.needs.clone().into_iter().collect())
            }
            Err(error) => Err(error),
        }
    }
}

/// Queries in parallel what the resolver will probably need, because the resolver queries one by one.
///
/// # Errors
/// When the forge does not answer.
pub fn prefetch(
    registry: &ForgeRegistry<'_>,
    origin: &str,
    roots: &[Requirement],
    kept: &BTreeMap<String, Version>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<(String, Option<Version>)> = Vec::new();
    for root in roots {
        seen.insert(short(&root.name).to_lowercase());
        match &root.pin {
            Pin::Any => open.push((root.name.clone(), kept.get(&slug(&root.name)).cloned())),
            Pin::Release(version) => open.push((root.name.clone(), Some(version.clone()))),
            Pin::Content(..) => {}
        }
    }
    let needed = roots.iter().flat_map(|root| match &root.pin {
        Pin::Content(_, needs) => needs.as_slice(),
        _ => &[],
    });
    let mut more: Vec<String> = needed.map(|(name, _)| name.clone()).collect();
    loop {
        let new = more.drain(..).filter(|name| seen.insert(short(name).to_lowercase()));
        open.extend(
            new.map(|name| (name.replacen('-', "/", 1), kept.get(&slug(&name)).cloned())).collect::<Vec<_>>(),
        );
        if open.is_empty() {
            return Ok(());
        }
        let needs = parallel::map(&open, AT_ONCE, |(name, version)| {
            let version = match version {
                Some(version) => Some(version.clone()),
                None => registry.versions(name)?.into_iter().next(),
            };
            let Some(version) = version else { return Ok(Vec::new()) };
            registry.needs(name, &version).map_err(|e| match roots.iter().find(|root| root.name == *name) {
                Some(root) => e.of(&format!("module `{name}` ({origin}:{})", root.line)),
                None => e,
            })
        })?;
        more.extend(needs.into_iter().flatten().map(|(name, _)| name));
        open.clear();
    }
}
