//! The state folder: where everything lies, the lock, and writing that survives a power cut.
//!
//! ```text
//! <state_dir>/lock                              held while a run writes
//! <state_dir>/last-run.json                     the report
//! <state_dir>/incoming/<sha256>                 packs on their way
//! <state_dir>/packs/<sha256>/                   packs, verified and unpacked
//! <state_dir>/engine                            the engine that runs, while it does
//! <state_dir>/node                              a made-up node id, where nothing else gives one
//! <state_dir>/layers/<site>/state.json
//! <state_dir>/layers/<site>/checked             when a check last got through to its end
//! <state_dir>/layers/<site>/trust               the signed trust document in use
//! <state_dir>/layers/<site>/manifests/<environment>
//! <state_dir>/layers/<site>/releases/<serial>-<id>/<environment>/
//! <state_dir>/layers/<site>/current             -> releases/<serial>-<id>/<environment>
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use agent_core::hash::Sha256;
use agent_core::json::{self, MAX_BYTES};
use agent_core::name::Name;
use agent_core::state::{self, Release, State};
use agent_core::time::Timestamp;
use rustix::fs::FlockOperation;

use crate::error::{At, Error, Result};

/// The state folder.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

/// The lock on the state folder; held until dropped, and never beyond the process.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Disk {
    /// The state folder at `root`; nothing is made yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Makes the folder and takes the lock.
    ///
    /// # Errors
    /// Temporary: another run holds it, or the folder cannot be written.
    pub fn lock(&self) -> Result<Lock> {
        make_folder(&self.root)?;
        let path = self.root.join("lock");
        let file =
            OpenOptions::new().create(true).append(true).mode(0o600).open(&path).at("opening", &path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let message = format!("another run holds the lock `{}`", path.display());
                Err(Error::temporary(message).hint("a timer, daemon or cron run is at work; run again later"))
            }
            Err(error) => Err(error).at("locking", &path),
        }
    }

    /// A file at the top of the state folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where a verified pack lies unpacked.
    pub fn pack(&self, sha256: &Sha256) -> PathBuf {
        self.root.join("packs").join(sha256.to_string())
    }

    /// Where a pack lies while it is fetched.
    pub fn incoming(&self, sha256: &Sha256) -> PathBuf {
        self.root.join("incoming").join(sha256.to_string())
    }

    /// A layer's folder.
    pub fn layer(&self, site: &Name) -> LayerDisk {
        LayerDisk { root: self.root.join("layers").join(site.as_str()) }
    }
}

/// One layer's part of the state folder.
#[derive(Debug)]
pub struct LayerDisk {
    root: PathBuf,
}

impl LayerDisk {
    /// When a check last got through to its end, if that can be read.
    pub fn checked(&self) -> Option<Timestamp> {
        let text = read_capped(&self.root.join("checked")).ok().flatten()?;
        Timestamp::parse(str::from_utf8(&text).ok()?.trim_end()).ok()
    }

    /// Keeps the time of a check that got through. In place: a torn write is an unreadable time, and
    /// that is no time.
    ///
    /// # Errors
    /// Temporary.
    pub fn keep_checked(&self, now: Timestamp) -> Result<()> {
        let path = self.root.join("checked");
        fs::write(&path, format!("{now}\n")).at("writing", &path)
    }

    /// The state; the empty one when there is none yet.
    ///
    /// # Errors
    /// Configuration errors for a state that is not understood: it is never guessed at, as it guards
    /// against rollback.
    pub fn state(&self) -> Result<State> {
        let path = self.root.join("state.json");
        let Some(bytes) = read_capped(&path)? else { return Ok(State::default()) };
        let unreadable = |why: String| {
            let hint = "a newer agent may have written it; if not, move it away: the next run fetches anew";
            Error::configuration(format!("reading `{}`: {why}", path.display())).hint(hint)
        };
        let state: State = json::parse(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if state.format != state::FORMAT {
            return Err(unreadable(format!("format {} is not known here", state.format)));
        }
        Ok(state)
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// Temporary.
    pub fn keep_state(&self, state: &State) -> Result<()> {
        replace(&self.root.join("state.json"), &json::write(state))
    }

    /// The signed trust document in use, if a rotation was ever seen.
    ///
    /// # Errors
    /// Temporary.
    pub fn trust(&self) -> Result<Option<Vec<u8>>> {
        read_capped(&self.root.join("trust"))
    }

    /// Replaces the signed trust document in use.
    ///
    /// # Errors
    /// Temporary.
    pub fn keep_trust(&self, document: &[u8]) -> Result<()> {
        replace(&self.root.join("trust"), document)
    }

    /// The signed manifest that was accepted last for an environment.
    ///
    /// # Errors
    /// Temporary.
    pub fn manifest(&self, environment: &Name) -> Result<Option<Vec<u8>>> {
        read_capped(&self.root.join("manifests").join(environment.as_str()))
    }

    /// Replaces the signed manifest of an environment.
    ///
    /// # Errors
    /// Temporary.
    pub fn keep_manifest(&self, environment: &Name, document: &[u8]) -> Result<()> {
        make_folder(&self.root.join("manifests"))?;
        replace(&self.root.join("manifests").join(environment.as_str()), document)
    }

    /// The folder of all releases.
    pub fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    /// A release's folder.
    pub fn release(&self, release: &Release) -> PathBuf {
        self.releases().join(folder_of(release)).join(release.environment.as_str())
    }

    /// The link to the live release.
    pub fn current(&self) -> PathBuf {
        self.root.join("current")
    }

    /// The release that is live: what the link says, and is there. A folder of that name is complete:
    /// it came by one rename, and goes by one.
    pub fn live(&self) -> Option<Release> {
        let target = fs::read_link(self.current()).ok()?;
        let mut parts = target.to_str()?.split('/');
        let (Some("releases"), Some(folder), Some(environment), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let (serial, id) = folder.split_once('-')?;
        let environment = Name::new(environment).ok()?;
        let release = Release { environment, serial: serial.parse().ok()?, id: id.to_owned() };
        self.release(&release).is_dir().then_some(release)
    }

    /// Makes the layer's folder.
    ///
    /// # Errors
    /// Temporary.
    pub fn make(&self) -> Result<()> {
        make_folder(&self.root)
    }
}

/// The name of a release's folder.
pub fn folder_of(release: &Release) -> String {
    format!("{}-{}", release.serial, release.id)
}

/// Makes a folder and its parents, for the owner alone.
///
/// # Errors
/// Temporary.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).at("making the folder", path)
}

/// A file's bytes, at most [`MAX_BYTES`]; `None` when there is no such file.
///
/// # Errors
/// Temporary.
pub fn read_capped(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("opening", path),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).at("reading", path)?;
    Ok(Some(bytes))
}

/// Replaces a small file: a reader finds the old bytes or the new ones, also after a power cut.
///
/// # Errors
/// Temporary; the old file is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    // No name that may stand beside it starts with a dot.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let next = path.with_file_name(format!(".{name}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&next)
        .at("making", &next)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).at("writing", &next);
    if written.is_err() {
        let _ = fs::remove_file(&next);
        return written;
    }
    fs::rename(&next, path).at("replacing", path)?;
    sync_folder_of(path)
}

/// Makes a rename in the folder of `path` last.
///
/// # Errors
/// Temporary.
pub fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).at("syncing", folder)
}
