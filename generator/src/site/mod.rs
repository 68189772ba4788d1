//! The directory of a site: the site file, and the files beside it.

pub mod agent_lock;
pub mod branches;
pub mod layers;
pub mod stores;
pub mod trust_chain;

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use stringless_core::fault::Fault;
use stringless_core::manifest::AgentPin;
use stringless_core::name::Name;
use stringless_core::version::Version;
use stringless_render::agent_lock::{AgentLock, LOCK_FILE};
use stringless_render::trust_chain::follow;
use stringless_render::{choice, platform::Platforms, schema::SITE_SCHEMA, site::Site};
use tempfile::TempDir;

use crate::cache;
use crate::error::{Error, Result};
use crate::site::trust_chain::TrustFile;

/// A site, with the directory that it was read from.
#[derive(Clone, Debug)]
pub struct SiteDir {
    /// The directory of the site file.
    pub root: PathBuf,
    /// The site file.
    pub file: PathBuf,
    /// The content of the site file, and the environments of the branches that were fetched.
    pub site: Site,
    /// Whether builds use only what was fetched before, without network access.
    pub offline: bool,
    /// The folder of the cache.
    pub cache_root: PathBuf,
    /// Keeps a temporary cache until the last copy of this value is dropped.
    scratch: Option<Arc<TempDir>>,
    /// The environments that are branches.
    followed: BTreeSet<Name>,
    /// Names that two or more branches or environments would have.
    conflicts: BTreeMap<Name, Fault>,
}

/// The name of the site file.
pub const SITE_FILE: &str = "stringless.yaml";

impl SiteDir {
    /// Reads `file`, or the `stringless.yaml` in it if it is a directory; without `file`, the `stringless.yaml` in the
    /// current directory or the nearest one above.
    ///
    /// # Errors
    /// When there is no site file, or it is not valid.
    pub fn open(file: Option<&Path>) -> Result<Self> {
        let file = match file {
            Some(file) if file.is_dir() => file.join(SITE_FILE),
            Some(file) => file.to_path_buf(),
            None => find_upwards()?,
        };
        let failed = |why: &dyn Display| {
            Error::configuration(format!("reading `{}`: {why}", file.display()))
                .hint("`--site-file FILE` names it; `stringless init` makes one")
        };
        let mut text = String::new();
        let opened = File::open(&file).map_err(|e| failed(&e))?;
        opened.take(MAX_SITE_FILE + 1).read_to_string(&mut text).map_err(|e| failed(&e))?;
        if text.len() as u64 > MAX_SITE_FILE {
            return Err(failed(&format!("larger than {MAX_SITE_FILE} bytes")));
        }
        let site = Site::parse(&text, &file.display().to_string())?;
        // Empty for the current directory, so that messages show paths as the user typed them.
        let root = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut site_dir = Self {
            cache_root: root.join(CACHE),
            root,
            file,
            site,
            offline: false,
            scratch: None,
            followed: BTreeSet::new(),
            conflicts: BTreeMap::new(),
        };
        site_dir.load_cached_branches()?;
        Ok(site_dir)
    }

    /// The version of the agent that nodes install: the one in the site file, or this program's own.
    #[must_use]
    pub fn agent_version(&self) -> Version {
        choice::agent_version(&self.site)
    }

    /// The names of all environments, sorted, without those of [`SiteDir::conflicts`].
    #[must_use]
    pub fn environments(&self) -> Vec<Name> {
        self.site.environments.keys().cloned().collect()
    }

    /// The names that two or more branches or environments would have, each with its error.
    #[must_use]
    pub fn conflicts(&self) -> Vec<(Name, Error)> {
        self.conflicts.iter().map(|(name, fault)| (name.clone(), fault.clone().into())).collect()
    }

    /// The environment to work on: `asked`, or the only one, or `production`.
    ///
    /// # Errors
    /// When there is no environment of that name, or it is not clear which one to take.
    pub fn environment(&self, asked: Option<&Name>) -> Result<Name> {
        Ok(choice::environment(&self.site, &self.conflicts, asked)?)
    }

    /// The trust documents of `trust/`, from the first to the newest, each verified.
    ///
    /// # Errors
    /// When the first one is missing, or one does not follow the one before it.
    pub fn trust(&self) -> Result<Vec<TrustFile>> {
        let mut chain: Vec<TrustFile> = Vec::new();
        for version in 1.. {
            let path = self.root.join(stringless_core::layout::trust(version));
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && version > 1 => break,
                Err(e) => {
                    return Err(Error::configuration(format!("reading `{}`: {e}", path.display()))
                        .hint("`stringless init` makes it; restore `trust/` from version control"));
                }
            };
            // Expiry is checked only where it matters, for the newest one: `trust_chain::in_force`.
            let origin = path.display().to_string();
            let file =
                follow(&chain, version, bytes, &origin, &self.site.site).map_err(Error::refused_fault)?;
            chain.push(file);
        }
        Ok(chain)
    }

    /// The agents that were pushed: `stringless.lock.json`.
    ///
    /// # Errors
    /// As [`agent_lock::read`].
    pub fn lock(&self) -> Result<AgentLock> {
        agent_lock::read(&self.root)
    }

    /// The pin of the agent that the site wants, for manifests.
    ///
    /// # Errors
    /// As [`SiteDir::lock`].
    pub fn pin(&self) -> Result<AgentPin> {
        let allow_downgrade = self.site.agent.allow_downgrade;
        Ok(AgentPin { allow_downgrade, ..self.lock()?.pin(self.agent_version()) })
    }

    /// Adds the packages of Puppet that `stringless pin` recorded to the settings of the site file.
    ///
    /// # Errors
    /// When the lock file cannot be read, or `puppet.package` names neither a distro nor a family.
    pub fn add_puppet_pins(&mut self, platforms: &Platforms) -> Result<()> {
        let origin = self.file.display().to_string();
        Ok(self.lock()?.add_puppet(&mut self.site, &origin, platforms)?)
    }

    /// The folder `part` of the cache; it is made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made; as [`cache::make`].
    pub fn cache(&self, part: &str) -> Result<PathBuf> {
        cache::make(&self.cache_root, part)
    }

    /// Takes a temporary folder for the cache if the site's own cannot be written. Returns why it cannot.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub(super) fn cache_somewhere(&mut self) -> Result<Option<Error>> {
        let own = self.cache(CHECKED).and_then(|folder| {
            tempfile::tempfile_in(&folder).map(drop).map_err(|e| Error::io("writing", &folder, e))
        });
        let Err(why) = own else { return Ok(None) };
        let scratch = tempfile::tempdir().map_err(|e| Error::io("making", &env::temp_dir(), e))?;
        self.cache_root = scratch.path().to_owned();
        self.scratch = Some(Arc::new(scratch));
        Ok(Some(why))
    }

    /// The files and folders of the site itself, which never become part of a release.
    pub fn own_files(&self) -> Vec<PathBuf> {
        let mut own: Vec<_> = OWN.iter().map(|name| self.root.join(name)).collect();
        own.push(self.file.clone());
        // A bucket inside the source folder would otherwise contain itself.
        let stores = self.site.stores.iter().filter_map(|store| store.url.strip_prefix("file://"));
        own.extend(stores.map(PathBuf::from));
        own.extend(self.site.node.ca_file.iter().map(|name| self.root.join(name)));
        own.extend(self.site.node.layers.all().map(|name| self.root.join(name)));
        own
    }

    /// The names of those of [`SiteDir::own_files`] that are in the site's directory.
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
            // The short form, for messages.
            return Ok(if up == 0 { PathBuf::from(SITE_FILE) } else { file });
        }
    }
    Err(Error::configuration(format!(
        "looking for `{SITE_FILE}`: it is neither in this directory nor in one above"
    ))
    .hint("`stringless init DIR --site NAME --store URL` makes one; `--site-file FILE` names one"))
}

/// The part of the cache that holds results of checks.
const CHECKED: &str = "checks";
/// The largest site file.
const MAX_SITE_FILE: u64 = 1 << 20;
/// The folder of secret keys.
pub const KEYS: &str = "keys";
/// The cache folder. Everything in it can be made again, except `pending`.
pub const CACHE: &str = ".stringless";
const OWN: [&str; 6] = [KEYS, CACHE, "trust", SITE_FILE, SITE_SCHEMA, LOCK_FILE];
