//! The time used: never earlier than the bootstrap's rendering or the last time that a check vouched for.
//!
//! Nodes boot with wrong clocks. The system clock is never set.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use stringless_core::time::Timestamp;

/// The clock of a run.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicU64,
}

impl Clock {
    /// A clock that never shows less than `floor`.
    pub fn new(floor: Timestamp) -> Self {
        Self { floor: AtomicU64::new(floor.seconds()) }
    }

    /// The time for expiry and certificates.
    pub fn now(&self) -> Timestamp {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Timestamp::from_seconds(system.max(self.floor.load(Ordering::Relaxed)))
    }

    /// What the system's clock shows, when that is well behind the time used.
    pub fn behind(&self) -> Option<Timestamp> {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        (system + BEHIND < self.now().seconds()).then(|| Timestamp::from_seconds(system))
    }

    /// Raises the floor to a time that a check has vouched for. What the system's clock showed for a
    /// while raises nothing: it may be years ahead, and be set right again.
    pub fn vouch(&self, time: Timestamp) {
        self.floor.fetch_max(time.seconds(), Ordering::Relaxed);
    }
}

/// Seconds by which a clock may be behind without a word.
const BEHIND: u64 = 3600;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_less_than_its_floor() {
        let floor = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
        let clock = Clock::new(floor);
        assert_eq!(clock.now(), floor);
    }
}
