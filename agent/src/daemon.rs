//! `--daemon`: each layer at its own interval, until SIGTERM or SIGINT.
//!
//! A signal ends the wait at once; a run that is under way is finished first, as half a run is worse
//! than a late stop. The signal arrives through a pipe, so that an idle daemon never wakes up.

use std::io::pipe;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use agent_core::backoff::next_run;
use agent_core::config::Layer;
use agent_core::outcome::Ending;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe::register;

use crate::command::Session;
use crate::error::{At, Result};
use crate::io::random;
use crate::log;

/// Runs until a signal comes.
///
/// # Errors
/// When signals cannot be awaited. A failed run is logged, and the next one comes at its time.
pub fn run(session: &Session<'_>) -> Result<Ending> {
    let (read, write) = pipe().at("making a pipe for", "signals")?;
    for signal in [SIGTERM, SIGINT] {
        let write: OwnedFd = write.try_clone().at("making a pipe for", "signals")?.into();
        register(signal, write).at("awaiting", "signals")?;
    }
    let mut due: Vec<(Instant, &Layer)> =
        session.config.layers.iter().map(|layer| (Instant::now(), layer)).collect();
    log::info(format_args!("daemon: {} layers", due.len()));
    loop {
        let now = Instant::now();
        let layers: Vec<&Layer> =
            due.iter().filter(|(when, _)| *when <= now).map(|(_, layer)| *layer).collect();
        if !layers.is_empty()
            && let Err(error) = session.run(&layers)
        {
            log::error(&error);
        }
        for (when, layer) in due.iter_mut().filter(|(when, _)| *when <= now) {
            *when = Instant::now() + Duration::from_secs(next_run(layer.interval, layer.splay, random()));
        }
        let next = due.iter().map(|(when, _)| *when).min().unwrap_or(now);
        if signalled(&read, next.saturating_duration_since(Instant::now())) {
            log::info("daemon: stopping");
            return Ok(Ending::Converged);
        }
    }
}

/// Whether a signal came within `wait`.
fn signalled(read: &impl AsFd, wait: Duration) -> bool {
    let end = Instant::now() + wait;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(read, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => return true,
            // Interrupted: by the very signal, which is then in the pipe.
            Err(_) if left.is_zero() => return false,
            Err(_) => {}
        }
    }
}
