//! The folder of a site on disk: the site file, and what lies beside it.

pub mod agent_lock;
pub mod branches;
pub mod stores;
pub mod trust_chain;

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_core::verify;
use stringless_render::site::Site;

use crate::error::{Error, Result};
use crate::site::agent_lock::Lock;
use crate::site::trust_chain::TrustFile;

/// A site with the folder that it was read from.
#[derive(Clone, Debug)]
pub struct SiteFolder {
    /// The folder of the site file.
    pub root: PathBuf,
    /// The site file.
    pub file: PathBuf,
    /// What it says, with the environments that are branches, as far as they are known.
    pub site: Site,
    /// Whether nobody is asked for what is built: what was fetched before counts.
    pub offline: bool,
    /// Of the environments, those that are branches.
    followed: BTreeSet<Name>,
    /// Names that more than one branch or environment claims.
    claimed: BTreeMap<Name, Fault>,
}

/// The name of the site file.
pub const SITE_FILE: &str = "stringless.yaml";

impl SiteFolder {
    /// Reads `file`, or else the `stringless.yaml` of this folder or the nearest one above it.
    ///
    /// # Errors
    /// When there is none, or it is not understood.
    pub fn open(file: Option<&Path>) -> Result<Self> {
        let file = match file {
            Some(file) if file.is_dir() => file.join(SITE_FILE),
            Some(file) => file.to_path_buf(),
            None => find_upwards()?,
        };
        let text = fs::read_to_string(&file).map_err(|e| {
            Error::configuration(format!("reading `{}`: {e}", file.display()))
                .hint("`--site-file FILE` names it; `stringless init` makes one")
        })?;
        let site = Site::parse(&text, &file.display().to_string())?;
        // Empty for this folder: what is joined to it is told as it was typed.
        let root = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut folder =
            Self { root, file, site, offline: false, followed: BTreeSet::new(), claimed: BTreeMap::new() };
        folder.recall()?;
        Ok(folder)
    }

    /// The names of all environments, sorted.
    ///
    /// # Errors
    /// When two branches make one.
    pub fn environments(&self) -> Result<Vec<Name>> {
        match self.claimed.values().next() {
            Some(fault) => Err(fault.clone().into()),
            None => Ok(self.site.environments.keys().cloned().collect()),
        }
    }

    /// The environment to work on: `asked`, or the only one, or `production`.
    ///
    /// # Errors
    /// When there is none of that name, or it is not clear which.
    pub fn environment(&self, asked: Option<&Name>) -> Result<Name> {
        if let Some(name) = asked {
            self.must_be_known(name)?;
            return Ok(name.clone());
        }
        let default = Name::new(DEFAULT).ok().filter(|name| self.is_known(name));
        let mut names = self.site.environments.keys();
        let only = names.next().filter(|_| names.next().is_none() && self.claimed.is_empty());
        if let Some(name) = only.cloned().or(default) {
            self.must_be_known(&name)?;
            return Ok(name);
        }
        let all: Vec<&str> = self.site.environments.keys().map(Name::as_str).collect();
        Err(if all.is_empty() {
            Error::usage("choosing the environment: no branch of `sources` is known to be one")
                .hint("`stringless build` asks `sources` for their branches")
        } else {
            Error::usage("choosing the environment: the site has several, and no `production`")
                .hint(format!("`--environment E`, one of {}", all.join(", ")))
        })
    }

    /// Whether there is something of that name, be it that of several.
    fn is_known(&self, name: &Name) -> bool {
        self.site.environments.contains_key(name) || self.claimed.contains_key(name)
    }

    /// One environment of that name must be there.
    fn must_be_known(&self, name: &Name) -> Result<()> {
        if let Some(fault) = self.claimed.get(name) {
            return Err(fault.clone().into());
        }
        let Err(fault) = self.site.environment(name) else { return Ok(()) };
        if self.site.sources.is_empty() {
            return Err(fault.into());
        }
        let known = if self.site.environments.is_empty() { None } else { fault.hint.clone() };
        let fetch = "`stringless build` asks `sources` for new branches".to_owned();
        Err(fault.hint(known.map_or(fetch.clone(), |known| format!("{known}; {fetch}"))).into())
    }

    /// The trust documents of `trust/`, from the first to the newest, each verified.
    ///
    /// # Errors
    /// When the first is missing, or one does not follow the one before it.
    pub fn trust(&self) -> Result<Vec<TrustFile>> {
        let mut chain: Vec<TrustFile> = Vec::new();
        for version in 1.. {
            let path = self.root.join(stringless_core::layout::trust(version));
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && version > 1 => break,
                Err(e) => {
                    return Err(Error::configuration(format!("reading `{}`: {e}", path.display()))
                        .hint("`stringless init` makes it; it belongs into version control"));
                }
            };
            let trust = match chain.last() {
                None => verify::own_trust_document(&bytes, &self.site.site),
                // Whether it is past its date is asked where it matters: of the newest one.
                Some(last) => verify::next_trust(&bytes, &last.trust.trusted_keys(), &self.site.site),
            };
            let trust = trust.map_err(|refusal| {
                Error::refusal("verifying", format!("`{}`", path.display()), &refusal)
                    .hint("take `trust/` from version control: each document stays as it was signed")
            })?;
            if trust.version != version {
                return Err(Error::refused(format!(
                    "verifying `{}`: it holds trust version {}",
                    path.display(),
                    trust.version
                )));
            }
            chain.push(TrustFile { bytes, trust });
        }
        Ok(chain)
    }

    /// What was pushed: `stringless.lock.json`.
    ///
    /// # Errors
    /// When it is not understood; a missing one is an empty one.
    pub fn lock(&self) -> Result<Lock> {
        Lock::read(&self.root)
    }

    /// The folder of what can be made again; made when it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn cache(&self, part: &str) -> Result<PathBuf> {
        let path = self.root.join(CACHE).join(part);
        fs::create_dir_all(&path).map_err(|e| Error::io("making", &path, e))?;
        Ok(path)
    }

    /// The site's own files, which never become part of a release.
    pub fn own_files(&self) -> Vec<PathBuf> {
        let mut own: Vec<_> = OWN.iter().map(|name| self.root.join(name)).collect();
        own.push(self.file.clone());
        // A bucket inside the source folder would hold itself.
        let stores = self.site.stores.iter().filter_map(|store| store.url.strip_prefix("file://"));
        own.extend(stores.map(PathBuf::from));
        own.extend(self.site.node.ca_file.iter().map(|name| self.root.join(name)));
        own.extend(self.site.node.layers.all().map(|name| self.root.join(name)));
        own
    }

    /// The names of [`SiteFolder::own_files`] in the site's own folder.
    #[must_use]
    pub fn own_names(&self) -> Vec<String> {
        let own = OWN.iter().map(|&name| name.to_owned());
        own.chain(self.site.node.ca_file.clone()).collect()
    }

    /// The secret keys in `keys/`, sorted by name.
    pub fn secret_keys(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join(KEYS)).into_iter().flatten().flatten();
        let mut keys: Vec<_> =
            entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "key")).collect();
        keys.sort();
        keys
    }
}

fn find_upwards() -> Result<PathBuf> {
    let here = env::current_dir().map_err(|e| Error::io("reading", Path::new("."), e))?;
    for (up, folder) in here.ancestors().enumerate() {
        let file = folder.join(SITE_FILE);
        if file.is_file() {
            // As short as it can be told.
            return Ok(if up == 0 { PathBuf::from(SITE_FILE) } else { file });
        }
    }
    Err(Error::configuration(format!("looking for `{SITE_FILE}`: none here, nor in a folder above"))
        .hint("`stringless init DIR --site NAME --store URL` makes one; `--site-file FILE` names one"))
}

/// What is meant where several are there, and none is named.
const DEFAULT: &str = "production";
/// The folder of secret keys.
pub const KEYS: &str = "keys";
/// The folder of what can be made again.
pub const CACHE: &str = ".stringless";
const OWN: [&str; 5] = [KEYS, CACHE, "trust", SITE_FILE, agent_lock::LOCK_FILE];
