//! One layer's run: check → fetch → verify → stage → apply → report, read from the top.

use agent_core::config::Layer;
use agent_core::hash::Sha256;
use agent_core::layout;
use agent_core::manifest::Manifest;
use agent_core::name::Name;
use agent_core::outcome::{Ending, LayerReport};
use agent_core::plan::{self, Floor, Reason};
use agent_core::refusal::Refusal;
use agent_core::state::{Applied, Release, Seen, State};
use agent_core::verify::{self, Verified};
use agent_core::version::Version;

use crate::args::Args;
use crate::checkpoint::{Checkpoint, reach};
use crate::disk::LayerDisk;
use crate::engine::{self, Job};
use crate::error::{Error, Result};
use crate::fetch;
use crate::io::Io;
use crate::log;
use crate::release::{self, Live, Staged};
use crate::source::Source;
use crate::stop;
use crate::trust::InUse;

/// A layer with what its run needs.
pub struct Run<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// The environment: the layer's, or that of the command line.
    pub environment: &'a Name,
    /// Its part of the state folder.
    pub disk: LayerDisk,
    /// This node.
    pub node: &'a str,
    /// The command line.
    pub args: &'a Args,
    /// For the engine's downloads: the proxy, and what is reached without.
    pub proxy: Option<(&'a str, &'a str)>,
    /// Network, clock and disk.
    pub io: &'a Io,
}

/// Runs a layer; the report tells everything, the error included.
pub fn run(run: &Run<'_>) -> LayerReport {
    let mut report = LayerReport {
        site: run.layer.site.clone(),
        environment: run.environment.clone(),
        ending: Ending::Converged,
        live: None,
        reason: None,
        requests: 0,
        received: 0,
        fetched: 0,
        error: None,
        engine_status: None,
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
    run.disk.make()?;
    let mut state = run.disk.state()?;
    let source = source(run)?;
    let head = check(run, &source, &mut state, report)?;
    let now = run.io.clock.now();
    if let Err(error) = run.disk.keep_checked(now) {
        report.warnings.push(error.to_string());
    }
    let release = Release::of(&head);
    let live = run.disk.live();
    let due = plan::due(&state, live.as_ref(), &release, head.apply.reapply, now, run.args.force);
    let Some(reason) = due else { return Ok(Ending::Converged) };
    report.reason = Some(reason.as_str().to_owned());
    log::info(format_args!("{}: release {} ({})", label(run), release.serial, reason.as_str()));
    make_room(run, &state, &head)?;
    report.fetched = fetch::stage(&head.packs, &source, run.io)?;
    reach(Checkpoint::PacksStaged);
    stop::check()?;
    let anew = matches!(reason, Reason::Forced | Reason::Retry);
    let staged = release::stage(&head, anew, &run.io.disk, &run.disk)?;
    if run.args.noop {
        return look(run, &head, &staged, report);
    }
    let live = release::switch(staged, &run.disk)?;
    apply(run, &head, &live, state, report)
}

/// The first store: asking several at once comes with the freshest-manifest rule.
fn source<'a>(run: &Run<'a>) -> Result<Source<'a>> {
    let first = run.layer.stores.first();
    let settings = first.ok_or_else(|| Error::configuration("stores: at least one is needed"))?;
    Source::new(settings, run.io)
}

/// The manifest to follow: the store's, verified and admitted, or the one kept from before when the
/// store says that nothing is new. State is written only after every check holds.
fn check(
    run: &Run<'_>,
    source: &Source<'_>,
    state: &mut State,
    report: &mut LayerReport,
) -> Result<Verified<Manifest>> {
    let site = &run.layer.site;
    let mut trust = InUse::load(&run.layer.trust, site, &run.disk)?;
    let kept = kept(run, state, &trust, source.name);
    let whole = kept.is_some();
    let etag = kept.as_ref().and_then(|(_, seen)| seen.etag.as_deref());
    let key = layout::manifest(run.environment);
    let Some((bytes, etag)) = source.document(&key, etag)? else {
        let (manifest, _) = kept.ok_or_else(|| Error::temporary("the store answered 304 to no condition"))?;
        warn_of_expiry(run, &manifest, &trust, report);
        return Ok(manifest);
    };
    let what = format!("`{key}` from `{}`", source.name);
    let refused = |refusal: Refusal| Error::refused(&what, &refusal);
    let seen = state.seen.get(run.environment);
    let known = seen.map_or(0, |seen| seen.trust_version);
    let manifest = match verify::manifest(&bytes, &trust.keys, site, run.environment) {
        Ok(manifest) if manifest.trust_version.max(known) <= trust.keys.version => manifest,
        Err(refusal) if !matches!(refusal, Refusal::Signatures { .. }) => return Err(refused(refusal)),
        first => {
            // Signed by keys that this node does not know yet, or naming a newer trust.
            if trust.walk(source, site, &run.disk)? {
                verify::manifest(&bytes, &trust.keys, site, run.environment).map_err(refused)?
            } else {
                first.map_err(refused)?
            }
        }
    };
    let floor = Floor {
        seen,
        bootstrap: if *run.environment == run.layer.environment { run.layer.min_serial } else { 0 },
        bootstrap_version: run.layer.trust.version,
        trust: trust.min_serial(run.environment),
        trust_version: trust.keys.version,
        trust_expires: trust.expires(),
        agent: this_version()?,
        now: run.io.clock.now(),
    };
    plan::admit(&manifest, &floor).map_err(refused)?;
    let seen = Seen {
        serial: manifest.serial,
        trust_version: trust.keys.version,
        sha256: manifest.sha256(),
        store: source.name.to_owned(),
        etag,
    };
    if !whole || state.seen.get(run.environment) != Some(&seen) {
        // A disk that a failed release has filled is to take the one that mends it.
        if keep(run, state, seen.clone(), &bytes).is_err() {
            make_room(run, state, &manifest)?;
            keep(run, state, seen, &bytes)?;
        }
    }
    warn_of_expiry(run, &manifest, &trust, report);
    Ok(manifest)
}

/// The manifest of the last accepted check, verified anew, with what the state says of it: only when
/// all of it fits together may the store be asked whether it still holds.
fn kept<'s>(
    run: &Run<'_>,
    state: &'s State,
    trust: &InUse,
    store: &str,
) -> Option<(Verified<Manifest>, Seen)> {
    let seen: &'s Seen = state.seen.get(run.environment)?;
    let bytes = run.disk.manifest(run.environment).ok()??;
    let whole = seen.sha256 == Sha256::of(&bytes) && seen.store == store;
    let same_trust = seen.trust_version == trust.keys.version;
    let manifest = verify::manifest(&bytes, &trust.keys, &run.layer.site, run.environment).ok()?;
    (whole && same_trust).then(|| (manifest, seen.clone()))
}

fn keep(run: &Run<'_>, state: &mut State, seen: Seen, bytes: &[u8]) -> Result<()> {
    run.disk.keep_manifest(run.environment, bytes)?;
    reach(Checkpoint::ManifestKept);
    state.seen.insert(run.environment.clone(), seen);
    run.disk.keep_state(state)?;
    reach(Checkpoint::Admitted);
    Ok(())
}

/// `--noop`: the engine looks at the release; nothing becomes live, and no run is recorded.
fn look(run: &Run<'_>, head: &Manifest, staged: &Staged, report: &mut LayerReport) -> Result<Ending> {
    match engine::apply(&head.apply, &job(run, staged)) {
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
    head: &Manifest,
    live: &Live,
    mut state: State,
    report: &mut LayerReport,
) -> Result<Ending> {
    let Live(staged) = live;
    let release = staged.release.clone();
    // Written before the engine starts, as not done: a run that is cut off is tried again.
    state.applied = Some(Applied { release: release.clone(), at: run.io.clock.now(), ok: false });
    run.disk.keep_state(&state)?;
    reach(Checkpoint::Started);
    let applied = match engine::apply(&head.apply, &job(run, staged)) {
        Ok(applied) => applied,
        Err(failed) => {
            report.engine_status = failed.status;
            report.output = failed.output;
            return Err(failed.error.and(format_args!("; release {} is live", release.serial)));
        }
    };
    report.engine_status = applied.status;
    report.output = applied.output;
    reach(Checkpoint::Applied);
    let keep: Vec<Release> = kept_releases(run, &state).chain([release.clone()]).collect();
    state.last_good.retain(|environment, _| *environment == run.layer.environment);
    state.last_good.insert(release.environment.clone(), release.clone());
    if let Some(applied) = &mut state.applied {
        applied.ok = true;
    }
    run.disk.keep_state(&state)?;
    reach(Checkpoint::Recorded);
    if let Err(error) = release::sweep(&keep, &[], &run.io.disk, &run.disk) {
        report.warnings.push(format!("sweeping what is no longer needed: {error}"));
    }
    let what = if applied.changed { "changed" } else { "nothing to change" };
    log::info(format_args!("{}: release {} applied: {what}", label(run), release.serial));
    Ok(if applied.changed { Ending::Changed } else { Ending::Converged })
}

/// The releases that stay: the last good ones of this run's environment and of the node's own.
fn kept_releases<'s>(run: &Run<'_>, state: &'s State) -> impl Iterator<Item = Release> + use<'s> {
    let own = state.last_good.get(&run.layer.environment);
    own.into_iter().chain(state.last_good.get(run.environment)).cloned()
}

/// Sweeps all but what runs, what ran well, and what `next` is made of.
fn make_room(run: &Run<'_>, state: &State, next: &Verified<Manifest>) -> Result<()> {
    let keep = kept_releases(run, state).chain(run.disk.live()).chain([Release::of(next)]);
    release::sweep(&keep.collect::<Vec<_>>(), &next.packs, &run.io.disk, &run.disk)
}

fn job<'a>(run: &Run<'a>, staged: &'a Staged) -> Job<'a> {
    Job {
        site: &run.layer.site,
        release: &staged.release,
        path: &staged.path,
        node: run.node,
        noop: run.args.noop,
        json: run.args.json,
        record: run.io.disk.file(engine::survivor::FILE),
        proxy: run.proxy,
    }
}

/// Expiry never stops what runs; it is announced before it comes, and said when it has come.
fn warn_of_expiry(run: &Run<'_>, manifest: &Manifest, trust: &InUse, report: &mut LayerReport) {
    let now = run.io.clock.now();
    for (what, expires) in [("the manifest", manifest.expires), ("the trust", trust.expires())] {
        let Some(expires) = expires.filter(|expires| now.plus(SOON) >= *expires) else { continue };
        let text = format!("{}: {what} expires at {expires}: `stringless publish` renews it", label(run));
        log::warn(&text);
        report.warnings.push(text);
    }
}

fn this_version() -> Result<Version> {
    Version::parse(env!("CARGO_PKG_VERSION")).map_err(|error| Error::configuration(error.to_string()))
}

fn label(run: &Run<'_>) -> String {
    format!("{}/{}", run.layer.site, run.environment)
}

/// Seconds before an expiry from which on it is announced: three days.
const SOON: u64 = 3 * 86_400;
