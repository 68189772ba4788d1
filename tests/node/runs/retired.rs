//! A node whose environment ends: it keeps what it runs, and says so, until the environment comes back.

use serde_json::Value;
use stringless_core::manifest::Manifest;

use crate::runs::Pair;

#[test]
fn a_retired_environment_is_reported_and_changes_nothing() {
    let Some(pair) = Pair::converged() else { return };
    let end = Manifest { retired: true, ..pair.forge.manifest(8, Vec::new()) };
    pair.forge.publish(&end);
    for args in [&["--once"][..], &["--once", "--force"], &["--once", "--noop"]] {
        let run = pair.run(args).expect(78);
        let words = "following example/production: the environment was retired at 2026-11-20T18:00:00Z; release 7 \
                     stays live, and gets no more changes";
        assert!(run.err.contains(words) && run.err.contains("hint: set `environment`"), "{}", run.err);
        pair.goes_on();
    }
    let status: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    assert!(status.to_string().contains("was retired"), "{status}");

    // The end is a release: an older one does not follow it, a newer one does.
    pair.forge.release(7, "seven");
    pair.refuses("rollback");
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("nine\n"));
}

#[test]
fn a_retired_environment_on_a_new_node() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.publish(&Manifest { retired: true, ..pair.forge.manifest(8, Vec::new()) });
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("was retired") && run.err.contains("nothing is live here"), "{}", run.err);
}
