//! `--daemon`: runs each layer at its own interval until SIGTERM or SIGINT, and reads its configuration again
//! after SIGHUP.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use stringless_core::backoff::next_run;
use stringless_core::config::Layer;
use stringless_core::name::Name;
use stringless_core::report::Outcome;

use crate::args::{Args, SCHEDULE};
use crate::disk::log_file;
use crate::error::Result;
use crate::io::random;
use crate::session::Session;
use crate::signals::{Signals, Wake};
use crate::upgrade::place::{self, Place};
use crate::{guard, log};

/// When each layer runs next, by its site.
type Schedule = Vec<(Instant, Name)>;

/// Runs until a signal arrives. Every run of a layer, including the first, waits a random part of its splay,
/// so that machines that boot together do not send their requests together.
///
/// # Errors
/// The signal handlers cannot be installed, or the configuration is invalid at the start. A failed run is only
/// logged; the next run starts at its normal time.
pub fn run(args: &Args) -> Result<Outcome> {
    let mut signals = Signals::register()?;
    let mut session = Session::open(args)?;
    let mut due = schedule(&session.config.layers, &handed_over());
    log::info(format_args!("daemon: following {}", names(&session.config.layers)));
    loop {
        // Before each sleep, so that the log is short while nothing happens.
        if let Err(error) = log_file::bound() {
            log::warn(format_args!("keeping the log short: {error}"));
        }
        let next = due.iter().map(|(when, _)| *when).min().unwrap_or_else(Instant::now);
        match signals.sleep(next.saturating_duration_since(Instant::now())) {
            Wake::Time => {}
            Wake::Stop => {
                log::info("daemon: stopping");
                return Ok(Outcome::Converged);
            }
            Wake::Reload => {
                match Session::open(args) {
                    Ok(new) => {
                        session = new;
                        due = schedule(&session.config.layers, &due);
                        let names = names(&session.config.layers);
                        log::info(format_args!("daemon: read the configuration again; following {names}"));
                    }
                    Err(error) => {
                        log::error(&error);
                        log::warn("daemon: the configuration is not usable; continuing with the former one");
                    }
                }
                continue;
            }
        }
        let now = Instant::now();
        let is_due = |site: &Name| due.iter().any(|(when, other)| other == site && *when <= now);
        let layers: Vec<&Layer> = session.config.layers.iter().filter(|layer| is_due(&layer.site)).collect();
        if let Err(error) = session.run(&layers) {
            log::error(&error);
        }
        let next = |site: &Name| {
            let layer = layers.iter().find(|layer| layer.site == *site)?;
            Some(after(next_run(layer.interval, layer.splay, random())))
        };
        for (when, site) in &mut due {
            *when = next(site).unwrap_or(*when);
        }
        if !crate::signals::stop_requested() && !place::is_running_here() {
            become_installed(&due);
        }
    }
}

/// Goes on as the agent that is installed now, in the same process: it takes the schedule over.
fn become_installed(due: &Schedule) {
    let Ok(place) = Place::of_this_agent() else { return };
    let now = Instant::now();
    let left: Vec<String> = due
        .iter()
        .map(|(when, site)| format!("{site}={}", when.saturating_duration_since(now).as_millis()))
        .collect();
    log::info(format_args!("daemon: going on as `{}`", place.exe.display()));
    let mut command = Command::new(&place.exe);
    command.args(std::env::args_os().skip(1)).env(SCHEDULE, left.join(","));
    let error = guard::with_former_limit(|| command.exec());
    log::warn(format_args!("daemon: starting `{}`: {error}; going on as before", place.exe.display()));
}

/// The schedule of the agent that this process was before.
fn handed_over() -> Schedule {
    let text = std::env::var(SCHEDULE).unwrap_or_default();
    let planned = text.split(',').filter_map(|one| {
        let (site, left) = one.split_once('=')?;
        Some((Instant::now() + Duration::from_millis(left.parse().ok()?), Name::new(site).ok()?))
    });
    planned.collect()
}

/// The schedule of these layers. A layer that was scheduled before keeps its time, unless its interval is
/// shorter now.
fn schedule(layers: &[Layer], before: &Schedule) -> Schedule {
    let time = |layer: &Layer| {
        let first = after(next_run(0, layer.splay, random()));
        let latest = after(next_run(layer.interval, layer.splay, random()));
        let planned = before.iter().find(|(_, site)| *site == layer.site);
        planned.map_or(first, |(when, _)| (*when).min(latest))
    };
    layers.iter().map(|layer| (time(layer), layer.site.clone())).collect()
}

fn after(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

fn names(layers: &[Layer]) -> String {
    let names: Vec<String> =
        layers.iter().map(|layer| format!("{}/{}", layer.site, layer.environment)).collect();
    names.join(", ")
}
