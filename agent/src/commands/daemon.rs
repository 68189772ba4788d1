//! `--daemon`: runs each layer at its own interval until SIGTERM or SIGINT.

use std::time::{Duration, Instant};

use stringless_core::backoff::next_run;
use stringless_core::config::Layer;
use stringless_core::report::Outcome;

use crate::error::Result;
use crate::io::random;
use crate::log;
use crate::session::Session;
use crate::signals::Signals;

/// Runs until a signal arrives. Every run of a layer, including the first, waits a random part of its splay,
/// so that machines that boot together do not send their requests together.
///
/// # Errors
/// The signal handlers cannot be installed. A failed run is only logged; the next run starts at its normal
/// time.
pub fn run(session: &Session<'_>) -> Result<Outcome> {
    let signals = Signals::register()?;
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    let layers = session.config.layers.iter();
    let mut due: Vec<(Instant, &Layer)> =
        layers.map(|layer| (after(next_run(0, layer.splay, random())), layer)).collect();
    log::info(format_args!("daemon: following {}", names(due.iter().map(|(_, layer)| *layer))));
    loop {
        let next = due.iter().map(|(when, _)| *when).min().unwrap_or_else(Instant::now);
        if signals.sleep(next.saturating_duration_since(Instant::now())) {
            log::info("daemon: stopping");
            return Ok(Outcome::Converged);
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
