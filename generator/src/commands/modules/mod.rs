//! `stringless modules`.

pub mod outdated;
pub mod tree;
pub mod update;
pub mod why;

use std::fs;
use std::path::{Path, PathBuf};

use stringless_render::site::LockNeed;

use crate::cli::{ModulesCommand, PuppetfileArgs};
use crate::error::{Error, Result};
use crate::modules::lockfile::{LOCK_FILE, LockedModule, Lockfile};
use crate::modules::{Assemble, PUPPETFILE};
use crate::progress::Progress;
use crate::puppetfile::Puppetfile;
use crate::site::SiteDir;
use crate::site::stores::ca_pem;
use crate::source::environment;

/// Runs one of the commands.
///
/// # Errors
/// When a file cannot be parsed, or a server does not answer.
pub fn run(site: Option<&Path>, command: &ModulesCommand) -> Result<u8> {
    match command {
        ModulesCommand::Update(args) => update::run(site, args),
        ModulesCommand::Outdated(args) => outdated::run(site, args),
        ModulesCommand::Why(args) => why::run(site, args),
        ModulesCommand::Tree(args) => tree::run(site, args),
    }
}

/// A Puppetfile with its lock file and settings.
struct Scope {
    site: SiteDir,
    puppetfile: Puppetfile,
    /// The name of the Puppetfile for messages.
    origin: String,
    /// The text of its lock file.
    lock: Option<String>,
    /// The path of the lock file; `None` in a commit, which cannot be changed.
    lock_file: Option<PathBuf>,
    control_branch: Option<String>,
    ca: Option<String>,
    cache: PathBuf,
    progress: Progress,
}

impl Scope {
    fn open(site: Option<&Path>, args: &PuppetfileArgs, offline: bool) -> Result<Self> {
        let (mut scope, bytes) = match &args.puppetfile {
            Some(file) => Self::of_file(SiteDir::open(site)?, file)?,
            None => Self::of_environment(site, args, offline)?,
        };
        scope.puppetfile = Puppetfile::parse_bytes(&bytes, &scope.origin)?;
        scope.ca = ca_pem(&scope.site)?;
        scope.site.offline = offline;
        Ok(scope)
    }

    fn of_file(site: SiteDir, file: &Path) -> Result<(Self, Vec<u8>)> {
        let bytes = fs::read(file).map_err(|e| {
            Error::configuration(format!("reading `{}`: {e}", file.display()))
                .hint("`--puppetfile FILE` names it")
        })?;
        let lock_file = file.with_file_name(LOCK_FILE);
        let lock = read_lock(&lock_file)?;
        Ok((Self::new(site, file.display().to_string(), lock, Some(lock_file), None)?, bytes))
    }

    fn of_environment(site: Option<&Path>, args: &PuppetfileArgs, offline: bool) -> Result<(Self, Vec<u8>)> {
        let (site, _) = SiteDir::open_to_build(site, args.environment.as_ref(), offline)?;
        let environment = site.environment(args.environment.as_ref())?;
        let read = environment::read(&site, &environment)?;
        let bytes = read.tree.bytes(PUPPETFILE)?.ok_or_else(|| {
            Error::configuration(format!("reading the modules of `{environment}`: it has no {PUPPETFILE}"))
                .hint("`--environment E` or `--puppetfile FILE` names another")
        })?;
        let source = &site.site.environment(&environment)?.source;
        let folder = source.git.is_none().then(|| site.root.join(source.folder()));
        let lock_file = folder.map(|folder| folder.join(LOCK_FILE));
        let lock = read.tree.text(LOCK_FILE)?;
        Ok((Self::new(site, PUPPETFILE.into(), lock, lock_file, read.source.branch)?, bytes))
    }

    fn new(
        site: SiteDir,
        origin: String,
        lock: Option<String>,
        lock_file: Option<PathBuf>,
        control_branch: Option<String>,
    ) -> Result<Self> {
        let cache = site.cache_root.clone();
        let (puppetfile, ca, progress) = (Puppetfile::default(), None, Progress::new());
        Ok(Self { site, puppetfile, origin, lock, lock_file, control_branch, ca, cache, progress })
    }

    fn request(&self) -> Assemble<'_> {
        let settings = &self.site.site.modules;
        Assemble {
            cache: &self.cache,
            puppetfile: &self.puppetfile,
            origin: &self.origin,
            lock: self.lock.as_deref(),
            lock_required: settings.lock == LockNeed::Required,
            forge: settings.forge.as_deref(),
            with_dependencies: settings.dependencies,
            ca: self.ca.as_deref().map(str::as_bytes),
            control_branch: self.control_branch.as_deref(),
            offline: self.site.offline,
            known: &|_| false,
            published: None,
            progress: &self.progress,
        }
    }

    /// The lock file; an error if it is missing.
    fn locked(&self) -> Result<Lockfile> {
        let text = self.lock.as_deref().ok_or_else(|| {
            Error::configuration(format!("reading {LOCK_FILE}: there is no lock file beside {}", self.origin))
                .hint("`stringless modules update` writes it")
        })?;
        let lock = Lockfile::parse(text, LOCK_FILE)?;
        for difference in lock.differences(&self.puppetfile, &self.request().locked_forge()) {
            self.progress.say(&format!("note: {LOCK_FILE} does not match {}: {difference}", self.origin));
        }
        Ok(lock)
    }

    /// The line of the Puppetfile that declares the module at `path`.
    fn line(&self, path: &str) -> Option<usize> {
        self.puppetfile.modules.iter().find(|declared| declared.path() == path).map(|declared| declared.line)
    }
}

fn read_lock(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", path, e)),
    }
}

/// The name of a release for people: its version, and the start of the hash of its commit or archive.
fn release_name(locked: &LockedModule) -> String {
    let short = |text: &str| text.chars().take(12).collect::<String>();
    let exact = locked.commit.as_deref().map(short);
    let exact =
        exact.or_else(|| locked.tarball.as_ref().and(locked.sha256).map(|hash| short(&hash.to_string())));
    match (&locked.version, exact) {
        (Some(version), Some(exact)) => format!("{version} ({exact})"),
        (Some(version), None) => version.clone(),
        (None, exact) => exact.unwrap_or_default(),
    }
}

/// The exit code when there are changes.
const CHANGES: u8 = 2;
