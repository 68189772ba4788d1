//! Fetching modules from their sources: resolved, fetched, checked, and saved in the cache.

use std::path::{Path, PathBuf};

use semver::Version;
use stringless_core::hash::Sha256;
use stringless_render::site::git_url;

use super::archive::{self, Layout};
use super::cache::{Cache, Note};
use super::file::{parse_sha256, read_file};
use super::forge::{Forge, MAX_ARCHIVE};
use super::git::Asked;
use super::lockfile::LockedModule;
use super::metadata::Metadata;
use super::notes::Notes;
use super::tree::{Tree, cure};
use super::{git as repository, http};
use crate::error::{Error, Result};
use crate::git::Repository;
use crate::http::Http;
use crate::puppetfile::model::{Declared, Origin, Want};
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
    /// Notes for people about modules.
    pub notes: Notes,
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
                if *want == Want::Head {
                    self.notes.master(declared, &mirror)?;
                }
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
                let commit = commit.ok_or_else(|| repository::gone(&mirror, id, locked, self.offline))?;
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

    /// What the cache knows of the release of `locked`, if it also has its content.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn noted(&self, locked: &LockedModule) -> Result<Option<Note>> {
        match self.cache.noted(&release(locked))? {
            Some(note) if (self.known)(&note.tree) || self.cache.tree(&note.tree)?.is_some() => {
                Ok(Some(note))
            }
            _ => Ok(None),
        }
    }

    /// Saves the content of a locked module in the cache.
    ///
    /// # Errors
    /// Refused when its metadata is too large; when it cannot be written.
    pub fn save(&self, locked: &LockedModule, tree: &Tree) -> Result<Note> {
        let metadata = Metadata::of(tree)
            .map_err(|why| Error::refused(format!("unpacking `{}`: {why}", locked.name)).hint(MEND))?;
        self.cache.save(&release(locked), tree, metadata)
    }

    /// Sets the tree of `locked`: the one in the cache, or a fetched one.
    fn fill(
        &self,
        locked: &mut LockedModule,
        fresh: bool,
        fetch: impl FnOnce(&LockedModule) -> Result<Tree>,
    ) -> Result<()> {
        let noted = if fresh && !self.offline { None } else { self.noted(locked)? };
        let note = match noted {
            Some(note) => note,
            None => self.save(locked, &fetch(locked)?)?,
        };
        locked.tree = note.tree;
        self.notes.about(locked, &note.metadata);
        Ok(())
    }

    fn read_forge(&self, locked: &LockedModule) -> Result<Tree> {
        let version = locked.version.as_deref().unwrap_or_default();
        let what = format!("`{}` {version}", locked.name);
        self.online(|| format!("fetching {what}"))?;
        let bytes = self.forge.archive(&locked.name, version)?;
        let items = archive::read(&bytes, Layout::OneFolder);
        let tree = items.and_then(|items| Tree::read(items, locked.exclude_spec));
        tree.map_err(|why| unfit(&what, self.forge.base(), &why))
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

/// The name under which the cache saves a release. It has all that the manifest says about the module's source, so
/// that content from elsewhere is not taken for it.
#[must_use]
pub fn release(locked: &LockedModule) -> String {
    let spec = if locked.exclude_spec { " without spec" } else { "" };
    let version = locked.version.as_deref().unwrap_or_default();
    match (&locked.forge, &locked.git, &locked.commit, &locked.tarball, locked.sha256) {
        (Some(forge), ..) => format!("forge {forge} {} {version}{spec}", slug(&locked.name)),
        (_, Some(url), Some(commit), ..) => format!("git {url} {commit}{spec}"),
        (.., Some(url), Some(sha256)) => format!("tarball {url} {sha256}{spec}"),
        _ => format!("tree {}", locked.tree),
    }
}

fn unpacked(bytes: &[u8], url: &str, locked: &LockedModule) -> Result<Tree> {
    let items = archive::read(bytes, Layout::Plain);
    let tree = items.and_then(|items| Tree::read(items, locked.exclude_spec));
    tree.map_err(|why| unfit(&format!("`{}`", locked.name), &http::plain(url), &why))
}

fn unfit(what: &str, from: &str, why: &str) -> Error {
    Error::refused(format!("unpacking {what} from {}: {why}", http::plain(from))).hint(cure(why))
}

const MEND: &str = "use another release of it, or your own copy without this file";
