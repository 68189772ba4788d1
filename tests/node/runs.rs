//! The real agent on a node that is a folder: what it takes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod damage;
mod doctor;
mod doctor_machine;
mod exhaustion;
mod fifos;
mod first_run;
mod flow;
mod https;
mod layers_removed;
mod notices;
mod proxies;
mod reports;
mod retired;
mod signals;
mod verbose;

use std::time::{Duration, Instant};

pub use e2e::pair::Pair;

/// Waits ten minutes at most.
pub fn wait_for(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + e2e::process::PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
