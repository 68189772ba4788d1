//! Signals: the agent ends soon and in order.
//!
//! A download stops at the next bytes, and the next run resumes it. The agent ends an engine with its whole
//! process group; the run fails, but it does not count as a failed try of the release. This holds for every
//! signal that would otherwise kill the agent and leave its engine behind, except for those that say that the
//! agent itself is at fault (such as SIGSEGV), and SIGKILL.
//!
//! SIGHUP makes the daemon read its configuration again. Otherwise it is one of the signals above.

use std::io::{PipeReader, Read, pipe};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::{flag, low_level};

use crate::error::{At, Error, Result};

static STOP_REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
static RELOAD_REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The signal handlers of the daemon.
pub struct Signals(PipeReader);

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The time is over.
    Time,
    /// The agent must stop.
    Stop,
    /// The daemon must read its configuration again.
    Reload,
}

/// Registers the handlers for one run.
///
/// # Errors
/// Temporary.
pub fn register_for_one_run() -> Result<()> {
    // After `nohup`, a terminal that closes must not end the run.
    let hangup = (!is_hangup_ignored()).then_some(SIGHUP);
    for signal in STOPPING.into_iter().chain(hangup) {
        flag::register(signal, Arc::clone(&STOP_REQUESTED)).at("awaiting", "signals")?;
    }
    survive_large_files()
}

impl Signals {
    /// Registers the handlers for the daemon. Each signal is also written to a pipe, so that an idle daemon
    /// sleeps without waking up.
    ///
    /// # Errors
    /// Temporary: no free file descriptors.
    pub fn register() -> Result<Self> {
        let (read, write) = pipe().at("making a pipe for", "signals")?;
        let stopping = STOPPING.map(|signal| (signal, &STOP_REQUESTED));
        for (signal, flag) in stopping.into_iter().chain([(SIGHUP, &RELOAD_REQUESTED)]) {
            let write: OwnedFd = write.try_clone().at("making a pipe for", "signals")?.into();
            flag::register(signal, Arc::clone(flag)).at("awaiting", "signals")?;
            low_level::pipe::register(signal, write).at("awaiting", "signals")?;
        }
        survive_large_files()?;
        Ok(Self(read))
    }

    /// Sleeps for `wait` or until a signal arrives.
    pub fn sleep(&mut self, wait: Duration) -> Wake {
        let end = Instant::now() + wait;
        loop {
            if stop_requested() {
                return Wake::Stop;
            }
            if RELOAD_REQUESTED.swap(false, Ordering::Relaxed) {
                return Wake::Reload;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wake::Time;
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
            if let Ok(1..) = poll(&mut fds, Some(&timeout)) {
                // The flags say which signal it was.
                let _ = self.0.read(&mut [0; 64]);
            }
        }
    }
}

/// Whether a signal has arrived that ends the agent.
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

/// With any handler for SIGXFSZ, a write beyond the limit for files fails with an error, and does not kill the
/// agent.
fn survive_large_files() -> Result<()> {
    flag::register(SIGXFSZ, Arc::default()).at("awaiting", "signals").map(drop)
}

/// Whether the agent was started with SIGHUP ignored, as `nohup` does.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & 1 == 1)
}

/// The signals that end the agent in order. For SIGHUP see above.
#[cfg(not(target_os = "linux"))]
const STOPPING: [i32; 10] =
    [SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU];
#[cfg(target_os = "linux")]
const STOPPING: [i32; 12] = [
    SIGINT,
    SIGTERM,
    SIGQUIT,
    SIGUSR1,
    SIGUSR2,
    SIGALRM,
    SIGVTALRM,
    SIGPROF,
    SIGIO,
    SIGXCPU,
    rustix::process::Signal::POWER.as_raw(),
    rustix::process::Signal::STKFLT.as_raw(),
];
