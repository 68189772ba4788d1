//! The time used: never earlier than the bootstrap's rendering or the last time seen.
//!
//! Nodes boot with wrong clocks. The system clock is never set; what a server says of the time
//! counts for the next signature only.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use agent_core::time::Timestamp;

/// The clock of a run.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicU64,
    skew: AtomicI64,
}

impl Clock {
    /// A clock that never shows less than `floor`.
    pub fn new(floor: Timestamp) -> Self {
        Self { floor: AtomicU64::new(floor.seconds()), skew: AtomicI64::new(0) }
    }

    /// The time for expiry and certificates.
    pub fn now(&self) -> Timestamp {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let floor = self.floor.fetch_max(system, Ordering::Relaxed);
        Timestamp::from_seconds(system.max(floor))
    }

    /// The time for signatures: [`Clock::now`], corrected by what a server said.
    pub fn signing(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp::from_seconds(self.now().seconds().saturating_add_signed(skew))
    }

    /// Takes a server's time for the signatures to come. True when it differs by more than
    /// `TOLERANCE`, so that signing again makes sense.
    pub fn correct(&self, server: Timestamp) -> bool {
        let differs = server.seconds().abs_diff(self.signing().seconds()) > TOLERANCE;
        if differs {
            let skew = i64::try_from(server.seconds()).unwrap_or(i64::MAX)
                - i64::try_from(self.now().seconds()).unwrap_or(i64::MAX);
            self.skew.store(skew, Ordering::Relaxed);
        }
        differs
    }
}

/// Seconds; services refuse more than 900.
const TOLERANCE: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_less_than_its_floor() {
        let floor = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
        let clock = Clock::new(floor);
        assert_eq!(clock.now(), floor);
    }

    #[test]
    fn takes_a_servers_time_for_signatures_only() {
        let clock = Clock::new(Timestamp::default());
        let before = clock.now();
        let server = before.plus(100_000);
        assert!(clock.correct(server));
        assert!(clock.signing() >= server);
        assert!(clock.now().seconds() - before.seconds() < 1000);
        assert!(!clock.correct(server.plus(10)));
    }
}
