//! SIGINT, SIGTERM and SIGHUP while this program holds something in a store that makes others wait: it ends soon and
//! in order, and gives it back. A second signal ends the program at once, and so does any signal at other times.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Error, Result};

/// While this value lives, the first signal does not end the program: [`check`] fails instead.
#[derive(Debug)]
pub struct Deferred(());

struct Flags {
    /// A signal has arrived.
    stop: Arc<AtomicBool>,
    /// Nothing is held: a signal ends the program.
    idle: Arc<AtomicBool>,
}

static FLAGS: LazyLock<Flags> = LazyLock::new(|| {
    let flags = Flags { stop: Arc::default(), idle: Arc::new(AtomicBool::new(true)) };
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        // In this order: the flag of the first signal ends the program at the second one. If a handler cannot be
        // registered, the signal ends the program, as it does without this module.
        let registered = flag::register_conditional_default(signal, Arc::clone(&flags.idle))
            .and_then(|_| flag::register_conditional_default(signal, Arc::clone(&flags.stop)))
            .and_then(|_| flag::register(signal, Arc::clone(&flags.stop)));
        drop(registered);
    }
    flags
});

/// Defers signals until the returned value is dropped.
#[must_use]
pub fn defer() -> Deferred {
    FLAGS.idle.store(false, Ordering::SeqCst);
    Deferred(())
}

/// Whether a signal has arrived while signals were deferred.
#[must_use]
pub fn stop_requested() -> bool {
    FLAGS.stop.load(Ordering::SeqCst)
}

/// Fails if a signal has arrived, to end the current work. `doing` is a gerund.
///
/// # Errors
/// Temporary: the next run continues from here.
pub fn check(doing: &str) -> Result<()> {
    if stop_requested() {
        Err(Error::temporary(format!("{doing}: stopped by a signal")).hint(AGAIN))
    } else {
        Ok(())
    }
}

/// Sleeps for `wait`, or until a signal arrives.
pub fn sleep(wait: Duration) {
    let end = Instant::now() + wait;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stop_requested() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        FLAGS.idle.store(true, Ordering::SeqCst);
    }
}

/// Whether the process was started with this signal ignored, as `nohup` does. It stays ignored.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

const AGAIN: &str = "run it again: it continues where it stopped";
