//! Fetching modules from their sources: resolved, fetched, checked, and saved in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use stringless_core::hash::Sha256;
use stringless_render::site::git_url;

use super::archive::{self, Layout};
use super::cache::Cache;
use super::forge::{Forge, MAX_ARCHIVE};
use super::git::Asked;
use super::lockfile::LockedModule;
use super::tree::Tree;
use super::{git as repository, http};
use crate::error::{Error, Result};
use crate::git::Repository;
use crate::http::Http;
use crate::puppetfile::model::{Declared, Origin};
use crate::puppetfile::name::slug;

/// The sources of modules, and the cache.
pub struct Fetcher<'a> {
    /// The site's `.stringless`.
    pub folder: PathBuf,
    /// The modules that were fetched before.
    pub cache: Cache,
    /// The forge.
    pub forge: Forge,
    /// The HTTP client for archives outside the forge.
    pub http: Http,
    /// The branch of the environment; `None` if the environment is not a branch.
    pub control_branch: Option<String>,
    /// Whether requests over the network are forbidden.
    pub offline: bool,
    /// Whether the caller already has the pack of a tree, so that its content is not needed.
    pub known: &'a (dyn Fn(&Sha256) -> bool + Sync),
}

impl Fetcher<'_> {
    /// Resolves `declared` to a release, and fetches it; `None` for a module that the environment itself holds.
    /// `fresh`: fetch even if the cache has this release.
    ///
    /// # Errors
    /// When the release does not exist, differs from its declared hash, or holds something that nodes refuse.
    pub fn resolve(&self, declared: &Declared, fresh: bool) -> Result<Option<LockedModule>> {
        let mut locked = LockedModule::new(&declared.title);
        locked.exclude_spec = declared.exclude_spec;
        match &declared.origin {
            Origin::Local => return Ok(None),
            Origin::Forge { version } => {
                locked.forge = Some(http::plain(self.forge.base()));
                locked.version = Some(match version {
                    Some(version) => version.clone(),
                    None => self.newest(&declared.title)?.to_string(),
                });
                self.fill(&mut locked, fresh, |locked| self.read_forge(locked))?;
            }
            Origin::Git { url, want, or, or_first } => {
                let mirror = self.mirror(url)?;
                let or = [or_first.as_deref(), or.as_deref()];
                let asked = Asked { want, or, control_branch: self.control_branch.as_deref() };
                // A fixed revision is the same in the cache and after a fetch.
                let known = if repository::is_fixed(want) && mirror.is_cached() {
                    repository::find(&mirror, &asked, &mut locked.clone()).ok()
                } else {
                    None
                };
                if known.is_none() && !self.offline {
                    mirror.fetch()?;
                }
                let commit = repository::find(&mirror, &asked, &mut locked)?;
                locked.git = Some(git_url::redacted(url));
                locked.commit = Some(commit.to_string());
                self.fill(&mut locked, fresh, |locked| {
                    repository::tree(&mirror, &commit, locked.exclude_spec)
                })?;
            }
            Origin::Tarball { url, sha256 } => {
                locked.tarball = Some(http::plain(url));
                match sha256.as_deref().map(parse_sha256).transpose()? {
                    Some(sha256) => {
                        locked.sha256 = Some(sha256);
                        self.fill(&mut locked, fresh, |locked| self.read_tarball(url, locked))?;
                    }
                    None => {
                        let bytes = self.download(url)?;
                        locked.sha256 = Some(Sha256::of(&bytes));
                        self.fill(&mut locked, fresh, |locked| unpacked(&bytes, url, locked))?;
                    }
                }
            }
        }
        Ok(Some(locked))
    }

    /// Fetches a release of the forge.
    ///
    /// # Errors
    /// As [`Fetcher::resolve`].
    pub fn resolve_version(
        &self,
        name: &str,
        version: &Version,
        exclude_spec: bool,
        fresh: bool,
    ) -> Result<LockedModule> {
        let mut locked = LockedModule::new(name);
        locked.forge = Some(http::plain(self.forge.base()));
        locked.version = Some(version.to_string());
        locked.exclude_spec = exclude_spec;
        self.fill(&mut locked, fresh, |locked| self.read_forge(locked))?;
        Ok(locked)
    }

    /// Fetches a locked module again from its source, with its current content. `declared` is its line of the
    /// `Puppetfile`, if it has one.
    ///
    /// # Errors
    /// As [`Fetcher::resolve`]. The caller must check whether the content is the locked one.
    pub fn refetch(&self, locked: &LockedModule, declared: Option<&Declared>) -> Result<Tree> {
        match declared.map(|declared| &declared.origin) {
            Some(Origin::Git { url, .. }) => {
                let mirror = self.mirror(url)?;
                let id = locked.commit.as_deref().unwrap_or_default();
                let mut commit = if mirror.is_cached() { mirror.resolve(id)? } else { None };
                if commit.is_none() && !self.offline {
                    mirror.fetch()?;
                    commit = mirror.resolve(id)?;
                }
                let commit = commit.ok_or_else(|| gone(&mirror, id, locked, self.offline))?;
                repository::tree(&mirror, &commit, locked.exclude_spec)
            }
            Some(Origin::Tarball { url, .. }) => self.read_tarball(url, locked),
            _ => self.read_forge(locked),
        }
    }

    /// The newest release of a module that is not a pre-release; a pre-release if it has no other.
    ///
    /// # Errors
    /// When the forge does not answer, or has no release of the module.
    pub fn newest(&self, name: &str) -> Result<Version> {
        self.online(|| format!("asking for the newest release of `{name}`"))?;
        let module = self.forge.module(name)?;
        let stable = module.versions.iter().find(|version| version.pre.is_empty());
        let newest = module.current.as_ref().or(stable).or(module.versions.first());
        newest.cloned().ok_or_else(|| {
            Error::refused(format!("asking for the newest release of `{name}`: it has none"))
                .hint("is the name spelled as on the forge, `author/name`?")
        })
    }

    /// The mirror of a module's repository.
    ///
    /// # Errors
    /// For a relative path, and for a URL that git must not get.
    pub fn mirror(&self, url: &str) -> Result<Repository> {
        let first = url.split('/').next().unwrap_or_default();
        if !url.starts_with(['/', '-']) && !first.contains(':') {
            let message = format!(
                "reading the repository `{}`: a relative path is not supported",
                git_url::redacted(url)
            );
            return Err(Error::configuration(message).hint("write the absolute path, from `/`, or a URL"));
        }
        Repository::open(&self.folder, url)
    }

    /// Refuses a request over the network if it is forbidden.
    ///
    /// # Errors
    /// With `--offline`.
    pub fn online(&self, doing: impl FnOnce() -> String) -> Result<()> {
        if !self.offline {
            return Ok(());
        }
        Err(Error::temporary(format!(
            "{}: it is not in the cache, and `--offline` forbids requests",
            doing()
        ))
        .hint("run it once without `--offline`"))
    }

    /// Sets the tree of `locked`: the one in the cache, or a fetched one.
    fn fill(
        &self,
        locked: &mut LockedModule,
        fresh: bool,
        fetch: impl FnOnce(&LockedModule) -> Result<Tree>,
    ) -> Result<()> {
        let release = release(locked);
        let noted = self.cache.noted(&release).filter(|_| !fresh || self.offline);
        locked.tree = match noted {
            Some(tree) if (self.known)(&tree) || self.cache.tree(&tree)?.is_some() => tree,
            _ => self.cache.save(&release, &fetch(locked)?)?,
        };
        Ok(())
    }

    fn read_forge(&self, locked: &LockedModule) -> Result<Tree> {
        let version = locked.version.as_deref().unwrap_or_default();
        let what = format!("`{}` {version}", locked.name);
        self.online(|| format!("fetching {what}"))?;
        let bytes = self.forge.archive(&locked.name, version)?;
        let items = archive::read(&bytes, Layout::OneFolder).and_then(Tree::new);
        let tree = items.map_err(|why| unfit(&what, self.forge.base(), &why))?;
        Ok(if locked.exclude_spec { tree.without_spec() } else { tree })
    }

    fn read_tarball(&self, url: &str, locked: &LockedModule) -> Result<Tree> {
        let bytes = self.download(url)?;
        let found = Sha256::of(&bytes);
        if let Some(expected) = locked.sha256.filter(|expected| *expected != found) {
            let message = format!("fetching {}: it has the hash {found}, not {expected}", http::plain(url));
            return Err(Error::refused(message).hint(
                "the archive has changed: inspect it, then change `:version` in the Puppetfile, or run `stringless modules update`",
            ));
        }
        unpacked(&bytes, url, locked)
    }

    fn download(&self, url: &str) -> Result<Vec<u8>> {
        let path = url.strip_prefix("file://").unwrap_or(url);
        if path.starts_with('/') {
            return read_file(Path::new(path));
        }
        self.online(|| format!("fetching {}", http::plain(url)))?;
        http::get(&self.http, url, MAX_ARCHIVE, None)?.ok_or_else(|| {
            Error::refused(format!("fetching {}: there is no such file", http::plain(url)))
                .hint("is the URL in the module's line right?")
        })
    }
}

/// The name under which the cache saves a release.
#[must_use]
pub fn release(locked: &LockedModule) -> String {
    let spec = if locked.exclude_spec { " without spec" } else { "" };
    let version = locked.version.as_deref().unwrap_or_default();
    match (&locked.forge, &locked.git, &locked.commit, locked.sha256) {
        (Some(forge), ..) => format!("forge {forge} {} {version}{spec}", slug(&locked.name)),
        (_, Some(_), Some(commit), _) => format!("git {commit}{spec}"),
        (.., Some(sha256)) => format!("tarball {sha256}{spec}"),
        _ => format!("tree {}", locked.tree),
    }
}

fn unpacked(bytes: &[u8], url: &str, locked: &LockedModule) -> Result<Tree> {
    let tree = archive::read(bytes, Layout::Plain).and_then(Tree::new);
    let tree = tree.map_err(|why| unfit(&format!("`{}`", locked.name), &http::plain(url), &why))?;
    Ok(if locked.exclude_spec { tree.without_spec() } else { tree })
}

fn unfit(what: &str, from: &str, why: &str) -> Error {
    Error::refused(format!("unpacking {what} from {}: {why}", http::plain(from)))
        .hint("use another release of it, or your own copy without this file")
}

fn gone(mirror: &Repository, id: &str, locked: &LockedModule, offline: bool) -> Error {
    if offline {
        return Error::temporary(format!("reading `{}`: commit {id} is not in the cache", mirror.url()))
            .hint("run it once without `--offline`");
    }
    let message = format!(
        "reading `{}`: commit {id}, which was locked for {}, no longer exists",
        mirror.url(),
        locked.asked()
    );
    Error::refused(message).hint(format!(
        "its history was rewritten: inspect the repository, then run `stringless modules update {}`",
        locked.name
    ))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let there = fs::metadata(path).map_err(|e| {
        Error::temporary(format!("reading `{}`: {e}", path.display()))
            .hint("is the path of the module's line right?")
    })?;
    // Reading a pipe could wait for ever.
    if !there.is_file() || there.len() > MAX_ARCHIVE {
        let message =
            format!("reading `{}`: it is not a regular file of at most {MAX_ARCHIVE} bytes", path.display());
        return Err(Error::refused(message).hint("is the path of the module's line right?"));
    }
    fs::read(path).map_err(|e| Error::io("reading", path, e))
}

fn parse_sha256(text: &str) -> Result<Sha256> {
    Sha256::parse(&text.to_ascii_lowercase()).map_err(|e| {
        Error::configuration(format!("reading the hash `{}`: {e}", super::tree::quoted(text)))
            .hint("`sha256sum FILE` prints it")
    })
}
