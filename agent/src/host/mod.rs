//! What only the operating system knows: the firmware's texts, which boot this is, when a process began.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(not(target_os = "freebsd"))]
mod linux;

#[cfg(target_os = "freebsd")]
pub use freebsd::{APART, boot, firmware, process};
#[cfg(not(target_os = "freebsd"))]
pub use linux::{APART, boot, firmware, process};

/// A process at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// When it began, on a clock that no step of the time moves.
    pub began: u64,
    /// Seconds since then.
    pub age: u64,
}

impl Process {
    /// Whether it is the one that began then.
    pub fn is_of(self, began: u64) -> bool {
        (began.saturating_sub(APART)..=began.saturating_add(APART)).contains(&self.began)
    }
}
