//! `--daemon`: each layer at its own interval, until SIGTERM or SIGINT.

use std::time::{Duration, Instant};

use stringless_core::backoff::next_run;
use stringless_core::config::Layer;
use stringless_core::report::Ending;

use crate::error::Result;
use crate::io::random;
use crate::log;
use crate::session::Session;
use crate::signals::Signals;

/// Runs until a signal comes. The first run of a layer waits a random part of its splay, as all others
/// do: machines that boot together do not ask together.
///
/// # Errors
/// When signals cannot be awaited. A failed run is logged, and the next one comes at its time.
pub fn run(session: &Session<'_>) -> Result<Ending> {
    let signals = Signals::take()?;
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    let layers = session.config.layers.iter();
    let mut due: Vec<(Instant, &Layer)> =
        layers.map(|layer| (after(next_run(0, layer.splay, random())), layer)).collect();
    log::info(format_args!("daemon: following {}", names(due.iter().map(|(_, layer)| *layer))));
    loop {
        let next = due.iter().map(|(when, _)| *when).min().unwrap_or_else(Instant::now);
        if signals.sleep(next.saturating_duration_since(Instant::now())) {
            log::info("daemon: stopping");
            return Ok(Ending::Converged);
        }
        let now = Instant::now();
        let layers: Vec<&Layer> =
            due.iter().filter(|(when, _)| *when <= now).map(|(_, layer)| *layer).collect();
        if let Err(error) = session.run(&layers) {
            log::error(&error);
        }
        for (when, layer) in due.iter_mut().filter(|(when, _)| *when <= now) {
            *when = after(next_run(layer.interval, layer.splay, random()));
        }
    }
}

fn names<'a>(layers: impl Iterator<Item = &'a Layer>) -> String {
    layers.map(|layer| format!("{}/{}", layer.site, layer.environment)).collect::<Vec<_>>().join(", ")
}
