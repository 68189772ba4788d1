//! SIGTERM and SIGINT: the agent ends soon and in order.
//!
//! A download stops at the next bytes, and the next run resumes it. The agent ends an engine with its whole
//! process group; the run fails, but it does not count as a failed try of the release. The signal is also
//! written to a pipe, so that an idle daemon sleeps without waking up.

use std::io::{PipeReader, pipe};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::error::{At, Error, Result};

static STOP_REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The registered signal handlers.
pub struct Signals(PipeReader);

impl Signals {
    /// Registers handlers for SIGTERM and SIGINT.
    ///
    /// # Errors
    /// Temporary: no free file descriptors.
    pub fn register() -> Result<Self> {
        let (read, write) = pipe().at("making a pipe for", "signals")?;
        for signal in [SIGTERM, SIGINT] {
            let write: OwnedFd = write.try_clone().at("making a pipe for", "signals")?.into();
            flag::register(signal, Arc::clone(&STOP_REQUESTED)).at("awaiting", "signals")?;
            low_level::pipe::register(signal, write).at("awaiting", "signals")?;
        }
        Ok(Self(read))
    }

    /// Sleeps for `wait` or until a signal arrives. True: a signal arrived.
    pub fn sleep(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        while !stop_requested() {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return false,
                // An earlier signal or an interruption: the flag decides.
                _ if left.is_zero() => return false,
                _ => {}
            }
        }
        true
    }
}

/// Whether a signal has arrived.
pub fn stop_requested() -> bool {
    STOP_REQUESTED.load(Ordering::Relaxed)
}

/// Fails if a signal has arrived, to end the current work.
///
/// # Errors
/// Temporary: the next run continues from here.
pub fn check() -> Result<()> {
    if stop_requested() { Err(Error::temporary("stopped by a signal")) } else { Ok(()) }
}
