//! SIGTERM and SIGINT: what is under way ends soon, and in order.
//!
//! A download stops at the next bytes and is taken up by the next run. An engine is asked to end with
//! its whole process group, and its run counts as failed. The signal also comes through a pipe, so that
//! an idle daemon sleeps without waking up.

use std::io::{PipeReader, pipe};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::error::{At, Error, Result};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The signals, from now on.
pub struct Signals(PipeReader);

impl Signals {
    /// Takes SIGTERM and SIGINT over.
    ///
    /// # Errors
    /// Temporary: out of descriptors.
    pub fn take() -> Result<Self> {
        let (read, write) = pipe().at("making a pipe for", "signals")?;
        for signal in [SIGTERM, SIGINT] {
            let write: OwnedFd = write.try_clone().at("making a pipe for", "signals")?.into();
            flag::register(signal, Arc::clone(&ASKED)).at("awaiting", "signals")?;
            low_level::pipe::register(signal, write).at("awaiting", "signals")?;
        }
        Ok(Self(read))
    }

    /// Sleeps for `wait`, or until a signal comes: then true.
    pub fn sleep(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        while !asked() {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return false,
                // A signal that was taken before, or an interruption: the flag tells.
                _ if left.is_zero() => return false,
                _ => {}
            }
        }
        true
    }
}

/// Whether a signal has come.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Ends what is under way once a signal has come.
///
/// # Errors
/// Temporary: the next run goes on from here.
pub fn check() -> Result<()> {
    if asked() { Err(Error::temporary("told to stop by a signal")) } else { Ok(()) }
}
