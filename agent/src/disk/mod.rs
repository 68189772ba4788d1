//! The state folder: the paths in it, the lock, and the small files. Each is also in the table
//! `stringless_core::installed`, by which `uninstall` removes it.
//!
//! ```text
//! <state_dir>/lock                              locked while a run writes
//! <state_dir>/last-run.json                     the report of the last run
//! <state_dir>/runs.json                         the last runs that did something
//! <state_dir>/notices.json                      when notices were sent, and whether the last run failed
//! <state_dir>/packs/<sha256>                    packs as they came, whole or in part
//! <state_dir>/engine                            which engine is running; only while it runs
//! <state_dir>/upgrade.json                      how this agent came, and which one failed here
//! <state_dir>/identity                          the answers of the metadata service
//! <state_dir>/node                              a random node id, if nothing else gives one
//! <state_dir>/role                              the role that a tag of the machine named
//! <state_dir>/facts/                            the facts for Puppet
//! <state_dir>/signal                            what was said of the first run to what waits for it
//! <state_dir>/layers/<site>/state.json
//! <state_dir>/layers/<site>/checked             time of the last successful check, and the time it proved
//! <state_dir>/layers/<site>/trust               the signed trust document in use
//! <state_dir>/layers/<site>/manifests/<environment>
//! <state_dir>/layers/<site>/heads/<environment>      only in a site with fleet keys
//! <state_dir>/layers/<site>/releases/<serial>-<id>/<environment>/
//! <state_dir>/layers/<site>/current             -> releases/<serial>-<id>/<environment>
//! ```

pub(crate) mod content;
pub(crate) mod log_file;
pub(crate) mod program;
pub(crate) mod system;
pub(crate) mod write;

mod read;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::name::Name;
use stringless_core::state::{self, Release, State};
use stringless_core::time::Timestamp;

pub use self::read::{
    check_owned, check_regular, is_folder, metadata_of, open_regular, read_capped, read_text,
};
use crate::error::{At, Error, Result};

/// The state folder.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

/// The lock on the state folder. It is held until it is dropped, and never after the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Disk {
    /// The state folder at `root`. It is not created yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Creates the folder and locks it.
    ///
    /// # Errors
    /// Temporary: another run holds the lock, or the folder cannot be written.
    pub fn lock(&self) -> Result<Lock> {
        self.try_lock()?.ok_or_else(|| {
            let message = format!("another run holds the lock `{}`", self.file("lock").display());
            Error::temporary(message).hint("a run by timer, daemon or cron is active; try again later")
        })
    }

    /// The same; `None` if another run holds the lock.
    ///
    /// # Errors
    /// Temporary: the folder cannot be written.
    pub fn try_lock(&self) -> Result<Option<Lock>> {
        write::make_root(&self.root)?;
        let path = self.root.join("lock");
        let file = write::append(&path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).at("locking", &path),
        }
    }

    /// The path of a file at the top of the state folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The file of a pack. Each use checks its hash: a download may have been interrupted, or a power cut may
    /// have damaged it.
    pub fn pack(&self, sha256: &Sha256) -> PathBuf {
        self.root.join("packs").join(sha256.to_string())
    }

    /// Creates the folders that all layers share.
    ///
    /// # Errors
    /// As [`write::make_folder`].
    pub fn make(&self) -> Result<()> {
        write::remove_leftovers(&self.root)?;
        ["packs", "layers"].iter().try_for_each(|name| write::make_folder(&self.root.join(name)))
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
    /// The last successful check, if its file can be read.
    pub fn checked(&self) -> Option<Checked> {
        let text = read_capped(&self.root.join("checked")).ok().flatten()?;
        let (at, floor) = str::from_utf8(&text).ok()?.trim_end().split_once(' ')?;
        Some(Checked { at: Timestamp::parse(at).ok()?, floor: Timestamp::parse(floor).ok()? })
    }

    /// Saves the time of a successful check, by writing in place: after an incomplete write the file is
    /// unreadable, which counts as no check.
    ///
    /// # Errors
    /// Temporary.
    pub fn save_checked(&self, checked: &Checked) -> Result<()> {
        let text = format!("{} {}\n", checked.at, checked.floor);
        write::overwrite(&self.root.join("checked"), text.as_bytes())
    }

    /// The state, and the path of the state file if it is damaged. A missing or damaged state gives the empty
    /// one. That does not weaken the rollback protection: the signed manifest is on disk too
    /// ([`LayerDisk::manifest`]).
    ///
    /// # Errors
    /// Configuration: the state is complete but has an unknown form, probably written by a newer agent.
    pub fn state(&self) -> Result<(State, Option<PathBuf>)> {
        let path = self.root.join("state.json");
        let Some(bytes) = read_capped(&path)? else { return Ok((State::default(), None)) };
        let unreadable = |why: String| {
            let hint = "use the newer agent again; or move the file away: the next run fetches and applies the \
                        release again";
            Error::configuration(format!("reading `{}`: {why}", path.display())).hint(hint)
        };
        // The file is always replaced in one step, so a file that is not JSON was damaged on the disk.
        if !json::has_format(&bytes) {
            return Ok((State::default(), Some(path)));
        }
        // Another format may have other fields, so the format comes first.
        json::check_head(&bytes, state::FORMAT).map_err(|error| unreadable(error.to_string()))?;
        let state: State = json::parse(&bytes).map_err(|error| unreadable(error.to_string()))?;
        Ok((state, None))
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// Temporary.
    pub fn save_state(&self, state: &State) -> Result<()> {
        write::replace(&self.root.join("state.json"), &json::write(state))
    }

    /// The signed trust document in use, if there was a rotation.
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
    pub fn save_trust(&self, document: &[u8]) -> Result<()> {
        write::replace(&self.root.join("trust"), document)
    }

    /// Renames a damaged trust document and returns its new path.
    ///
    /// # Errors
    /// Temporary.
    pub fn put_trust_aside(&self) -> Result<PathBuf> {
        let aside = self.root.join("trust.damaged");
        write::rename(&self.root.join("trust"), &aside)?;
        Ok(aside)
    }

    /// The last accepted signed manifest of an environment.
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
    pub fn save_manifest(&self, environment: &Name, document: &[u8]) -> Result<()> {
        write::replace(&self.root.join("manifests").join(environment.as_str()), document)
    }

    /// The last accepted signed head of an environment.
    ///
    /// # Errors
    /// Temporary.
    pub fn head(&self, environment: &Name) -> Result<Option<Vec<u8>>> {
        read_capped(&self.root.join("heads").join(environment.as_str()))
    }

    /// Replaces the signed head of an environment.
    ///
    /// # Errors
    /// Temporary.
    pub fn save_head(&self, environment: &Name, document: &[u8]) -> Result<()> {
        write::make_folder(&self.root.join("heads"))?;
        write::replace(&self.root.join("heads").join(environment.as_str()), document)
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

    /// The live release: the target of the link, if that folder exists. A folder with a release's name is
    /// always complete, because it appears and disappears by one rename.
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

    /// Creates the layer's folders.
    ///
    /// # Errors
    /// As [`write::make_folder`].
    pub fn make(&self) -> Result<()> {
        write::make_folder(&self.root)?;
        write::remove_leftovers(&self.root)?;
        write::make_folder(&self.root.join("releases"))?;
        write::make_folder(&self.root.join("manifests"))?;
        write::remove_leftovers(&self.root.join("manifests"))?;
        let heads = self.root.join("heads");
        if is_folder(&heads) { write::remove_leftovers(&heads) } else { Ok(()) }
    }
}

/// A successful check.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// Its time.
    pub at: Timestamp,
    /// The earliest time for the clock from then on: see `stringless_core::plan::clock_floor`.
    pub floor: Timestamp,
}

/// The name of a release's folder.
pub fn folder_of(release: &Release) -> String {
    format!("{}-{}", release.serial, release.id)
}
