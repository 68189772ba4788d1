//! Where modules are from: found, fetched, checked, and kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use stringless_core::hash::Sha256;
use stringless_render::site::git_url;

use super::archive::{self, Layout};
use super::cache::Cache;
use super::forge::{Forge, MAX_ARCHIVE};
use super::git::Asked;
use super::lockfile::Locked;
use super::tree::Tree;
use super::{git as repository, http};
use crate::error::{Error, Result};
use crate::git::Mirror;
use crate::http::Http;
use crate::puppetfile::model::{Declared, Origin};
use crate::puppetfile::name::slug;

/// What modules are fetched with.
pub struct Sources<'a> {
    /// The site's `.stringless`.
    pub folder: PathBuf,
    /// What was fetched before.
    pub cache: Cache,
    /// The forge.
    pub forge: Forge,
    /// The way to archives elsewhere.
    pub http: Http,
    /// The branch that the environment is, where it is one.
    pub control_branch: Option<String>,
    /// Ask nobody.
    pub offline: bool,
    /// Whether the content of a tree is not needed here.
    pub known: &'a (dyn Fn(&Sha256) -> bool + Sync),
}

impl Sources<'_> {
    /// Finds what `declared` means now, and fetches it: `None` for what the environment holds itself. `fresh`: also
    /// where the cache knows what such a release held.
    ///
    /// # Errors
    /// When it is not there, is not what it was said to be, or holds what a node would refuse.
    pub fn take(&self, declared: &Declared, fresh: bool) -> Result<Option<Locked>> {
        let mut locked = Locked::new(&declared.title);
        locked.exclude_spec = declared.exclude_spec;
        match &declared.origin {
            Origin::Local => return Ok(None),
            Origin::Forge { version } => {
                locked.forge = Some(http::plain(self.forge.base()));
                locked.version = Some(match version {
                    Some(version) => version.clone(),
                    None => self.newest(&declared.title)?.to_string(),
                });
                self.fill(&mut locked, fresh, |locked| self.of_forge(locked))?;
            }
            Origin::Git { url, want, or, or_first } => {
                let mirror = self.mirror(url)?;
                let or = [or_first.as_deref(), or.as_deref()];
                let asked = Asked { want, or, control_branch: self.control_branch.as_deref() };
                // Of the same kind whether it is found in the cache or after a fetch.
                let known = if repository::is_fixed(want) && mirror.is_cached() {
                    repository::find(&mirror, &asked, &mut locked.clone()).ok()
                } else {
                    None
                };
                if known.is_none() && !self.offline {
                    mirror.fetch()?;
                }
                let commit = repository::find(&mirror, &asked, &mut locked)?;
                locked.git = Some(git_url::shown(url));
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
                        self.fill(&mut locked, fresh, |locked| self.of_tarball(url, locked))?;
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
    /// As [`Sources::take`].
    pub fn take_version(
        &self,
        name: &str,
        version: &Version,
        exclude_spec: bool,
        fresh: bool,
    ) -> Result<Locked> {
        let mut locked = Locked::new(name);
        locked.forge = Some(http::plain(self.forge.base()));
        locked.version = Some(version.to_string());
        locked.exclude_spec = exclude_spec;
        self.fill(&mut locked, fresh, |locked| self.of_forge(locked))?;
        Ok(locked)
    }

    /// What a locked module holds, fetched again: where it is from, and what it has now. `declared` is its
    /// line of the `Puppetfile`, if it has one.
    ///
    /// # Errors
    /// As [`Sources::take`]. That it is another content than was locked is for the caller to find.
    pub fn again(&self, locked: &Locked, declared: Option<&Declared>) -> Result<Tree> {
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
            Some(Origin::Tarball { url, .. }) => self.of_tarball(url, locked),
            _ => self.of_forge(locked),
        }
    }

    /// The newest release of a module that is no trial.
    ///
    /// # Errors
    /// When the forge does not answer, or has none.
    pub fn newest(&self, name: &str) -> Result<Version> {
        self.online(|| format!("asking for the newest release of `{name}`"))?;
        let module = self.forge.module(name)?;
        let stable = module.versions.iter().find(|version| version.pre.is_empty());
        let newest = module.current.as_ref().or(stable).or(module.versions.first());
        newest.cloned().ok_or_else(|| {
            Error::refused(format!("asking for the newest release of `{name}`: it has none"))
                .hint("is it written as the forge has it, `author/name`?")
        })
    }

    /// The mirror of a module's repository.
    ///
    /// # Errors
    /// For a path that depends on where one stands, and for what is no URL.
    pub fn mirror(&self, url: &str) -> Result<Mirror> {
        let first = url.split('/').next().unwrap_or_default();
        if !url.starts_with(['/', '-']) && !first.contains(':') {
            let told = format!("reading the repository `{}`: it is a path from nowhere", git_url::shown(url));
            return Err(Error::configuration(told).hint("name all of it, from `/`, or a URL"));
        }
        Mirror::open(&self.folder, url)
    }

    /// Refuses to ask anybody where that is not wanted.
    ///
    /// # Errors
    /// With `--offline`.
    pub fn online(&self, doing: impl FnOnce() -> String) -> Result<()> {
        if !self.offline {
            return Ok(());
        }
        Err(Error::temporary(format!("{}: `--offline` asks nobody, and it is not in the cache", doing()))
            .hint("run it once without `--offline`"))
    }

    /// Its tree: that of the cache, or else a fresh one.
    fn fill(
        &self,
        locked: &mut Locked,
        fresh: bool,
        fetch: impl FnOnce(&Locked) -> Result<Tree>,
    ) -> Result<()> {
        let release = release(locked);
        let noted = self.cache.noted(&release).filter(|_| !fresh || self.offline);
        locked.tree = match noted {
            Some(tree) if (self.known)(&tree) || self.cache.tree(&tree)?.is_some() => tree,
            _ => self.cache.keep(&release, &fetch(locked)?)?,
        };
        Ok(())
    }

    fn of_forge(&self, locked: &Locked) -> Result<Tree> {
        let version = locked.version.as_deref().unwrap_or_default();
        let what = format!("`{}` {version}", locked.name);
        self.online(|| format!("fetching {what}"))?;
        let bytes = self.forge.archive(&locked.name, version)?;
        let items = archive::read(&bytes, Layout::OneFolder).and_then(Tree::new);
        let tree = items.map_err(|why| unfit(&what, self.forge.base(), &why))?;
        Ok(if locked.exclude_spec { tree.without_spec() } else { tree })
    }

    fn of_tarball(&self, url: &str, locked: &Locked) -> Result<Tree> {
        let bytes = self.download(url)?;
        let found = Sha256::of(&bytes);
        if let Some(expected) = locked.sha256.filter(|expected| *expected != found) {
            let told = format!("fetching {}: it has the hash {found}, not {expected}", http::plain(url));
            return Err(Error::refused(told).hint(
                "it is another archive than was asked for: look into it, then change `:version` in the Puppetfile, or `stringless modules update`",
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
                .hint("is the address of the module's line right?")
        })
    }
}

/// By what a release is noted in the cache.
#[must_use]
pub fn release(locked: &Locked) -> String {
    let spec = if locked.exclude_spec { " without spec" } else { "" };
    let version = locked.version.as_deref().unwrap_or_default();
    match (&locked.forge, &locked.git, &locked.commit, locked.sha256) {
        (Some(forge), ..) => format!("forge {forge} {} {version}{spec}", slug(&locked.name)),
        (_, Some(_), Some(commit), _) => format!("git {commit}{spec}"),
        (.., Some(sha256)) => format!("tarball {sha256}{spec}"),
        _ => format!("tree {}", locked.tree),
    }
}

fn unpacked(bytes: &[u8], url: &str, locked: &Locked) -> Result<Tree> {
    let tree = archive::read(bytes, Layout::Plain).and_then(Tree::new);
    let tree = tree.map_err(|why| unfit(&format!("`{}`", locked.name), &http::plain(url), &why))?;
    Ok(if locked.exclude_spec { tree.without_spec() } else { tree })
}

fn unfit(what: &str, from: &str, why: &str) -> Error {
    Error::refused(format!("unpacking {what} from {}: {why}", http::plain(from)))
        .hint("take another release of it, or a copy of your own without that")
}

fn gone(mirror: &Mirror, id: &str, locked: &Locked, offline: bool) -> Error {
    if offline {
        return Error::temporary(format!("reading `{}`: commit {id} is not in the cache", mirror.url()))
            .hint("run it once without `--offline`");
    }
    let told = format!(
        "reading `{}`: commit {id}, which was locked for {}, is not there any more",
        mirror.url(),
        locked.asked()
    );
    Error::refused(told).hint(format!(
        "its history was rewritten: look at what is there now, then `stringless modules update {}`",
        locked.name
    ))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let there = fs::metadata(path).map_err(|e| {
        Error::temporary(format!("reading `{}`: {e}", path.display()))
            .hint("is the path of the module's line right?")
    })?;
    // A pipe would be waited for.
    if !there.is_file() || there.len() > MAX_ARCHIVE {
        let told =
            format!("reading `{}`: it is no regular file of at most {MAX_ARCHIVE} bytes", path.display());
        return Err(Error::refused(told).hint("is the path of the module's line right?"));
    }
    fs::read(path).map_err(|e| Error::io("reading", path, e))
}

fn parse_sha256(text: &str) -> Result<Sha256> {
    Sha256::parse(&text.to_ascii_lowercase()).map_err(|e| {
        Error::configuration(format!("reading the hash `{}`: {e}", super::tree::shown(text)))
            .hint("`sha256sum FILE` prints it")
    })
}
