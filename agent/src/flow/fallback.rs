//! After a failed release: puts it into quarantine, and applies the last good release again if the site wants
//! that.

use stringless_core::count::count;
use stringless_core::manifest::Manifest;
use stringless_core::plan;
use stringless_core::report::LayerReport;
use stringless_core::state::{Applied, Inputs, Release, State};
use stringless_core::time::Timestamp;
use stringless_core::verify::{self, Verified};

use crate::checkpoint::{Checkpoint, reach};
use crate::error::{Error, Result};
use crate::flow::check::Found;
use crate::flow::run::{LayerRun, inputs, job, label, modules};
use crate::release::{self, Live, Staged};
use crate::{engine, log, signals};

/// Falls back after a failed run of `bad`, if the site wants that. Returns a text that says which release is
/// live.
///
/// # Errors
/// Temporary: the disk.
pub fn fall_back(
    run: &LayerRun<'_>,
    found: &Found,
    bad: &Release,
    state: State,
    report: &mut LayerReport,
) -> Result<String> {
    let stays = format!("release {} is live", bad.serial);
    if !found.manifest.apply.failure.fall_back {
        return Ok(stays);
    }
    match last_good(run, found, bad, &state) {
        Ok((staged, manifest)) => apply_last_good(run, staged, &manifest, state, report),
        Err(why) => Ok(format!("{stays}: {why}")),
    }
}

/// Handles a release that is in quarantine: applies the last good one if that is due. Returns the error to
/// report.
///
/// # Errors
/// Temporary: the disk.
pub fn quarantined(
    run: &LayerRun<'_>,
    found: &Found,
    state: State,
    until: Option<Timestamp>,
    report: &mut LayerReport,
) -> Result<Error> {
    let bad = Release::from_manifest(&found.manifest);
    let times = state.failed.get(run.environment).map_or(0, |failed| failed.times);
    let end = until.map_or_else(|| "there is a newer one".to_owned(), |until| until.to_string());
    let mut text =
        format!("release {} failed {} and is left alone until {end}", bad.serial, count(times, "time"));
    let asked = found.manifest.apply.failure.fall_back && !run.args.noop;
    let (good, lack) = match last_good(run, found, &bad, &state) {
        Ok(good) => (Some(good).filter(|_| asked), String::new()),
        Err(why) => (None, if asked { format!(": {why}") } else { String::new() }),
    };
    let live = run.disk.live();
    let due = good.and_then(|(staged, manifest)| {
        let now = run.io.clock.now();
        let reason = plan::due_meanwhile(&state, live.as_ref(), &staged.release, &manifest.apply, now)?;
        Some((staged, manifest, reason))
    });
    let after = match due {
        Some((staged, manifest, reason)) => {
            report.reason = Some(reason.as_str().to_owned());
            apply_last_good(run, staged, &manifest, state, report)?
        }
        None => {
            let live = live.map_or("none is".to_owned(), |live| format!("release {} is", live.serial));
            format!("{live} live{lack}")
        }
    };
    text = format!("{text}; {after}");
    Ok(Error::engine(text)
        .hint("publish a newer release; or repair the node and run `stringless-agent --once --force`"))
}

/// Makes the last good release live and applies it.
fn apply_last_good(
    run: &LayerRun<'_>,
    staged: Staged,
    manifest: &Manifest,
    mut state: State,
    report: &mut LayerReport,
) -> Result<String> {
    let serial = staged.release.serial;
    reach(Checkpoint::FallingBack);
    log::info(format_args!("{}: release {serial}, the last good one, is applied again", label(run)));
    let Live(staged) = release::switch(staged, &run.disk)?;
    let at = run.io.clock.now();
    let modules = modules(run, manifest);
    report.over.clone_from(&modules.over);
    let applied = engine::apply(&manifest.apply, &job(run, manifest, &staged, &modules));
    reach(Checkpoint::Applied);
    // Saved only after the engine has ended: an interrupted run is not a failed one, so the next run repeats
    // it.
    if applied.is_ok() || !signals::stop_requested() {
        let Inputs { over, role } = inputs(run, &modules);
        state.applied =
            Some(Applied { release: staged.release.clone(), at, ok: applied.is_ok(), over, role });
        run.disk.save_state(&state)?;
        reach(Checkpoint::Recorded);
    }
    match applied {
        Ok(_) => Ok(format!("release {serial} is live again")),
        Err(failed) => {
            if report.output.is_empty() {
                report.output = failed.output;
            }
            Ok(format!("release {serial} is live again, but it failed too: {}", failed.error))
        }
    }
}

/// The last good release, if its manifest is valid under the current trust. So a release that a stolen key
/// signed does not come back after a rotation removed that key.
fn last_good(
    run: &LayerRun<'_>,
    found: &Found,
    bad: &Release,
    state: &State,
) -> std::result::Result<(Staged, Verified<Manifest>), String> {
    let good = state.last_good.get(run.environment).filter(|good| *good != bad);
    let good = good.ok_or("no other release was ever good here")?;
    let gone = || format!("release {}, the last good one, is no longer on disk", good.serial);
    let (staged, document) = release::find(good, &run.disk).ok_or_else(gone)?;
    let manifest = verify::manifest(&document, &found.trust.keys, &run.layer.site, run.environment);
    let manifest = manifest
        .map_err(|why| format!("release {}, the last good one, is not trusted now: {why}", good.serial))?;
    let lowest = found.trust.min_serial(run.environment);
    if manifest.serial < lowest {
        return Err(format!(
            "release {}, the last good one, is below {lowest}, the lowest allowed",
            good.serial
        ));
    }
    if Release::from_manifest(&manifest) != *good {
        return Err(format!("release {} has another manifest", good.serial));
    }
    if !engine::root::keeps_to(&manifest.apply.engine, run.root) {
        return Err(format!("release {}, the last good one, could change this machine", good.serial));
    }
    Ok((staged, manifest))
}
