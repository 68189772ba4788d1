//! What is on disk of a pack, and who sent it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stringless_core::hash::{Hasher, Sha256};
use stringless_core::pack::Pack;

use super::fault::Fault;
use crate::disk::write;
use crate::error::{At, Result};
use crate::io::Io;
use crate::store::Trouble;

/// What is here of a pack.
pub struct Partial {
    /// The open file.
    pub file: File,
    path: PathBuf,
    /// Its length, also beyond the pack's: then not all of it was written.
    pub length: u64,
    /// Whose bytes these are.
    pub owner: Owner,
    /// In how many answers they came.
    pub answers: u32,
    hasher: Hasher,
}

/// Whose bytes a partial pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It is empty.
    Nobody,
    /// Of one store, by its number.
    Store(usize),
    /// Of an earlier run, or of several stores: none of them is to blame.
    Several,
}

impl Partial {
    /// Takes up what an earlier run left, if it is not longer than the pack.
    pub fn open(path: &Path, pack: &Pack) -> Result<Self> {
        let file = write::append(path)?;
        let path = path.to_path_buf();
        let mut partial =
            Self { file, path, hasher: Hasher::default(), length: 0, owner: Owner::Nobody, answers: 0 };
        if partial.file.metadata().at("reading", &partial.path)?.len() > pack.size {
            partial.restart()?;
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let got = partial.file.read(&mut buffer).at("reading", &partial.path)?;
            if got == 0 {
                break;
            }
            partial.hasher.update(&buffer[..got]);
            partial.length += got as u64;
            partial.owner = Owner::Several;
        }
        write::sync_folder_of(&partial.path)?;
        Ok(partial)
    }

    /// Begins anew.
    pub fn restart(&mut self) -> Result<()> {
        self.hasher = Hasher::default();
        self.length = 0;
        self.owner = Owner::Nobody;
        self.answers = 0;
        write::empty(&self.file).at("emptying", &self.path)
    }

    /// The hash of what is here.
    pub fn found(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    /// Takes the body of an answer of the store with this number, up to the pack's length and no byte
    /// more; `go_on` is asked with each piece.
    ///
    /// # Errors
    /// A cut, a store that is too slow, the disk.
    pub fn take(
        &mut self,
        store: usize,
        mut body: impl Read,
        pack: &Pack,
        io: &Io,
        go_on: impl Fn() -> std::result::Result<(), Fault>,
    ) -> std::result::Result<(), Fault> {
        let mut buffer = vec![0; BUFFER];
        let owner = match self.owner {
            Owner::Nobody => Owner::Store(store),
            Owner::Store(other) if other == store => self.owner,
            _ => Owner::Several,
        };
        self.answers += 1;
        let mut pace = Pace::default();
        loop {
            let passing = |error: std::io::Error| Fault::Trouble(Trouble::worth_a_retry(error.to_string()));
            let asked = Instant::now();
            let got = body.read(&mut buffer).map_err(passing)?;
            io.traffic.received(got as u64);
            if got == 0 {
                break;
            }
            go_on()?;
            pace.keep(got as u64, asked.elapsed()).map_err(Fault::Trouble)?;
            self.owner = owner;
            self.length += got as u64;
            if self.length > pack.size {
                // The verifier's to refuse; nothing more of it is read.
                return Ok(());
            }
            self.hasher.update(&buffer[..got]);
            write::write(&self.file, &buffer[..got]).at("writing", &self.path)?;
        }
        if self.length < pack.size {
            let message = format!("cut after {} of {} bytes", self.length, pack.size);
            return Err(Fault::Trouble(Trouble::worth_a_retry(message)));
        }
        Ok(())
    }
}

/// A floor under the throughput of one download: over the time that was waited for the store alone.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn keep(&mut self, got: u64, waited: Duration) -> std::result::Result<(), Trouble> {
        self.bytes += got;
        self.waited += waited;
        if self.waited < WINDOW {
            return Ok(());
        }
        if self.bytes < SLOWEST * WINDOW.as_secs() {
            let message = format!("slower than {SLOWEST} bytes a second");
            return Err(Trouble::worth_a_retry(message));
        }
        *self = Self::default();
        Ok(())
    }
}

const BUFFER: usize = 16 * 1024;
const WINDOW: Duration = Duration::from_secs(15);
/// Bytes a second over a window.
const SLOWEST: u64 = 1024;
