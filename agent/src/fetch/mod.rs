//! Fetches packs, a few in parallel, from any store that has them; verifies them, and unpacks them into a release.

pub mod object;

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
use crate::disk::{Disk, metadata_of};
use crate::error::{Error, Result};
use crate::io::Io;
use crate::release::tree::Tree;
use crate::signals;
use crate::store::StoreClient;

/// The shared data of a run's downloads.
struct Work {
    /// The packs, those with the same bytes together.
    queue: Mutex<VecDeque<Vec<Pack>>>,
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
    /// The number of packs for which a store sent bytes.
    fetched: AtomicU64,
    /// The first error. Later errors only follow from it.
    failure: Mutex<Option<Error>>,
}

/// Unpacks `packs` into `tree`, and fetches those that are not on disk. Tries `sources` in order. Returns the
/// number of fetched packs.
///
/// # Errors
/// The first error of any pack. The packs that were fetched before it stay.
pub fn unpack(packs: &[Pack], tree: &Arc<Tree>, sources: &[Arc<StoreClient>], io: &Arc<Io>) -> Result<u64> {
    let missing = missing(packs, &io.disk)?;
    let bytes: u64 = missing.iter().map(|pack| pack.size).sum();
    let mut packs = packs.to_vec();
    // First what takes longest, and what may fail.
    let is_there = |pack: &Pack| missing.binary_search_by_key(&pack.sha256, |pack| pack.sha256).is_err();
    packs.sort_by_key(|pack| (is_there(pack), pack.sha256));
    let queue: VecDeque<_> = packs.chunk_by(|a, b| a.sha256 == b.sha256).map(<[Pack]>::to_vec).collect();
    let count = queue.len();
    let work = Arc::new(Work::new(queue, bytes, sources, io));
    let (send, results) = mpsc::channel::<()>();
    let mut started = 0;
    for _ in 0..count.min(PARALLEL) {
        let (send, work, tree) = (send.clone(), Arc::clone(&work), Arc::clone(tree));
        let run = move || {
            work.unpack_all(&tree);
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
        None => Ok(work.fetched.load(Ordering::Relaxed)),
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

/// The packs that are not complete on disk, without duplicates, in the order of their hashes. Only the lengths
/// count here: a damaged pack is found when it is used, and needs no more space than it has.
///
/// # Errors
/// Temporary: the disk.
pub fn missing(packs: &[Pack], disk: &Disk) -> Result<Vec<Pack>> {
    let mut missing = Vec::new();
    for pack in packs {
        let found = metadata_of(&disk.pack(&pack.sha256))?;
        if found.is_none_or(|found| found.len() != pack.size) {
            missing.push(pack.clone());
        }
    }
    missing.sort_by_key(|pack| pack.sha256);
    missing.dedup_by_key(|pack| pack.sha256);
    Ok(missing)
}

impl Work {
    /// The work of fetching `queue`, or another file, of `bytes` in all.
    fn new(queue: VecDeque<Vec<Pack>>, bytes: u64, sources: &[Arc<StoreClient>], io: &Arc<Io>) -> Self {
        Self {
            queue: Mutex::new(queue),
            sources: sources.to_vec(),
            faults: sources.iter().map(|_| AtomicU32::new(0)).collect(),
            io: Arc::clone(io),
            started: Instant::now(),
            allowed: GRACE + bytes / MIN_RATE,
            unpacking: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    fn unpack_all(&self, tree: &Tree) {
        while let Some(packs) = self.next() {
            if let Err(error) = self.unpack_one(&packs, tree) {
                self.failure().get_or_insert(error);
            }
        }
    }

    fn next(&self) -> Option<Vec<Pack>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front().filter(|_| self.failure().is_none())
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unpack_one(&self, packs: &[Pack], tree: &Tree) -> Result<()> {
        let Some(verified) = download::pack(packs, self)? else { return Ok(()) };
        reach(Checkpoint::Fetched);
        let began = Instant::now();
        tree.unpack(verified)?;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.unpacking.fetch_add(milliseconds, Ordering::Relaxed);
        Ok(())
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
const PARALLEL: usize = 8;
/// The lowest accepted throughput over all packs, in bytes a second. The time limit is this plus `GRACE`
/// seconds.
const MIN_RATE: u64 = 8 * 1024;
const GRACE: u64 = 60;
const TICK: Duration = Duration::from_millis(20);
