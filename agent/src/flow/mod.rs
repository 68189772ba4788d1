//! One layer's run: check → fetch → verify → stage → apply → report, read from the top.

pub mod check;
pub mod fallback;
pub mod run;
pub mod selection;
pub mod space;
pub mod warnings;

use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::plan::{self, Due, Reason};
use stringless_core::report::{Ending, LayerReport};
use stringless_core::state::{Applied, Failed, Release, State};

use self::run::{Run, job, kept_releases, label, make_room, modules};
use crate::checkpoint::{Checkpoint, reach};
use crate::disk::{is_folder, write};
use crate::error::Result;
use crate::flow::check::{Head, vouch};
use crate::flow::fallback::{fall_back, quarantined};
use crate::release::{self, Live, Staged};
use crate::{engine, fetch, log, signals};

/// Runs a layer; the report tells everything, the error included.
pub fn run(run: &Run<'_>) -> LayerReport {
    let mut report = LayerReport {
        site: run.layer.site.clone(),
        environment: run.environment.clone(),
        ending: Ending::Converged,
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
    };
    match attempt(run, &mut report) {
        Ok(ending) => report.ending = ending,
        Err(error) => {
            log::error(&error);
            report.ending = error.ending;
            report.error = Some(error.to_string());
        }
    }
    report.live = run.disk.live();
    (report.requests, report.received) = run.io.traffic.take();
    report
}

fn attempt(run: &Run<'_>, report: &mut LayerReport) -> Result<Ending> {
    signals::check()?;
    run.io.disk.make()?;
    run.disk.make()?;
    unhindered(release::tidy(&run.io.disk, &run.disk), "tidying up", report);
    let mut state = state(run, report)?;
    warnings::clock(run, report);
    let head = check::check(run, &mut state, report)?;
    vouch(run, &head, report);
    warnings::expiry(run, &head, report);
    let (manifest, live, now) = (&head.manifest, run.disk.live(), run.io.clock.now());
    let (release, over) = (Release::of(manifest), modules(run, manifest).id);
    match plan::due(&state, live.as_ref(), &release, &manifest.apply, over, now, run.args.force) {
        Due::Nothing => Ok(Ending::Converged),
        Due::Quarantined(until) => Err(quarantined(run, &head, state, until, report)?),
        Due::Run(reason) => install(run, &head, reason, state, report),
    }
}

/// Fetches what is missing of the release, builds it, makes it live and applies it.
fn install(
    run: &Run<'_>,
    head: &Head,
    reason: Reason,
    state: State,
    report: &mut LayerReport,
) -> Result<Ending> {
    let manifest = &head.manifest;
    report.reason = Some(reason.as_str().to_owned());
    log::info(format_args!("{}: release {} ({})", label(run), manifest.serial, reason.as_str()));
    // What only looks does not touch what is live.
    let anew = matches!(reason, Reason::Forced | Reason::Retry) && !run.args.noop;
    unhindered(make_room(run, &state, Some(manifest)), SWEEPING, report);
    let missing = fetch::missing(&manifest.packs, run.io);
    let fresh = anew || !is_folder(&run.disk.release(&Release::of(manifest)));
    space::check(manifest, &missing, fresh, run.budget, &run.io.disk)?;
    report.fetched = fetch::stage(missing, &head.sources, run.io)?;
    reach(Checkpoint::PacksStaged);
    signals::check()?;
    let staged = release::stage(manifest, &head.document, anew, &run.io.disk, &run.disk)?;
    if run.args.noop {
        return look(run, manifest, &staged, report);
    }
    let live = release::switch(staged, &run.disk)?;
    apply(run, head, &live, state, report)
}

/// What cannot be removed is said, and keeps no node from its next release: whether there is room without
/// that is another question.
fn unhindered(done: Result<()>, doing: &str, report: &mut LayerReport) {
    if let Err(error) = done {
        let text = format!("{doing}: {error}");
        log::warn(&text);
        report.warnings.push(text);
    }
}

/// What the node remembers. A damaged state is put aside: what guards against rollback is on disk in
/// signed form, and all else is found out anew.
fn state(run: &Run<'_>, report: &mut LayerReport) -> Result<State> {
    let (mut state, damaged) = run.disk.state()?;
    if let Some(path) = damaged {
        // Of what is kept, the oldest is the last good one: a newer one is on its way, or has failed.
        let oldest = release::all(&run.disk, run.environment)?.into_iter().min_by_key(|found| found.serial);
        state.last_good.extend(oldest.map(|found| (found.environment.clone(), found)));
        let aside = path.with_extension("json.damaged");
        write::rename(&path, &aside)?;
        let text = format!(
            "{}: the state was damaged and is put aside as `{}`; the run goes on without it",
            label(run),
            aside.display()
        );
        log::warn(&text);
        report.warnings.push(text);
    }
    Ok(state)
}

/// `--noop`: the engine looks at the release; nothing becomes live, and no run is recorded.
fn look(run: &Run<'_>, head: &Manifest, staged: &Staged, report: &mut LayerReport) -> Result<Ending> {
    let modules = modules(run, head);
    report.over.clone_from(&modules.over);
    match engine::apply(&head.apply, &job(run, staged, &modules)) {
        Ok(applied) => {
            report.engine_status = applied.status;
            report.output = applied.output;
            Ok(if applied.changed { Ending::Changed } else { Ending::Converged })
        }
        Err(failed) => {
            report.engine_status = failed.status;
            report.output = failed.output;
            Err(failed.error)
        }
    }
}

fn apply(
    run: &Run<'_>,
    head: &Head,
    live: &Live,
    mut state: State,
    report: &mut LayerReport,
) -> Result<Ending> {
    let Live(staged) = live;
    let release = staged.release.clone();
    let modules = modules(run, &head.manifest);
    report.over.clone_from(&modules.over);
    begin(run, &release, modules.id, &mut state)?;
    let applied = match engine::apply(&head.manifest.apply, &job(run, staged, &modules)) {
        Ok(applied) => applied,
        Err(failed) => {
            report.engine_status = failed.status;
            report.output = failed.output;
            // Ended by us on the way down, it has not failed.
            if signals::asked() {
                uncount(run, &mut state)?;
                return Err(failed.error.and(format_args!("; release {} is live", release.serial)));
            }
            let after = fall_back(run, head, &release, state, report)?;
            return Err(failed.error.and(format_args!("; {after}")));
        }
    };
    report.engine_status = applied.status;
    report.output = applied.output;
    reach(Checkpoint::Applied);
    let keep: Vec<Release> = kept_releases(run, &state).chain([release.clone()]).collect();
    state.last_good.retain(|environment, _| *environment == run.layer.environment);
    state.last_good.insert(release.environment.clone(), release.clone());
    state.failed.remove(&release.environment);
    if let Some(applied) = &mut state.applied {
        applied.ok = true;
    }
    run.disk.keep_state(&state)?;
    reach(Checkpoint::Recorded);
    unhindered(release::sweep(&keep, &[], &run.io.disk, &run.disk), SWEEPING, report);
    let what = if applied.changed { "changed" } else { "nothing to change" };
    log::info(format_args!("{}: release {} applied: {what}", label(run), release.serial));
    Ok(if applied.changed { Ending::Changed } else { Ending::Converged })
}

/// Written before the engine starts, as failed and not done: a run that is cut off is tried again, and a
/// release that takes the machine down with it is not tried for ever.
fn begin(run: &Run<'_>, release: &Release, over: Option<Sha256>, state: &mut State) -> Result<()> {
    let at = run.io.clock.now();
    let same = |failed: &&Failed| failed.release == *release && failed.over == over;
    let before = state.failed.get(&release.environment).filter(same);
    let times = before.map_or(0, |failed| failed.times).saturating_add(1);
    let failed = Failed { release: release.clone(), times, at, over };
    state.failed.retain(|environment, _| *environment == run.layer.environment);
    state.failed.insert(release.environment.clone(), failed);
    state.applied = Some(Applied { release: release.clone(), at, ok: false, over });
    run.disk.keep_state(state)?;
    reach(Checkpoint::Started);
    Ok(())
}

fn uncount(run: &Run<'_>, state: &mut State) -> Result<()> {
    if let Some(failed) = state.failed.get_mut(run.environment) {
        failed.times -= 1;
        if failed.times == 0 {
            state.failed.remove(run.environment);
        }
    }
    run.disk.keep_state(state)
}

const SWEEPING: &str = "sweeping what is no longer needed";
