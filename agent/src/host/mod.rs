//! Facts from the operating system: the firmware's texts, the boot, network interfaces, and the start time of a
//! process.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(not(target_os = "freebsd"))]
mod linux;

#[cfg(target_os = "freebsd")]
pub use freebsd::{TOLERANCE, boot, firmware, interfaces, kernel_words, process};
#[cfg(not(target_os = "freebsd"))]
pub use linux::{TOLERANCE, boot, firmware, interfaces, kernel_words, process};

pub mod schedule;

/// A running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// When it started, on a clock that does not change when the time is set.
    pub started: u64,
    /// Seconds since it started.
    pub age: u64,
}

impl Process {
    /// Whether it is the process with this start time.
    pub fn matches(self, started: u64) -> bool {
        (started.saturating_sub(TOLERANCE)..=started.saturating_add(TOLERANCE)).contains(&self.started)
    }
}
