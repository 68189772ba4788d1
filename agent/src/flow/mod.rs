//! The run of one layer: check → fetch → verify → stage → apply → report. Read this file from the top.

pub mod floor;
pub mod run;
pub mod warnings;

pub use self::check::saved_offer;

mod check;
mod fallback;
mod heads;
mod known;
mod saved;
mod selection;
pub mod space;

use stringless_core::manifest::Manifest;
use stringless_core::plan::{self, Due, Reason};
use stringless_core::report::{LayerReport, Outcome};
use stringless_core::state::{Applied, Failed, Inputs, Release, State};

use self::run::{LayerRun, inputs, job, label, make_room, modules, releases_to_keep};
use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{is_folder, write};
use crate::error::{Error, Result};
use crate::flow::check::{Found, record_check};
use crate::flow::fallback::{fall_back, quarantined};
use crate::node::RoleMissing;
use crate::release::{self, Draft, Live, Staged};
use crate::upgrade::Offer;
use crate::{engine, fetch, log, signals};

/// Runs a layer. The report contains everything, including the error. Also returns the pin of its manifest.
pub fn run(run: &LayerRun<'_>) -> (LayerReport, Option<Offer>) {
    let (mut report, mut offer) = (blank(run), None);
    match attempt(run, &mut report, &mut offer) {
        Ok(outcome) => report.outcome = outcome,
        Err(error) => {
            log::error(&error);
            report.outcome = error.outcome;
            report.error = Some(error.to_string());
        }
    }
    report.live = run.disk.live();
    (report.requests, report.received) = run.io.traffic.take();
    (report, offer)
}

/// A report of nothing.
fn blank(run: &LayerRun<'_>) -> LayerReport {
    LayerReport {
        site: run.layer.site.clone(),
        environment: run.environment.clone(),
        outcome: Outcome::Converged,
        noop: run.args.noop,
        live: None,
        reason: None,
        requests: 0,
        received: 0,
        fetched: 0,
        error: None,
        engine_status: None,
        over: Vec::new(),
        output: String::new(),
        warnings: Vec::new(),
    }
}

/// Asks the stores of a layer, and verifies what they send, without changing anything. Returns the serial of the release
/// to follow.
///
/// # Errors
/// As a run.
pub fn probe(run: &LayerRun<'_>) -> Result<u64> {
    check::probe(run, &mut blank(run))
}

fn attempt(run: &LayerRun<'_>, report: &mut LayerReport, offer: &mut Option<Offer>) -> Result<Outcome> {
    signals::check()?;
    has_role(run)?;
    run.io.disk.make()?;
    run.disk.make()?;
    warn_on_error(release::clean_up(&run.io.disk, &run.disk), "cleaning up", report);
    let mut state = state(run, report)?;
    warnings::clock(run, report);
    let found = check::check(run, &mut state, report, offer)?;
    record_check(run, &found, report);
    warnings::expiry(run, &found, report);
    let (manifest, live, now) = (&found.manifest, run.disk.live(), run.io.clock.now());
    if manifest.retired {
        return Err(retired(run, manifest, live.as_ref()));
    }
    let (release, sees) = (Release::from_manifest(manifest), inputs(run, &modules(run, manifest)));
    match plan::due(&state, live.as_ref(), &release, &manifest.apply, sees, now, run.args.force) {
        Due::Nothing => {
            warnings::log_idle(run, &state, manifest);
            Ok(Outcome::Converged)
        }
        Due::Quarantined(until) => Err(quarantined(run, &found, state, until, report)?),
        Due::Run(reason) => install(run, &found, reason, state, report),
    }
}

/// A node whose role should come from a tag applies nothing before it has one.
fn has_role(run: &LayerRun<'_>) -> Result<()> {
    let Some(RoleMissing { tag, why, wrong, needs }) = &run.node.no_role else { return Ok(()) };
    let message = format!("finding the role of this node: reading the tag `{tag}`: {why}");
    let error = if *wrong { Error::configuration(message) } else { Error::temporary(message) };
    let needs = needs.clone().unwrap_or_else(|| format!("the tag `{tag}` with the name of its role"));
    Err(error.hint(format!("this machine needs {needs}")))
}

/// The error of a node whose environment has ended: the live release stays as it is.
fn retired(run: &LayerRun<'_>, manifest: &Manifest, live: Option<&Release>) -> Error {
    let live = live.map_or_else(
        || "nothing is live here".to_owned(),
        |live| format!("release {} stays live, and gets no more changes", live.serial),
    );
    let message =
        format!("following {}: the environment was retired at {}; {live}", label(run), manifest.created);
    Error::configuration(message).hint(
        "set `environment` of the layer in agent.json to one that is published, or remove this machine; `stringless publish` brings the environment back",
    )
}

/// Builds the release, makes it live and applies it.
fn install(
    run: &LayerRun<'_>,
    found: &Found,
    reason: Reason,
    state: State,
    report: &mut LayerReport,
) -> Result<Outcome> {
    let manifest = &found.manifest;
    report.reason = Some(reason.as_str().to_owned());
    log::info(format_args!("{}: release {} ({})", label(run), manifest.serial, reason.as_str()));
    // With `--noop`, never rebuild the live release.
    let rebuild = matches!(reason, Reason::Forced | Reason::Retry) && !run.args.noop;
    warn_on_error(make_room(run, &state, Some(manifest)), SWEEPING, report);
    let staged = stage(run, found, rebuild, report)?;
    if run.args.noop {
        return dry_run(run, manifest, &staged, report);
    }
    engine::root::check(&manifest.apply.engine, run.root, manifest.serial)?;
    let live = release::switch(staged, &run.disk)?;
    apply(run, found, &live, state, report)
}

/// Builds the release's folder. One of an earlier run is used as it is; with `rebuild`, a new one replaces it.
fn stage(run: &LayerRun<'_>, found: &Found, rebuild: bool, report: &mut LayerReport) -> Result<Staged> {
    let (manifest, release) = (&found.manifest, Release::from_manifest(&found.manifest));
    let path = run.disk.release(&release);
    if is_folder(&path) && !rebuild {
        return Ok(Staged { release, path });
    }
    let disk = &run.io.disk;
    space::check(manifest, &fetch::missing(&manifest.packs, disk)?, run.budget, disk)?;
    let draft = Draft::new(release, &run.disk)?;
    let unpacked = fetch::unpack(&manifest.packs, &draft.tree, &found.sources, run.io);
    // On a signal, the threads may still run: the next run cleans up.
    signals::check()?;
    match unpacked {
        Ok(fetched) => report.fetched = fetched,
        Err(error) => {
            draft.discard();
            return Err(error);
        }
    }
    reach(Checkpoint::PacksStaged);
    draft.finish(&found.document)
}

/// Turns the error of a clean-up into a warning. It must not block the next release; whether the disk has
/// enough space is checked separately.
fn warn_on_error(done: Result<()>, doing: &str, report: &mut LayerReport) {
    if let Err(error) = done {
        let text = format!("{doing}: {error}");
        log::warn(&text);
        report.warnings.push(text);
    }
}

/// Reads the state. A damaged state is renamed: the signed manifest on disk still protects against rollback,
/// and the run finds out everything else again.
fn state(run: &LayerRun<'_>, report: &mut LayerReport) -> Result<State> {
    let (mut state, damaged) = run.disk.state()?;
    if let Some(path) = damaged {
        // The oldest release on disk is the last good one: a newer one failed, or is not applied yet.
        let oldest = release::all(&run.disk, run.environment)?.into_iter().min_by_key(|found| found.serial);
        state.last_good.extend(oldest.map(|found| (found.environment.clone(), found)));
        let aside = path.with_extension("json.damaged");
        write::rename(&path, &aside)?;
        let text = format!(
            "{}: the state was damaged; moved to `{}`; the run continues without it",
            label(run),
            aside.display()
        );
        log::warn(&text);
        report.warnings.push(text);
    }
    Ok(state)
}

/// `--noop`: the engine shows what it would do. Nothing becomes live, and no run is recorded.
fn dry_run(
    run: &LayerRun<'_>,
    manifest: &Manifest,
    staged: &Staged,
    report: &mut LayerReport,
) -> Result<Outcome> {
    let modules = modules(run, manifest);
    report.over.clone_from(&modules.over);
    match engine::apply(&manifest.apply, &job(run, manifest, staged, &modules)) {
        Ok(applied) => {
            report.engine_status = applied.status;
            report.output = applied.output;
            Ok(if applied.changed { Outcome::Changed } else { Outcome::Converged })
        }
        Err(failed) => {
            report.engine_status = failed.status;
            report.output = failed.output;
            Err(failed.error)
        }
    }
}

fn apply(
    run: &LayerRun<'_>,
    found: &Found,
    live: &Live,
    mut state: State,
    report: &mut LayerReport,
) -> Result<Outcome> {
    let Live(staged) = live;
    let release = staged.release.clone();
    let modules = modules(run, &found.manifest);
    report.over.clone_from(&modules.over);
    record_start(run, &release, inputs(run, &modules), &mut state)?;
    let applied = match engine::apply(&found.manifest.apply, &job(run, &found.manifest, staged, &modules)) {
        Ok(applied) => applied,
        Err(failed) => {
            report.engine_status = failed.status;
            report.output = failed.output;
            // The agent ended the engine because of a signal, or could not start it for want of something: that is
            // not a failure of the release.
            if signals::stop_requested() || failed.error.outcome == Outcome::Temporary {
                uncount_try(run, &mut state)?;
                return Err(failed.error.append(format_args!("; release {} is live", release.serial)));
            }
            let after = fall_back(run, found, &release, state, report)?;
            return Err(failed.error.append(format_args!("; {after}")));
        }
    };
    report.engine_status = applied.status;
    report.output = applied.output;
    reach(Checkpoint::Applied);
    let keep: Vec<Release> = releases_to_keep(run, &state).chain([release.clone()]).collect();
    state.last_good.retain(|environment, _| *environment == run.layer.environment);
    state.last_good.insert(release.environment.clone(), release.clone());
    state.failed.remove(&release.environment);
    if let Some(applied) = &mut state.applied {
        applied.ok = true;
    }
    run.disk.save_state(&state)?;
    reach(Checkpoint::Recorded);
    warn_on_error(release::sweep(&keep, &[], &run.io.disk, &run.disk), SWEEPING, report);
    let what = if applied.changed { "changed" } else { "nothing to change" };
    log::info(format_args!("{}: release {} applied: {what}", label(run), release.serial));
    Ok(if applied.changed { Outcome::Changed } else { Outcome::Converged })
}

/// Records the run as failed before the engine starts. So an interrupted run is repeated, but a release that
/// crashes the machine is not tried forever.
fn record_start(run: &LayerRun<'_>, release: &Release, sees: Inputs, state: &mut State) -> Result<()> {
    let at = run.io.clock.now();
    let same = |failed: &&Failed| failed.release == *release && failed.saw() == sees;
    let before = state.failed.get(&release.environment).filter(same);
    let times = before.map_or(0, |failed| failed.times).saturating_add(1);
    let Inputs { over, role } = sees;
    let failed = Failed { release: release.clone(), times, at, over, role };
    state.failed.retain(|environment, _| *environment == run.layer.environment);
    state.failed.insert(release.environment.clone(), failed);
    state.applied = Some(Applied { release: release.clone(), at, ok: false, over, role });
    run.disk.save_state(state)?;
    reach(Checkpoint::Started);
    Ok(())
}

fn uncount_try(run: &LayerRun<'_>, state: &mut State) -> Result<()> {
    if let Some(failed) = state.failed.get_mut(run.environment) {
        failed.times -= 1;
        if failed.times == 0 {
            state.failed.remove(run.environment);
        }
    }
    run.disk.save_state(state)
}

const SWEEPING: &str = "removing old releases and packs";
