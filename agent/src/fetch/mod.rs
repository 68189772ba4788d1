//! Fetches packs, a few in parallel, from any store that has them; verifies and unpacks them.

pub mod object;
pub mod unpack;
pub mod verified;

mod download;
mod fault;
mod partial;

use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stringless_core::pack::Pack;

pub use self::object::Object;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{is_folder, write};
use crate::error::{Error, Result};
use crate::io::Io;
use crate::signals;
use crate::store::StoreClient;

/// The shared data of a run's downloads.
struct Work {
    queue: Mutex<VecDeque<Pack>>,
    sources: Vec<Arc<StoreClient>>,
    /// The number of failures of each store. Stores with more failures are tried later.
    faults: Vec<AtomicU32>,
    io: Arc<Io>,
    started: Instant,
    /// The time limit for all downloads, in seconds.
    allowed: u64,
    /// Milliseconds spent on unpacking. They do not count towards the limit: a busy disk is not the stores'
    /// fault.
    unpacking: AtomicU64,
    /// The first error. Later errors only follow from it.
    failure: Mutex<Option<Error>>,
}

/// Fetches packs, verifies them, and unpacks them below `packs/`. Tries `sources` in order. Returns the
/// number of fetched packs.
///
/// # Errors
/// The first error of any pack. Packs that were complete before it stay.
pub fn stage(wanted: Vec<Pack>, sources: &[Arc<StoreClient>], io: &Arc<Io>) -> Result<u64> {
    let count = wanted.len();
    if count == 0 {
        return Ok(0);
    }
    let bytes: u64 = wanted.iter().map(|pack| pack.size).sum();
    let work = Arc::new(Work::new(wanted.into(), bytes, sources, io));
    let (send, results) = mpsc::channel::<()>();
    let mut started = 0;
    for _ in 0..count.min(PARALLEL) {
        let (send, work) = (send.clone(), Arc::clone(&work));
        let run = move || {
            work.stage_all();
            drop(send);
        };
        match thread::Builder::new().spawn(run) {
            Ok(_) => started += 1,
            // The threads that run are enough; they only take longer.
            Err(_) if started > 0 => break,
            Err(error) => {
                return Err(Error::temporary(format!("fetching the packs: starting a thread: {error}")));
            }
        }
    }
    drop(send);
    while !matches!(results.recv_timeout(TICK), Err(RecvTimeoutError::Disconnected)) {
        // On a signal, do not wait for a hanging read: the process ends soon.
        signals::check()?;
    }
    match work.failure().take() {
        Some(error) => Err(error),
        None => Ok(count as u64),
    }
}

/// Fetches one file that is no pack: `object`, to its path. Tries `sources` in order, and continues with the bytes of an
/// earlier run. Returns the open file.
///
/// # Errors
/// Refused if a store sent wrong bytes and none sent the right ones; else temporary.
pub fn file(object: Object, sources: &[Arc<StoreClient>], io: &Arc<Io>) -> Result<File> {
    let work = Work::new(VecDeque::new(), object.size, sources, io);
    let (send, result) = mpsc::channel();
    let fetch = move || {
        let _ = send.send(download::download(&object, &work));
    };
    thread::Builder::new()
        .spawn(fetch)
        .map_err(|error| Error::temporary(format!("fetching the agent: starting a thread: {error}")))?;
    loop {
        match result.recv_timeout(TICK) {
            Ok(done) => return done,
            // On a signal, do not wait for a hanging read: the process ends soon.
            Err(RecvTimeoutError::Timeout) => signals::check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::temporary("fetching the agent: its thread ended"));
            }
        }
    }
}

/// The packs that are not on disk yet, without duplicates.
pub fn missing(packs: &[Pack], io: &Io) -> Vec<Pack> {
    let mut wanted: Vec<Pack> =
        packs.iter().filter(|pack| !is_folder(&io.disk.pack(&pack.sha256))).cloned().collect();
    wanted.sort_by_key(|pack| pack.sha256);
    wanted.dedup_by_key(|pack| pack.sha256);
    wanted
}

impl Work {
    /// The work of fetching `queue`, or another file, of `bytes` in all.
    fn new(queue: VecDeque<Pack>, bytes: u64, sources: &[Arc<StoreClient>], io: &Arc<Io>) -> Self {
        Self {
            queue: Mutex::new(queue),
            sources: sources.to_vec(),
            faults: sources.iter().map(|_| AtomicU32::new(0)).collect(),
            io: Arc::clone(io),
            started: Instant::now(),
            allowed: GRACE + bytes / MIN_RATE,
            unpacking: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    fn stage_all(&self) {
        while let Some(pack) = self.next() {
            if let Err(error) = self.stage_one(&pack) {
                self.failure().get_or_insert(error);
            }
        }
    }

    fn next(&self) -> Option<Pack> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front().filter(|_| self.failure().is_none())
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage_one(&self, pack: &Pack) -> Result<()> {
        let verified = download::pack(pack, self)?;
        reach(Checkpoint::Fetched);
        let (path, began) = (verified.path.clone(), Instant::now());
        unpack::unpack(verified, &self.io.disk.pack(&pack.sha256))?;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.unpacking.fetch_add(milliseconds, Ordering::Relaxed);
        write::remove_file(&path)
    }

    /// The numbers of the stores, in the order of trying them.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by_key(|number| self.faults[*number].load(Ordering::Relaxed));
        order
    }

    /// Counts a failure of a store.
    fn demote(&self, number: usize) {
        self.faults[number].fetch_add(1, Ordering::Relaxed);
    }

    /// When all downloads must be finished.
    fn deadline(&self) -> Instant {
        let unpacking = Duration::from_millis(self.unpacking.load(Ordering::Relaxed));
        self.started + Duration::from_secs(self.allowed) + unpacking
    }

    /// Checks whether to continue.
    fn check(&self) -> Result<()> {
        signals::check()?;
        if self.failure().is_some() {
            return Err(Error::temporary("stopped because another download failed"));
        }
        if Instant::now() >= self.deadline() {
            let message = format!("fetching took longer than {} seconds", self.allowed);
            return Err(Error::temporary(message).hint("the bytes so far are saved; the next run continues"));
        }
        Ok(())
    }
}

/// The number of packs that are fetched in parallel.
pub const PARALLEL: usize = 4;
/// The lowest accepted throughput over all packs, in bytes a second. The time limit is this plus `GRACE`
/// seconds.
const MIN_RATE: u64 = 8 * 1024;
const GRACE: u64 = 60;
const TICK: Duration = Duration::from_millis(20);
