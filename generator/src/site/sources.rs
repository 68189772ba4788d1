//! Reads the branches of a site's `sources`: each branch is an environment.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::name::Name;

use super::SiteDir;
use crate::error::{Error, Result};
use crate::git::Repository;
use crate::parallel;
use crate::progress::Progress;
use crate::site::branches::{self, Followed};

impl SiteDir {
    /// Opens a site to build from it, and fetches the branches of its `sources`. Nothing is fetched if `offline` is
    /// set: then the branches that were fetched last count. Nothing is fetched either if only the environment `asked`
    /// is needed and it is defined in the site file. Returns the site, and notes for the user about its branches.
    ///
    /// # Errors
    /// As [`SiteDir::open`]. Temporary when a repository cannot be reached.
    pub fn open_to_build(
        file: Option<&Path>,
        asked: Option<&Name>,
        offline: bool,
    ) -> Result<(Self, Vec<String>)> {
        Self::open(file)?.fetched(asked, offline)
    }

    /// As [`SiteDir::open_to_build`], for a command that needs no cache: if the site's cannot be written, a temporary one
    /// takes its place, and the last value says why.
    ///
    /// # Errors
    /// As [`SiteDir::open_to_build`].
    pub fn open_to_check(
        file: Option<&Path>,
        asked: Option<&Name>,
        offline: bool,
    ) -> Result<(Self, Vec<String>, Option<Error>)> {
        let mut site = Self::open(file)?;
        let why = site.cache_somewhere()?;
        let (site, notes) = site.fetched(asked, offline)?;
        Ok((site, notes, why))
    }

    fn fetched(self, asked: Option<&Name>, offline: bool) -> Result<(Self, Vec<String>)> {
        let mut site = self;
        site.offline = offline;
        if site.site.sources.is_empty() || asked.is_some_and(|name| site.is_static(name)) {
            return Ok((site, Vec::new()));
        }
        let sources: Vec<(Name, Repository)> = site.sources()?;
        if !offline {
            let bar = Progress::new().bar("fetching branches", sources.len() as u64);
            parallel::map(&sources, sources.len(), |(_, repository)| {
                repository.fetch()?;
                bar.inc(1);
                Ok(())
            })?;
            bar.finish_and_clear();
        }
        let branches = sources.iter().map(|(name, repository)| Ok((name.clone(), branches_of(repository)?)));
        let branches: Vec<(Name, Vec<String>)> = branches.collect::<Result<_>>()?;
        let notes = site.set_branches(&branches);
        // A command for one environment does not print notes about the others.
        Ok((site, if asked.is_none() { notes } else { Vec::new() }))
    }

    /// The repository at a URL or path in the site file. A path is relative to the site file.
    ///
    /// # Errors
    /// Refused when `url` is neither a URL nor a path.
    pub fn repository(&self, url: &str) -> Result<Repository> {
        let before_slash = url.split('/').next().unwrap_or_default();
        let local = !before_slash.contains(':') && !url.starts_with('-') && Path::new(url).is_relative();
        let cache = &self.cache_root;
        if !local {
            return Repository::open(cache, url);
        }
        let path: PathBuf = self.root.join(url);
        let path = fs::canonicalize(&path).or_else(|_| std::path::absolute(&path)).unwrap_or(path);
        Repository::open(cache, &path.to_string_lossy())
    }

    /// Adds the environments of the branches that were fetched last. Fetches nothing.
    pub(super) fn load_cached_branches(&mut self) -> Result<()> {
        let cached = self.sources()?.into_iter().filter(|(_, repository)| repository.is_cached());
        let branches: Vec<(Name, Vec<String>)> =
            cached.filter_map(|(name, repository)| Some((name, branches_of(&repository).ok()?))).collect();
        self.set_branches(&branches);
        Ok(())
    }

    fn sources(&self) -> Result<Vec<(Name, Repository)>> {
        let sources = self.site.sources.iter();
        sources.map(|(name, source)| Ok((name.clone(), self.repository(&source.git)?))).collect()
    }

    /// Whether the environment is defined in the site file itself.
    fn is_static(&self, name: &Name) -> bool {
        self.site.environments.contains_key(name) && !self.followed.contains(name)
    }

    /// Replaces the environments that are branches; returns notes for the user.
    fn set_branches(&mut self, known: &[(Name, Vec<String>)]) -> Vec<String> {
        self.site.environments.retain(|name, _| !self.followed.contains(name));
        let sources = known.iter().map(|(name, branches)| (name, branches.clone()));
        let Followed { environments, conflicts, notes } = branches::follow(&self.site, sources);
        self.followed = environments.keys().cloned().collect();
        self.conflicts = conflicts;
        self.site.environments.extend(environments);
        notes
    }
}

fn branches_of(repository: &Repository) -> Result<Vec<String>> {
    let names = repository
        .refs()?
        .into_iter()
        .filter_map(|one| Some(one.name.strip_prefix("refs/heads/")?.to_owned()));
    Ok(names.collect())
}
