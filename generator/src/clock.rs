//! The clock of this machine.

use std::env;
use std::time::SystemTime;

use stringless_core::time::Timestamp;

/// The current time, by the clock of this machine.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_seconds(since.map_or(0, |since| since.as_secs()))
}

/// The time of `SOURCE_DATE_EPOCH`, or else of the clock: for output that depends on the day.
pub fn time() -> Timestamp {
    let fixed = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    fixed.map_or_else(now, Timestamp::from_seconds)
}
