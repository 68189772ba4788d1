//! Packs: fetched a few at a time, resumed where they were cut, hashed as they come.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agent_core::hash::{Hasher, Sha256};
use agent_core::layout;
use agent_core::pack::Pack;
use agent_core::refusal::Refusal;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{make_folder, sync_folder_of};
use crate::error::{At, Error, Result};
use crate::io::Io;
use crate::source::{Answer, Source, Trouble, Wanted};
use crate::stop;
use crate::unpack;

/// A pack on disk, of which only the length is known to be right.
struct Fetched<'p> {
    pack: &'p Pack,
    path: PathBuf,
    length: u64,
    found: Sha256,
    /// Whether a part of it was there before this run.
    inherited: bool,
}

/// A pack whose bytes are those that the manifest names.
pub struct VerifiedPack<'p> {
    /// Its entry in the manifest.
    pub pack: &'p Pack,
    /// The compressed file.
    pub path: PathBuf,
}

/// Brings every pack of `packs` that is missing into its place below `packs/`, verified and unpacked.
/// Returns how many were fetched.
///
/// # Errors
/// The first error of any pack; those that were complete by then stay.
pub fn stage(packs: &[Pack], source: &Source<'_>, io: &Io) -> Result<u64> {
    make_folder(&io.disk.file("incoming"))?;
    make_folder(&io.disk.file("packs"))?;
    let mut wanted: Vec<&Pack> = packs.iter().filter(|pack| !io.disk.pack(&pack.sha256).exists()).collect();
    wanted.sort_by_key(|pack| pack.sha256);
    wanted.dedup_by_key(|pack| pack.sha256);
    let count = wanted.len();
    let queue = Mutex::new(VecDeque::from(wanted));
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..count.min(AT_ONCE) {
            scope.spawn(|| {
                while let Some(pack) = next(&queue) {
                    if let Err(error) = stage_one(pack, source, io) {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(count as u64),
    }
}

fn next<'p>(queue: &Mutex<VecDeque<&'p Pack>>) -> Option<&'p Pack> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn stage_one(pack: &Pack, source: &Source<'_>, io: &Io) -> Result<()> {
    let mut fetched = fetch(pack, source, io)?;
    if fetched.inherited && fetched.found != pack.sha256 {
        // What an earlier run left may not have survived a power cut: the whole of it, anew.
        std::fs::remove_file(&fetched.path).at("removing", &fetched.path)?;
        fetched = fetch(pack, source, io)?;
    }
    let verified = verify(fetched)?;
    reach(Checkpoint::Fetched);
    let folder = io.disk.pack(&pack.sha256);
    unpack::unpack(&verified, &folder)?;
    std::fs::remove_file(&verified.path).at("removing", &verified.path)
}

fn fetch<'p>(pack: &'p Pack, source: &Source<'_>, io: &Io) -> Result<Fetched<'p>> {
    let path = io.disk.incoming(&pack.sha256);
    let mut partial = Partial::open(&path, pack)?;
    let inherited = partial.length > 0;
    let key = layout::pack(&pack.sha256);
    let limit = Duration::from_secs(GRACE + pack.size / FLOOR);
    source.retrying(&key, || {
        if partial.length == pack.size {
            return Ok(());
        }
        let wanted = Wanted { key: &key, etag: None, from: partial.length, limit };
        let disk = |error: std::io::Error| Trouble::lasting(format!("writing it to disk: {error}"), None);
        let answer = match source.ask(&wanted) {
            // A store that does not like the range may like the whole.
            Err(trouble) if partial.length > 0 && trouble.is_lasting() => {
                partial.restart().map_err(disk)?;
                return Err(trouble.worth_one_more());
            }
            other => other?,
        };
        let Answer::Content { from, body, .. } = answer else {
            return Err(Trouble::lasting("there is no such object".into(), Some(MISSING)));
        };
        if from != partial.length {
            partial.restart().map_err(disk)?;
        }
        partial.take(body, pack, io)
    })?;
    Ok(Fetched { pack, length: partial.length, found: partial.hasher.finish(), path, inherited })
}

/// The only way to a [`VerifiedPack`].
fn verify(fetched: Fetched<'_>) -> Result<VerifiedPack<'_>> {
    let Fetched { pack, path, found, length, .. } = fetched;
    if found == pack.sha256 {
        return Ok(VerifiedPack { pack, path });
    }
    let _ = std::fs::remove_file(&path);
    let of = pack.path.clone();
    Err(Error::refused(
        "the release",
        &match length > pack.size {
            true => Refusal::Size { path: of, what: "bytes", expected: pack.size },
            false => Refusal::Hash { path: of, found, expected: pack.sha256 },
        },
    ))
}

/// What is here of a pack.
struct Partial {
    file: File,
    hasher: Hasher,
    length: u64,
}

impl Partial {
    /// Takes up what an earlier run left, if it is not longer than the pack.
    fn open(path: &Path, pack: &Pack) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .at("opening", path)?;
        let mut partial = Self { file, hasher: Hasher::default(), length: 0 };
        if partial.file.metadata().at("reading", path)?.len() > pack.size {
            partial.restart().at("emptying", path)?;
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let got = partial.file.read(&mut buffer).at("reading", path)?;
            if got == 0 {
                break;
            }
            partial.hasher.update(&buffer[..got]);
            partial.length += got as u64;
        }
        sync_folder_of(path)?;
        Ok(partial)
    }

    fn restart(&mut self) -> std::io::Result<()> {
        self.hasher = Hasher::default();
        self.length = 0;
        self.file.set_len(0)
    }

    fn take(&mut self, mut body: impl Read, pack: &Pack, io: &Io) -> std::result::Result<(), Trouble> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let got = body.read(&mut buffer).map_err(|error| Trouble::worth_a_retry(error.to_string()))?;
            io.traffic.received(got as u64);
            if got == 0 {
                break;
            }
            stop::check().map_err(|error| Trouble::stopped(&error))?;
            self.length += got as u64;
            if self.length > pack.size {
                // The verifier's to refuse; nothing more of it is read.
                self.hasher = Hasher::default();
                return Ok(());
            }
            self.hasher.update(&buffer[..got]);
            let written = self.file.write_all(&buffer[..got]);
            written.map_err(|error| Trouble::lasting(format!("writing it to disk: {error}"), None))?;
        }
        if self.length < pack.size {
            let message = format!("cut after {} of {} bytes", self.length, pack.size);
            return Err(Trouble::worth_a_retry(message));
        }
        Ok(())
    }
}

const AT_ONCE: usize = 4;
const BUFFER: usize = 16 * 1024;
/// A floor under throughput, in bytes a second over a whole pack, and seconds that are added to it.
const FLOOR: u64 = 8 * 1024;
const GRACE: u64 = 60;
const MISSING: &str =
    "the manifest names a pack that the store does not have; `stringless verify` checks the bucket";
