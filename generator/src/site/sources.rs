//! The branches of a site's `sources`: which environments they are.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::name::Name;

use super::{CACHE, SiteFolder};
use crate::error::Result;
use crate::git::Mirror;
use crate::parallel;
use crate::progress::Progress;
use crate::site::branches::{self, Followed};

impl SiteFolder {
    /// Opens a site to build from it: asks its `sources` which branches they have, unless `offline`,
    /// where what was fetched last counts, or unless only `asked` is wanted, and stands in the site file.
    /// What is told of the branches comes with it.
    ///
    /// # Errors
    /// As [`SiteFolder::open`]; temporary, when a repository cannot be reached.
    pub fn open_to_build(
        file: Option<&Path>,
        asked: Option<&Name>,
        offline: bool,
    ) -> Result<(Self, Vec<String>)> {
        let mut site = Self::open(file)?;
        site.offline = offline;
        if site.site.sources.is_empty() || asked.is_some_and(|name| site.is_static(name)) {
            return Ok((site, Vec::new()));
        }
        let sources: Vec<(Name, Mirror)> = site.sources()?;
        if !offline {
            let bar = Progress::new().bar("fetching branches", sources.len() as u64);
            parallel::map(&sources, sources.len(), |(_, mirror)| {
                mirror.fetch()?;
                bar.inc(1);
                Ok(())
            })?;
            bar.finish_and_clear();
        }
        let known = sources.iter().map(|(name, mirror)| Ok((name.clone(), branches_of(mirror)?)));
        let known: Vec<(Name, Vec<String>)> = known.collect::<Result<_>>()?;
        let notes = site.take_in(&known);
        // Whoever asks for one does not ask what became of the others.
        Ok((site, if asked.is_none() { notes } else { Vec::new() }))
    }

    /// The mirror of a repository that the site file names; a path is relative to the site file.
    ///
    /// # Errors
    /// Refused for what is no URL.
    pub fn mirror(&self, url: &str) -> Result<Mirror> {
        let before_slash = url.split('/').next().unwrap_or_default();
        let local = !before_slash.contains(':') && !url.starts_with('-') && Path::new(url).is_relative();
        let cache = self.root.join(CACHE);
        if !local {
            return Mirror::open(&cache, url);
        }
        let path: PathBuf = self.root.join(url);
        let path = fs::canonicalize(&path).or_else(|_| std::path::absolute(&path)).unwrap_or(path);
        Mirror::open(&cache, &path.to_string_lossy())
    }

    /// Takes in the environments that were known when the branches were last asked for; asks nobody.
    pub(super) fn recall(&mut self) -> Result<()> {
        let cached = self.sources()?.into_iter().filter(|(_, mirror)| mirror.is_cached());
        let known: Vec<(Name, Vec<String>)> =
            cached.filter_map(|(name, mirror)| Some((name, branches_of(&mirror).ok()?))).collect();
        self.take_in(&known);
        Ok(())
    }

    fn sources(&self) -> Result<Vec<(Name, Mirror)>> {
        let sources = self.site.sources.iter();
        sources.map(|(name, source)| Ok((name.clone(), self.mirror(&source.git)?))).collect()
    }

    /// Whether an environment stands in the site file itself.
    fn is_static(&self, name: &Name) -> bool {
        self.site.environments.contains_key(name) && !self.followed.contains(name)
    }

    fn take_in(&mut self, known: &[(Name, Vec<String>)]) -> Vec<String> {
        self.site.environments.retain(|name, _| !self.followed.contains(name));
        let sources = known.iter().map(|(name, branches)| (name, branches.clone()));
        let Followed { environments, claimed, notes } = branches::follow(&self.site, sources);
        self.followed = environments.keys().cloned().collect();
        self.claimed = claimed;
        self.site.environments.extend(environments);
        notes
    }
}

fn branches_of(mirror: &Mirror) -> Result<Vec<String>> {
    let names =
        mirror.refs()?.into_iter().filter_map(|one| Some(one.name.strip_prefix("refs/heads/")?.to_owned()));
    Ok(names.collect())
}
