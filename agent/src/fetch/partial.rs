//! A partly downloaded pack on disk, and which store sent it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stringless_core::answer;
use stringless_core::hash::{Hasher, Sha256};

use super::fault::FetchError;
use crate::disk::write;
use crate::error::{At, Result};
use crate::io::Io;
use crate::store::RequestError;

/// A partly downloaded pack.
pub struct Partial {
    /// The open file.
    pub file: File,
    path: PathBuf,
    /// The number of received bytes. If it is above the pack's size, the last bytes were not written.
    pub length: u64,
    /// Which store sent the bytes.
    pub owner: Owner,
    /// The number of responses that they came in.
    pub answers: u32,
    /// Whether one of the responses says that it was compressed on the way.
    pub encoded: bool,
    hasher: Hasher,
}

/// Which store sent the bytes of a partial pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// There are no bytes yet.
    Nobody,
    /// One store, by its number.
    Store(usize),
    /// Several stores, or an earlier run. No store is to blame if the hash is wrong.
    Several,
}

impl Partial {
    /// Opens the file and continues with the bytes of an earlier run, unless there are more than the pack
    /// has.
    pub fn open(path: &Path, size: u64) -> Result<Self> {
        let file = write::append(path)?;
        let path = path.to_path_buf();
        let hasher = Hasher::default();
        let mut partial =
            Self { file, path, hasher, length: 0, owner: Owner::Nobody, answers: 0, encoded: false };
        if partial.file.metadata().at("reading", &partial.path)?.len() > size {
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
        Ok(partial)
    }

    /// Discards all bytes.
    pub fn restart(&mut self) -> Result<()> {
        self.hasher = Hasher::default();
        self.length = 0;
        self.owner = Owner::Nobody;
        self.answers = 0;
        self.encoded = false;
        write::empty(&self.file).at("emptying", &self.path)
    }

    /// The hash of the bytes so far.
    pub fn sha256(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    /// Writes the body of a store's response, up to the pack's size. Calls `check` for each piece.
    ///
    /// # Errors
    /// An interruption, a store that is too slow, or the disk.
    pub fn receive(
        &mut self,
        store: usize,
        mut body: impl Read,
        size: u64,
        io: &Io,
        check: impl Fn() -> std::result::Result<(), FetchError>,
    ) -> std::result::Result<(), FetchError> {
        let mut buffer = vec![0; BUFFER];
        let owner = match self.owner {
            Owner::Nobody => Owner::Store(store),
            Owner::Store(other) if other == store => self.owner,
            _ => Owner::Several,
        };
        self.answers += 1;
        let mut pace = Pace::default();
        loop {
            let passing =
                |error: std::io::Error| FetchError::Request(RequestError::retryable(error.to_string()));
            let asked = Instant::now();
            let got = body.read(&mut buffer).map_err(passing)?;
            io.traffic.received(got as u64);
            if got == 0 {
                break;
            }
            check()?;
            if self.length == 0 && answer::is_web_page(&buffer[..got]) {
                return Err(FetchError::Request(RequestError::foreign(answer::WEB_PAGE)));
            }
            pace.check(got as u64, asked.elapsed()).map_err(FetchError::Request)?;
            self.owner = owner;
            self.length += got as u64;
            if self.length > size {
                // Stop reading. The caller refuses the pack for its size.
                return Ok(());
            }
            self.hasher.update(&buffer[..got]);
            write::write(&self.file, &buffer[..got]).at("writing", &self.path)?;
        }
        if self.length < size {
            let message = format!("cut off after {} of {} bytes", self.length, size);
            return Err(FetchError::Request(RequestError::retryable(message)));
        }
        Ok(())
    }
}

/// Checks the throughput of one download. Only the time spent waiting for the store counts.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn check(&mut self, got: u64, waited: Duration) -> std::result::Result<(), RequestError> {
        self.bytes += got;
        self.waited += waited;
        if self.waited < WINDOW {
            return Ok(());
        }
        if self.bytes < SLOWEST * WINDOW.as_secs() {
            let message = format!("slower than {SLOWEST} bytes a second");
            return Err(RequestError::retryable(message));
        }
        *self = Self::default();
        Ok(())
    }
}

const BUFFER: usize = 16 * 1024;
const WINDOW: Duration = Duration::from_secs(15);
/// The lowest accepted throughput in a window, in bytes a second.
const SLOWEST: u64 = 1024;
