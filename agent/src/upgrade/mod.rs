//! The agent follows its pin: fetch → try → first run → rename. Read this file from the top.
//!
//! The agent at work stays in charge until the new one has completed a run: it starts the new file from beside its own
//! and looks at how that ends. Until the last rename, the installed file is the agent at work; after it, the new one,
//! which has just run. So at every moment the installed file is an agent that works.

pub mod place;

mod record;
mod trial;

use std::sync::Arc;

use stringless_core::config::Config;
use stringless_core::layout;
use stringless_core::manifest::{AgentFile, AgentPin};
use stringless_core::name::Name;
use stringless_core::report::Outcome;
use stringless_core::upgrade::{self, Decision, Installed, LeftAlone, Pin, Record};

use self::place::Place;
pub use self::record::{begin, complete, read};
use self::trial::Trial;
use crate::args::Args;
use crate::disk::{Lock, program, write};
use crate::error::Error;
use crate::fetch::{self, Object};
use crate::io::Io;
use crate::store::StoreClient;
use crate::{log, version};

/// The pin of a verified manifest.
pub struct Offer {
    /// The site of the manifest.
    pub site: Name,
    /// Its serial.
    pub serial: u64,
    /// The agent.
    pub agent: AgentPin,
    /// The stores, first the one that sent the manifest.
    pub sources: Vec<Arc<StoreClient>>,
    /// How long its engine may run, in seconds.
    pub timeout: u64,
    /// Whether this agent cannot use the manifest.
    pub blocked: bool,
}

/// The node, as far as an upgrade needs it.
pub struct Node<'a> {
    /// The command line.
    pub args: &'a Args,
    /// The configuration.
    pub config: &'a Config,
    /// Secrets that no output may show.
    pub secrets: &'a [String],
    /// Network, clock and disk.
    pub io: &'a Arc<Io>,
    /// The outcomes of the layers in this run, without what only a newer agent can do. The new agent may end like
    /// one of them, too.
    pub expected: Vec<Outcome>,
    /// Asks the stores now, as the new agent's check does. Returns the worst outcome of what failed.
    pub probe: &'a dyn Fn() -> Option<Outcome>,
    /// How long the engines of all layers may run, in seconds.
    pub engines: u64,
}

/// What became of a pin.
pub enum Followed {
    /// The agent at work stays. The warnings say what is wrong, if anything is.
    Stayed(Vec<String>),
    /// The new agent is in place, and this is the outcome of its first run.
    Upgraded(Outcome),
}

/// Follows the pin of `offer`. Gives `lock` away for the first run of the new agent, and takes it again.
pub fn follow(node: &Node<'_>, offer: &Offer, lock: &mut Option<Lock>) -> Followed {
    let target = version::target().and_then(|target| offer.agent.targets.get_key_value(target));
    let Some((target, file)) = target else { return Followed::Stayed(Vec::new()) };
    let mut record = match read(&node.io.disk) {
        Ok(record) => record,
        Err(error) => return Followed::Stayed(vec![warn(&error)]),
    };
    let pin = Pin { site: &offer.site, serial: offer.serial, agent: &offer.agent, file };
    match upgrade::decide(version::own(), &pin, &record, node.config.agent.follow) {
        Decision::Stay => Followed::Stayed(Vec::new()),
        Decision::Quarantined(one) => {
            // The report has it as `quarantined`. A warning would make it new in each run.
            log::warn(format_args!("agent {} is left alone since {}: {}", one.version, one.at, one.reason));
            Followed::Stayed(Vec::new())
        }
        Decision::Install => match install(node, offer, (target, file), &mut record, lock) {
            Ok(outcome) => Followed::Upgraded(outcome),
            Err(failure) => Followed::Stayed(remember(node, offer, file, record, failure)),
        },
    }
}

/// Why an agent was not installed.
pub enum Failure {
    /// The next run tries again.
    Passing(Error),
    /// The agent is at fault. It is not tried again.
    Unfit(String),
    /// Its folder cannot be written, or programs cannot be run there.
    Unwritable(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Passing(error)
    }
}

fn install(
    node: &Node<'_>,
    offer: &Offer,
    (target, file): (&Name, &AgentFile),
    record: &mut Record,
    lock: &mut Option<Lock>,
) -> Result<Outcome, Failure> {
    let (own, wanted) = (version::own(), offer.agent.version);
    let place = Place::of_this_agent()?;
    log::info(format_args!("agent {own}: release {} of {} pins agent {wanted}", offer.serial, offer.site));
    place.check(file)?;
    fetch_to(node, offer, file, target, &place)?;
    let trial = Trial { node, new: &place.next, blocked: offer.blocked };
    trial.check()?;
    trial.version(wanted)?;
    // The new agent locks the state folder itself.
    drop(lock.take());
    let outcome = trial.first_run()?;
    *lock = Some(node.io.disk.lock()?);
    // While the lock was away, another program may have installed an agent, and another run may have taken notes.
    place.check_running()?;
    *record = read(&node.io.disk)?;
    program::keep(&place.exe, &place.previous)?;
    let (site, at) = (offer.site.clone(), node.io.clock.now());
    let sha256 = file.sha256;
    record.installed =
        Some(Installed { version: wanted, sha256, previous: own, site, serial: offer.serial, at });
    record.starts = Some(0);
    record.quarantined = None;
    record.unwritable = None;
    record::save(&node.io.disk, record)?;
    write::rename(&place.next, &place.exe)?;
    place::set_replaced();
    log::info(format_args!("agent {wanted} is in place; {own} is kept as `{}`", place.previous.display()));
    Ok(outcome)
}

/// Fetches the file to its place beside the installed one, or completes what an earlier run fetched of it.
fn fetch_to(
    node: &Node<'_>,
    offer: &Offer,
    file: &AgentFile,
    target: &Name,
    place: &Place,
) -> Result<(), Failure> {
    let object = Object {
        key: layout::agent(&offer.agent.version, target),
        path: place.next.clone(),
        pack: None,
        size: file.size,
        sha256: file.sha256,
        missing: "`stringless agent push` puts it there",
    };
    let fetched = fetch::file(object, &offer.sources, node.io)
        .map_err(|error| error.with_outcome(Outcome::Temporary))?;
    program::finish(&fetched, &place.next, &place.exe)?;
    write::sync_folder_of(&place.next)?;
    Ok(())
}

/// Keeps in mind what failed, and returns the warnings for the report.
fn remember(
    node: &Node<'_>,
    offer: &Offer,
    file: &AgentFile,
    mut record: Record,
    failure: Failure,
) -> Vec<String> {
    let version = offer.agent.version;
    let left = |reason: String| LeftAlone { version, sha256: file.sha256, reason, at: node.io.clock.now() };
    match failure {
        Failure::Passing(error) => {
            vec![warn(
                &error.prefix(&format!("installing agent {version}: ")).append("; the next run tries again"),
            )]
        }
        Failure::Unfit(reason) => {
            remove_staged();
            let text = format!("agent {version} is not installed, and left alone: {reason}");
            record.quarantined = Some(left(reason));
            let saved = record::save(&node.io.disk, &record);
            [Some(warn(&text)), saved.err().map(|error| warn(&error))].into_iter().flatten().collect()
        }
        Failure::Unwritable(reason) => {
            if record.unwritable.as_ref().is_some_and(|one| one.is(version, file)) {
                return Vec::new();
            }
            let text = format!(
                "agent {version} cannot be installed here: {reason}; the image must bring the new agent"
            );
            record.unwritable = Some(left(reason));
            let saved = record::save(&node.io.disk, &record);
            [Some(warn(&text)), saved.err().map(|error| warn(&error))].into_iter().flatten().collect()
        }
    }
}

fn remove_staged() {
    if let Ok(place) = Place::of_this_agent() {
        let _ = write::remove_file(&place.next);
    }
}

fn warn(text: &impl ToString) -> String {
    let text = text.to_string();
    log::warn(&text);
    text
}
