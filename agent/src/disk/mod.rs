//! The state folder: where everything lies, the lock, and writing that survives a power cut.
//!
//! ```text
//! <state_dir>/lock                              held while a run writes
//! <state_dir>/last-run.json                     the report
//! <state_dir>/incoming/<sha256>                 packs on their way
//! <state_dir>/packs/<sha256>/                   packs, verified and unpacked
//! <state_dir>/engine                            the engine that runs, while it does
//! <state_dir>/identity                          what the metadata service told of the instance
//! <state_dir>/node                              a made-up node id, where nothing else gives one
//! <state_dir>/layers/<site>/state.json
//! <state_dir>/layers/<site>/checked             when a check last got through, and the time it vouched for
//! <state_dir>/layers/<site>/trust               the signed trust document in use
//! <state_dir>/layers/<site>/manifests/<environment>
//! <state_dir>/layers/<site>/releases/<serial>-<id>/<environment>/
//! <state_dir>/layers/<site>/current             -> releases/<serial>-<id>/<environment>
//! ```

pub mod content;
pub mod write;

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::Deserialize;
use stringless_core::hash::Sha256;
use stringless_core::json::{self, MAX_BYTES};
use stringless_core::name::Name;
use stringless_core::state::{self, Release, State};
use stringless_core::time::Timestamp;

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
        write::make_root(&self.root)?;
        let path = self.root.join("lock");
        let file = write::append(&path)?;
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

    /// Makes the folders that all layers share.
    ///
    /// # Errors
    /// As [`write::make_folder`].
    pub fn make(&self) -> Result<()> {
        write::clear(&self.root)?;
        ["packs", "incoming", "layers"].iter().try_for_each(|name| write::make_folder(&self.root.join(name)))
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
    /// When a check last got through to its end, and the time that it vouched for, if that can be read.
    pub fn checked(&self) -> Option<Checked> {
        let text = read_capped(&self.root.join("checked")).ok().flatten()?;
        let (at, floor) = str::from_utf8(&text).ok()?.trim_end().split_once(' ')?;
        Some(Checked { at: Timestamp::parse(at).ok()?, floor: Timestamp::parse(floor).ok()? })
    }

    /// Keeps the time of a check that got through. In place: a torn write is an unreadable time, and
    /// that is no time.
    ///
    /// # Errors
    /// Temporary.
    pub fn keep_checked(&self, checked: &Checked) -> Result<()> {
        let text = format!("{} {}\n", checked.at, checked.floor);
        write::overwrite(&self.root.join("checked"), text.as_bytes())
    }

    /// The state, and where a damaged one was put aside: then, as when there is none yet, it is the empty
    /// one. What guards against rollback is on disk in signed form as well ([`LayerDisk::manifest`]).
    ///
    /// # Errors
    /// Configuration errors for a state that is whole and not understood: a newer agent wrote it.
    pub fn state(&self) -> Result<(State, Option<PathBuf>)> {
        let path = self.root.join("state.json");
        let Some(bytes) = read_capped(&path)? else { return Ok((State::default(), None)) };
        let unreadable = |why: String| {
            let hint = "a newer agent may have written it; if not, move it away: the next run fetches anew";
            Error::configuration(format!("reading `{}`: {why}", path.display())).hint(hint)
        };
        // It is replaced in one step: what is no JSON of any format was harmed on the disk.
        if serde_json::from_slice::<Format>(&bytes).is_err() {
            return Ok((State::default(), Some(path)));
        }
        let state: State = json::parse(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if state.format != state::FORMAT {
            return Err(unreadable(format!("format {} is not known here", state.format)));
        }
        Ok((state, None))
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// Temporary.
    pub fn keep_state(&self, state: &State) -> Result<()> {
        write::replace(&self.root.join("state.json"), &json::write(state))
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
        write::replace(&self.root.join("trust"), document)
    }

    /// Puts a damaged trust document aside, and tells where it is.
    ///
    /// # Errors
    /// Temporary.
    pub fn put_trust_aside(&self) -> Result<PathBuf> {
        let aside = self.root.join("trust.damaged");
        write::rename(&self.root.join("trust"), &aside)?;
        Ok(aside)
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
        write::replace(&self.root.join("manifests").join(environment.as_str()), document)
    }

    /// The layer's folder.
    pub fn root(&self) -> &Path {
        &self.root
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
        is_folder(&self.release(&release)).then_some(release)
    }

    /// Makes the layer's folders.
    ///
    /// # Errors
    /// As [`write::make_folder`].
    pub fn make(&self) -> Result<()> {
        write::make_folder(&self.root)?;
        write::clear(&self.root)?;
        write::make_folder(&self.root.join("releases"))?;
        write::make_folder(&self.root.join("manifests"))?;
        write::clear(&self.root.join("manifests"))
    }
}

/// A check that got through.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// The floor of the clock that it leaves: see `stringless_core::plan::vouched`.
    pub floor: Timestamp,
}

/// What every state has, whichever agent wrote it.
#[derive(Deserialize)]
struct Format {
    #[expect(dead_code, reason = "that it is there tells a state from damage")]
    format: u32,
}

/// The name of a release's folder.
pub fn folder_of(release: &Release) -> String {
    format!("{}-{}", release.serial, release.id)
}

/// What stands under a path itself, if anything does; a link is not followed.
///
/// # Errors
/// Temporary: what cannot be looked at may well be there.
pub fn standing_at(path: &Path) -> Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("looking at", path),
    }
}

/// Whether a folder stands there, and no link to one.
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
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
