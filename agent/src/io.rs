//! What a run works with: the outside world, in one hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::http::Http;

/// Network, clock and disk of a run.
#[derive(Debug)]
pub struct Io {
    /// HTTP clients.
    pub http: Http,
    /// The time.
    pub clock: Arc<Clock>,
    /// Packs, releases, state.
    pub disk: Disk,
    /// What went over the network.
    pub traffic: Traffic,
}

/// Counters for the report.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// One more request to a store.
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more bytes of bodies.
    pub fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests and bytes since the last call.
    pub fn take(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::Relaxed), self.received.swap(0, Ordering::Relaxed))
    }
}

/// A random number, of what the standard library draws from the system for its hash tables: that never
/// waits, at an early boot neither.
pub fn random() -> u64 {
    use std::hash::BuildHasher;
    use std::hash::RandomState;
    RandomState::new().hash_one(())
}
