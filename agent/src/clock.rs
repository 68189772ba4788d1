//! The agent's clock. It never shows a time before the rendering of the bootstrap, or before the time that
//! the last check proved.
//!
//! Reason: nodes boot with wrong clocks. The agent never sets the system clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use stringless_core::time::Timestamp;

/// The clock of a run.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicU64,
}

impl Clock {
    /// A clock that never shows a time before `floor`.
    pub fn new(floor: Timestamp) -> Self {
        Self { floor: AtomicU64::new(floor.seconds()) }
    }

    /// The current time, used for expiry and certificates.
    pub fn now(&self) -> Timestamp {
        let system = Self::system().seconds();
        Timestamp::from_seconds(system.max(self.floor.load(Ordering::Relaxed)))
    }

    /// The time of the system clock, however wrong it is.
    pub fn system() -> Timestamp {
        Timestamp::from_seconds(
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        )
    }

    /// The time of the system clock, if that is more than an hour behind [`Clock::now`].
    pub fn behind(&self) -> Option<Timestamp> {
        let system = Self::system();
        (system.plus(BEHIND) < self.now()).then_some(system)
    }

    /// Raises the earliest time to one that a check has proved. The system clock alone never raises it: that
    /// clock may be years ahead and corrected later.
    pub fn raise_floor(&self, time: Timestamp) {
        self.floor.fetch_max(time.seconds(), Ordering::Relaxed);
    }
}

/// Seconds that the system clock may be behind without a warning.
const BEHIND: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_a_time_before_its_floor() {
        let floor = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
        let clock = Clock::new(floor);
        assert_eq!(clock.now(), floor);
    }
}
