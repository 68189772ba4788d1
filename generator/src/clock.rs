//! The clock of this machine.

use std::time::SystemTime;

use stringless_core::time::Timestamp;

/// The current time, by the clock of this machine.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_seconds(since.map_or(0, |since| since.as_secs()))
}
