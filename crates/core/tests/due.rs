//! When an engine is due, and for which reason.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod support;

use stringless_core::hash::Sha256;
use stringless_core::manifest::{Apply, Engine, Failure, PuppetEngine};
use stringless_core::plan;
use stringless_core::plan::{Due, Reason};
use stringless_core::state::{Applied, Failed, Inputs, Release, State};
use stringless_core::time::Timestamp;
use support::*;

/// What the engine sees besides the release, if nothing of that kind is there.
const SAME: Inputs = Inputs { over: None, role: None };

fn release(serial: u64) -> Release {
    Release { environment: name("production"), serial, id: format!("{serial:016x}") }
}

fn applied(serial: u64, ok: bool) -> State {
    State {
        applied: Some(Applied { release: release(serial), at: now(), ok, over: None, role: None }),
        ..State::default()
    }
}

fn apply(reapply: Option<u64>, failure: Failure) -> Apply {
    Apply { engine: Engine::Puppet(PuppetEngine {}), timeout: 60, reapply, failure }
}

#[test]
fn an_engine_is_due_for_a_reason() {
    let due = |state: &State, serial, reapply, later, force| {
        let apply = apply(reapply, Failure::default());
        plan::due(state, Some(&release(7)), &release(serial), &apply, SAME, now().plus(later), force)
    };
    assert_eq!(due(&State::default(), 7, None, 0, false), Due::Run(Reason::NewRelease));
    assert_eq!(due(&applied(6, true), 7, None, 0, false), Due::Run(Reason::NewRelease));
    assert_eq!(due(&applied(7, false), 7, None, 0, false), Due::Run(Reason::Retry));
    assert_eq!(due(&applied(7, true), 7, None, 1 << 40, false), Due::Nothing);
    assert_eq!(due(&applied(7, true), 7, Some(100), 99, false), Due::Nothing);
    assert_eq!(due(&applied(7, true), 7, Some(100), 100, false), Due::Run(Reason::Reapply));
    assert_eq!(due(&applied(7, true), 7, None, 0, true), Due::Run(Reason::Forced));
    let earlier = Timestamp::from_seconds(now().seconds() - 1);
    let (state, often) = (applied(7, true), apply(Some(100), Failure::default()));
    let live = Some(release(7));
    assert_eq!(
        plan::due(&state, live.as_ref(), &release(7), &often, SAME, earlier, false),
        Due::Run(Reason::Reapply)
    );
    // If another release or none is live, the applied release is made live again.
    let once = apply(None, Failure::default());
    for live in [None, Some(release(6))] {
        let due = plan::due(&state, live.as_ref(), &release(7), &once, SAME, now(), false);
        assert_eq!(due, Due::Run(Reason::NewRelease));
    }
    // The same serial with other bytes, as after a rotation.
    let other = Release { id: "f".repeat(16), ..release(7) };
    let due = plan::due(&state, Some(&release(7)), &other, &once, SAME, now(), false);
    assert_eq!(due, Due::Run(Reason::NewRelease));
}

#[test]
fn a_release_is_quarantined_after_some_failed_tries() {
    let failing = |times| {
        let failed = Failed { release: release(8), times, at: now(), over: None, role: None };
        State { failed: [(name("production"), failed)].into(), ..applied(8, false) }
    };
    let policy = |quarantine| apply(None, Failure { tries: 2, quarantine, fall_back: false });
    let due = |times, quarantine, serial, later, force| {
        let live = release(8);
        let at = now().plus(later);
        plan::due(&failing(times), Some(&live), &release(serial), &policy(quarantine), SAME, at, force)
    };
    assert_eq!(due(1, Some(100), 8, 0, false), Due::Run(Reason::Retry));
    assert_eq!(due(2, Some(100), 8, 99, false), Due::Quarantined(Some(now().plus(100))));
    assert_eq!(due(2, Some(100), 8, 100, false), Due::Run(Reason::Retry));
    assert_eq!(due(2, None, 8, 1 << 40, false), Due::Quarantined(None));
    // A newer release, `--force`, or a clock that was set back ends the quarantine.
    assert_eq!(due(2, None, 9, 0, false), Due::Run(Reason::NewRelease));
    assert_eq!(due(2, None, 8, 0, true), Due::Run(Reason::Forced));
    let earlier = Timestamp::from_seconds(now().seconds() - 1);
    let again = plan::due(&failing(2), None, &release(8), &policy(Some(100)), SAME, earlier, false);
    assert_eq!(again, Due::Run(Reason::Retry));
}

#[test]
fn changed_modules_of_an_earlier_layer_make_a_later_one_due() {
    let [old, new] = [b"old", b"new"].map(|text| Some(Sha256::of(text)));
    let applied = |ok, over| {
        let applied = Applied { release: release(7), at: now(), ok, over, role: None };
        State { applied: Some(applied), ..State::default() }
    };
    let due = |state: &State, over, tries| {
        let apply = apply(None, Failure { tries, quarantine: None, fall_back: false });
        plan::due(state, Some(&release(7)), &release(7), &apply, Inputs { over, role: None }, now(), false)
    };
    assert_eq!(due(&applied(true, old), old, 1), Due::Nothing);
    assert_eq!(due(&applied(true, old), new, 1), Due::Run(Reason::NewModules));
    // The first earlier layer is added, and the last one is removed.
    assert_eq!(due(&applied(true, None), new, 1), Due::Run(Reason::NewModules));
    assert_eq!(due(&applied(true, old), None, 1), Due::Run(Reason::NewModules));
    // A release that failed with the old modules is tried with the new ones, but not again with the old ones.
    let failed = Failed { release: release(7), times: 1, at: now(), over: old, role: None };
    let state = State { failed: [(name("production"), failed)].into(), ..applied(false, old) };
    assert_eq!(due(&state, old, 1), Due::Quarantined(None));
    assert_eq!(due(&state, new, 1), Due::Run(Reason::NewModules));
}

#[test]
fn another_role_makes_a_release_due() {
    let [web, db] = [b"web", b"db_"].map(|text| Some(Sha256::of(text)));
    let applied = |ok, role| {
        let applied = Applied { release: release(7), at: now(), ok, over: None, role };
        State { applied: Some(applied), ..State::default() }
    };
    let due = |state: &State, role| {
        let apply = apply(None, Failure { tries: 1, quarantine: None, fall_back: false });
        let sees = Inputs { over: None, role };
        plan::due(state, Some(&release(7)), &release(7), &apply, sees, now(), false)
    };
    assert_eq!(due(&applied(true, web), web), Due::Nothing);
    for (old, new) in [(web, db), (None, web), (web, None)] {
        assert_eq!(due(&applied(true, old), new), Due::Run(Reason::NewRole));
        // A release that failed in one role is tried in another, but not again in the same one.
        let failed = Failed { release: release(7), times: 1, at: now(), over: None, role: old };
        let state = State { failed: [(name("production"), failed)].into(), ..applied(false, old) };
        assert_eq!(due(&state, old), Due::Quarantined(None));
        assert_eq!(due(&state, new), Due::Run(Reason::NewRole));
    }
}

#[test]
fn during_a_quarantine_the_last_good_release_is_applied() {
    let meanwhile = |state: &State, live: &Release, reapply, later| {
        let apply = apply(reapply, Failure::default());
        plan::due_meanwhile(state, Some(live), &release(7), &apply, now().plus(later))
    };
    assert_eq!(meanwhile(&applied(8, false), &release(8), None, 0), Some(Reason::FallBack));
    assert_eq!(meanwhile(&applied(7, true), &release(8), None, 0), Some(Reason::FallBack));
    assert_eq!(meanwhile(&applied(7, true), &release(7), None, 1 << 40), None);
    assert_eq!(meanwhile(&applied(7, true), &release(7), Some(100), 100), Some(Reason::Reapply));
    assert_eq!(meanwhile(&applied(7, false), &release(7), None, 0), None);
    assert_eq!(meanwhile(&applied(7, false), &release(7), None, 3600), Some(Reason::Reapply));
}
