//! The outside world of a run, in one struct.

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
    /// The state folder.
    pub disk: Disk,
    /// The network traffic so far.
    pub traffic: Traffic,
}

/// Traffic counters for the report.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Counts a request to a store.
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts received bytes of a body.
    pub fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests and bytes since the last call.
    pub fn take(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::Relaxed), self.received.swap(0, Ordering::Relaxed))
    }
}

/// A random number from the seed of the standard library's hash tables. It never blocks, even early during
/// boot.
pub fn random() -> u64 {
    use std::hash::BuildHasher;
    use std::hash::RandomState;
    RandomState::new().hash_one(())
}
