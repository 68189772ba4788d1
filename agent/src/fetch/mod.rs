//! Packs: fetched a few at a time, each from whichever store has it, verified, unpacked.

pub mod fault;
pub mod unpack;
pub mod verified;

mod download;
mod partial;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stringless_core::pack::Pack;

use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{is_folder, write};
use crate::error::{Error, Result};
use crate::io::Io;
use crate::signals;
use crate::store::Source;

/// What the downloads of one run share.
struct Work {
    queue: Mutex<VecDeque<Pack>>,
    sources: Vec<Arc<Source>>,
    /// Per store how often it did not help: whoever did not is asked last for the next pack.
    faults: Vec<AtomicU32>,
    io: Arc<Io>,
    started: Instant,
    /// Seconds for all downloads.
    allowed: u64,
    /// Milliseconds that went by over unpacked packs: a busy disk is not the stores' fault.
    unpacking: AtomicU64,
    /// The first error: the others only follow from it.
    failure: Mutex<Option<Error>>,
}

/// Brings these packs into their places below `packs/`, verified and unpacked. `sources` are asked in
/// their order. Returns how many packs were fetched.
///
/// # Errors
/// The first error of any pack; those that were complete by then stay.
pub fn stage(wanted: Vec<Pack>, sources: &[Arc<Source>], io: &Arc<Io>) -> Result<u64> {
    let count = wanted.len();
    if count == 0 {
        return Ok(0);
    }
    let bytes: u64 = wanted.iter().map(|pack| pack.size).sum();
    let allowed = GRACE + bytes / FLOOR;
    let work = Arc::new(Work {
        queue: Mutex::new(VecDeque::from(wanted)),
        sources: sources.to_vec(),
        faults: sources.iter().map(|_| AtomicU32::new(0)).collect(),
        io: Arc::clone(io),
        started: Instant::now(),
        allowed,
        unpacking: AtomicU64::new(0),
        failure: Mutex::new(None),
    });
    let (send, results) = mpsc::channel::<()>();
    for _ in 0..count.min(AT_ONCE) {
        let (send, work) = (send.clone(), Arc::clone(&work));
        thread::spawn(move || {
            work.all();
            drop(send);
        });
    }
    drop(send);
    while !matches!(results.recv_timeout(TICK), Err(RecvTimeoutError::Disconnected)) {
        // A read that hangs is not waited for: the process is about to end.
        signals::check()?;
    }
    match work.failure().take() {
        Some(error) => Err(error),
        None => Ok(count as u64),
    }
}

/// The packs that are not in place yet, each once.
pub fn missing(packs: &[Pack], io: &Io) -> Vec<Pack> {
    let mut wanted: Vec<Pack> =
        packs.iter().filter(|pack| !is_folder(&io.disk.pack(&pack.sha256))).cloned().collect();
    wanted.sort_by_key(|pack| pack.sha256);
    wanted.dedup_by_key(|pack| pack.sha256);
    wanted
}

impl Work {
    fn all(&self) {
        while let Some(pack) = self.next() {
            if let Err(error) = self.one(&pack) {
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

    fn one(&self, pack: &Pack) -> Result<()> {
        let verified = download::download(pack, self)?;
        reach(Checkpoint::Fetched);
        let (path, began) = (verified.path.clone(), Instant::now());
        unpack::unpack(verified, &self.io.disk.pack(&pack.sha256))?;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.unpacking.fetch_add(milliseconds, Ordering::Relaxed);
        write::remove_file(&path)
    }

    /// The numbers of the stores, in the order in which to ask them.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by_key(|number| self.faults[*number].load(Ordering::Relaxed));
        order
    }

    /// This store did not help.
    fn demote(&self, number: usize) {
        self.faults[number].fetch_add(1, Ordering::Relaxed);
    }

    /// When all downloads are to be done.
    fn deadline(&self) -> Instant {
        let unpacking = Duration::from_millis(self.unpacking.load(Ordering::Relaxed));
        self.started + Duration::from_secs(self.allowed) + unpacking
    }

    /// Whether to go on.
    fn check(&self) -> Result<()> {
        signals::check()?;
        if self.failure().is_some() {
            return Err(Error::temporary("given up, as another pack failed"));
        }
        if Instant::now() >= self.deadline() {
            let message = format!("fetching the packs took longer than {} seconds", self.allowed);
            return Err(
                Error::temporary(message).hint("what came is kept, and the next run goes on from there")
            );
        }
        Ok(())
    }
}

/// How many packs are fetched at once.
pub const AT_ONCE: usize = 4;
/// A floor under throughput, in bytes a second over all packs, and seconds that are added to it.
const FLOOR: u64 = 8 * 1024;
const GRACE: u64 = 60;
const TICK: Duration = Duration::from_millis(20);
