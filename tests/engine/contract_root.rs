//! What an agent with `--root` promises: an engine that could change this machine is not run.

use std::fs;

use e2e::agent::{Node, Run};
use e2e::pair::Pair;
use serde_json::json;
use stringless_core::manifest::{Engine, Manifest, PuppetEngine, ScriptEngine};

use crate::report;

/// A release whose script leaves a mark, and says this about `--noop` and `--root`.
fn release(pair: &Pair, serial: u64, noop: bool, root: bool) -> Manifest {
    let script = pair.forge.script("echo \"root=$STRINGLESS_ROOT\"; echo ran >\"$OUT/mark\"");
    let mut manifest = pair.forge.manifest(serial, vec![script]);
    manifest.apply.engine = Engine::Script(ScriptEngine { run: "apply".into(), noop, root });
    pair.forge.publish(&manifest);
    manifest
}

/// Runs the agent; no script ran.
fn runs_nothing(pair: &Pair, args: &[&str], code: i32) -> Run {
    let run = pair.run(args).expect(code);
    assert_eq!(pair.node.read("mark"), None, "{}", run.err);
    run
}

#[test]
fn root() {
    let Some(pair) = Pair::converged() else { return };
    // Without the promise, the release is fetched and verified, but not applied and not live.
    release(&pair, 8, true, false);
    let run = runs_nothing(&pair, &["--once"], 64);
    let folder = pair.node.root().display();
    let said =
        format!("applying release 8: its script engine could change this machine, not only `{folder}`");
    assert!(run.err.contains(&said) && run.err.contains("hint: if the script changes only"), "{}", run.err);
    assert!(run.err.contains("root: true"), "{}", run.err);
    assert!(pair.live().starts_with("releases/7-"), "{}", pair.live());
    assert!(fs::read_dir(pair.state("layers/example/releases")).unwrap().count() == 2, "it is not staged");
    // It is no failure of the release: the next runs say the same, for ever.
    for _ in 0..4 {
        runs_nothing(&pair, &["--once", "--force"], 64);
    }
    let status = pair.run(&["status"]).expect(0).out;
    assert!(!status.contains("has failed"), "{status}");
    // A dry run verifies all of it, and runs nothing even if the script supports `--noop`.
    let run = runs_nothing(&pair, &["--once", "--noop", "--detailed-exitcodes"], 2);
    assert!(
        run.err.contains("noop: would run the engine of release 8; it is not run: with --root"),
        "{}",
        run.err
    );
    assert_eq!(report(&pair)["layers"][0]["engine_status"], json!(null));

    // With it, the script runs, and gets the folder.
    release(&pair, 9, false, true);
    assert_eq!(pair.run(&["--once"]).expect(0).out, format!("root={folder}\n"));
    assert_eq!(pair.node.read("mark").as_deref(), Some("ran\n"));
}

#[test]
fn root_is_not_for_puppet() {
    let Some(pair) = Pair::converged() else { return };
    let site = [e2e::forge::Entry::file("site.pp", 0o644, "notify { 'ran': }\n")];
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.pack("manifests", &site)]);
    manifest.apply.engine = Engine::Puppet(PuppetEngine {});
    pair.forge.publish(&manifest);
    // A program in the place of Puppet would say that it ran.
    pair.node.write("bin/puppet", "#!/bin/sh\n: >\"$OUT/mark\"\n");
    let run = runs_nothing(&pair, &["--once"], 64);
    assert!(run.err.contains("its puppet engine could change this machine"), "{}", run.err);
    assert!(
        run.err.contains(&format!("chroot {} stringless-agent --once", pair.node.root().display())),
        "{}",
        run.err
    );
    let run = runs_nothing(&pair, &["--once", "--noop"], 0);
    assert!(run.err.contains("would run the engine of release 8"), "{}", run.err);
}

#[test]
fn root_holds_for_the_last_good_release_too() {
    let Some(pair) = Pair::new() else { return };
    // An agent on this machine applied a release that makes no promise; then the state came to `--root`.
    let first = release(&pair, 7, false, false);
    let config = pair.forge.config(&pair.forge.url());
    let Some(machine) = Node::on_this_machine(&config) else { return };
    let _ = Run::of(machine.command(&["--once"]).env("OUT", pair.node.root())).expect(0);
    assert_eq!(pair.node.read("mark").as_deref(), Some("ran\n"));
    fs::remove_file(pair.node.root().join("mark")).unwrap();
    fs::create_dir_all(pair.node.root().join("var/lib")).unwrap();
    fs::rename(machine.root().join("var/lib/stringless"), pair.state("")).unwrap();

    let mut next = pair.forge.manifest(8, vec![pair.forge.script("exit 1")]);
    next.apply.failure.fall_back = true;
    pair.forge.publish(&next);
    let run = runs_nothing(&pair, &["--once"], 4);
    assert!(
        run.err.contains("release 8 is live: release 7, the last good one, could change this machine"),
        "{}",
        run.err
    );
    assert_eq!(first.serial, 7);
}

#[test]
fn the_root_of_the_machine_is_no_other_root() {
    let Some(pair) = Pair::new() else { return };
    release(&pair, 1, false, false);
    let Some(machine) = Node::on_this_machine(&pair.forge.config(&pair.forge.url())) else { return };
    for root in ["/", "//", "/proc/.."] {
        let mut command = machine.command(&["--once", "--force", "--root", root]);
        let run = Run::of(command.env("OUT", pair.node.root())).expect(0);
        assert_eq!(run.out, "root=\n", "{root}");
    }
}
