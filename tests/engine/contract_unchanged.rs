//! A script says that it changed nothing, and looks without changing anything: the sections *Nothing changed*
//! and *Noop* of `docs/guides/apply-script.md`.

use std::fs;

use e2e::agent::Node;
use e2e::netns::Net;
use e2e::pair::Pair;
use e2e::site::Site;
use e2e::tools;
use serde_json::{Value, json};
use stringless_core::manifest::{Engine, Failure, Manifest, ScriptEngine};

use crate::{kept_output, report};

const DETAILED: [&str; 2] = ["--once", "--detailed-exitcodes"];
const LOOK: [&str; 3] = ["--once", "--noop", "--detailed-exitcodes"];

/// A release whose script supports `--noop`.
fn looking(pair: &Pair, serial: u64, script: &str) -> Manifest {
    let mut manifest = pair.forge.manifest(serial, vec![pair.forge.script(script)]);
    manifest.apply.engine = Engine::Script(ScriptEngine { run: "apply".into(), noop: true, root: true });
    manifest
}

/// What the node remembers of its runs.
fn remembered(pair: &Pair) -> [Value; 3] {
    let text = fs::read_to_string(pair.state("layers/example/state.json")).unwrap();
    let state: Value = serde_json::from_str(&text).unwrap();
    ["applied", "failed", "last_good"].map(|key| state[key].clone())
}

#[test]
fn nothing_changed_is_said_by_the_last_line() {
    let Some(pair) = Pair::converged() else { return };
    let said = [
        "echo 'stringless: unchanged'",
        "echo looked; printf 'stringless: unchanged'",
        "echo looked; echo 'stringless: unchanged' >&2",
        "head -c 100000 /dev/zero | tr '\\0' '\\n'; echo 'stringless: unchanged'",
    ];
    for (serial, script) in (8..).zip(said) {
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(script)]));
        let run = pair.run(&DETAILED).expect(0);
        assert!(run.err.contains(&format!("release {serial} applied: nothing to change")), "{}", run.err);
        let report = report(&pair);
        assert_eq!((&report["outcome"], &report["exit_code"]), (&json!("converged"), &json!(0)), "{script}");
        let layer = &report["layers"][0];
        assert_eq!(
            (&layer["outcome"], &layer["engine_status"]),
            (&json!("converged"), &json!(0)),
            "{script}"
        );
        assert_eq!(layer.get("noop"), None);
        assert!(kept_output(&pair).trim_end().ends_with("stringless: unchanged"));
        // The release is applied as any other.
        assert_eq!(remembered(&pair)[2]["production"]["serial"], json!(serial));
        assert!(pair.live().starts_with(&format!("releases/{serial}-")), "{}", pair.live());
    }
}

#[test]
fn nothing_changed_is_not_assumed() {
    let Some(pair) = Pair::converged() else { return };
    let other = [
        ":",
        "echo done",
        "echo 'stringless: unchanged'; echo but",
        "echo 'stringless: unchanged'; echo",
        "echo 'file: stringless: unchanged'",
        "printf 'stringless: '; echo unchanged.",
    ];
    for (serial, script) in (8..).zip(other) {
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(script)]));
        let run = pair.run(&DETAILED).expect(2);
        assert!(run.err.contains(&format!("release {serial} applied: changed")), "{}", run.err);
        let report = report(&pair);
        assert_eq!((&report["outcome"], &report["exit_code"]), (&json!("changed"), &json!(2)), "{script}");
    }
    // Without the flag the exit code is 0 in both cases.
    pair.run(&["--once", "--force"]).expect(0);
}

#[test]
fn nothing_changed_makes_no_success_of_a_failure() {
    let Some(pair) = Pair::converged() else { return };
    let script = "echo 'stringless: unchanged'; exit 1";
    pair.forge.publish(&looking(&pair, 8, script));
    for args in [&DETAILED[..], &LOOK] {
        let run = pair.run(args).expect(4);
        assert!(run.err.contains("ended with status 1"), "{}", run.err);
        assert_eq!(report(&pair)["outcome"], "engine_failed");
    }
}

#[test]
fn noop_does_not_run_a_script_that_knows_nothing_of_it() {
    let Some(pair) = Pair::converged() else { return };
    let before = remembered(&pair);
    pair.forge.release(8, "eight");
    // Nobody knows what the script would do: it may change something.
    let run = pair.run(&LOOK).expect(2);
    assert!(run.err.contains("noop: would run `apply` of release 8; it is not run"), "{}", run.err);
    assert_eq!((run.out.as_str(), pair.applied().as_deref()), ("", Some("seven\n")));
    assert_eq!((remembered(&pair), pair.live().starts_with("releases/7-")), (before, true));
    let report = report(&pair);
    let layer = &report["layers"][0];
    assert_eq!((&layer["noop"], &layer["live"]["serial"]), (&json!(true), &json!(7)), "{report}");
    assert_eq!((&layer["engine_status"], &layer["output"]), (&json!(null), &json!("")));
}

#[test]
fn noop_runs_a_script_that_supports_it() {
    let Some(pair) = Pair::converged() else { return };
    let before = remembered(&pair);
    let script = "echo \"noop=$STRINGLESS_NOOP serial=$STRINGLESS_SERIAL\"; pwd -P; cat \"$OUT/mood\"
        if test \"$STRINGLESS_NOOP\" != 1; then echo eight >\"$OUT/applied\"; fi";
    pair.forge.publish(&looking(&pair, 8, script));
    for (mood, code, outcome) in [("would", 2, "changed"), ("stringless: unchanged", 0, "converged")] {
        pair.node.write("mood", &format!("{mood}\n"));
        let run = pair.run(&LOOK).expect(code);
        // It runs in the folder of the new release, while the old one is live.
        assert!(run.out.starts_with("noop=1 serial=8\n"), "{}", run.out);
        assert!(run.out.contains("/layers/example/releases/8-"), "{}", run.out);
        assert!(pair.live().starts_with("releases/7-"), "{}", pair.live());
        assert_eq!((remembered(&pair), pair.applied().as_deref()), (before.clone(), Some("seven\n")));
        let report = report(&pair);
        let layer = &report["layers"][0];
        assert_eq!((&report["exit_code"], &layer["outcome"]), (&json!(code), &json!(outcome)), "{report}");
        assert_eq!((&layer["noop"], &layer["live"]["serial"]), (&json!(true), &json!(7)), "{report}");
        let status = pair.run(&["status"]).expect(0).out;
        assert!(status.contains("example: run with --noop, so nothing was applied"), "{status}");
    }
    pair.node.write("mood", "\n");
    let run = pair.run(&DETAILED).expect(2);
    assert!(run.out.starts_with("noop= serial=8\n"), "{}", run.out);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    let status = pair.run(&["status"]).expect(0).out;
    assert!(!status.contains("run with --noop, so nothing was applied"), "{status}");
}

#[test]
fn noop_does_nothing_where_nothing_is_due() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.publish(&looking(&pair, 8, "echo \"looked $STRINGLESS_NOOP\"; ls"));
    pair.run(&["--once"]).expect(0);
    let run = pair.run(&LOOK).expect(0);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
    // With `--force` it looks for drift, in the folder that is live.
    fs::write(pair.state("layers/example/current/mark"), "").unwrap();
    let run = pair.run(&["--once", "--noop", "--force"]).expect(0);
    assert_eq!(run.out, "looked 1\napply\nmark\n");
}

#[test]
fn noop_counts_no_failure_and_keeps_to_the_limits() {
    let Some(pair) = Pair::converged() else { return };
    let before = remembered(&pair);
    let mut manifest =
        looking(&pair, 8, "echo run >>\"$OUT/runs\"; test -z \"$STRINGLESS_NOOP\" || sleep 60; exit 3");
    manifest.apply.timeout = 3;
    manifest.apply.failure = Failure { tries: 1, quarantine: None, fall_back: false };
    pair.forge.publish(&manifest);
    for _ in 0..2 {
        let run = pair.run(&LOOK).expect(4);
        assert!(run.err.contains("was ended after its time limit of 3 seconds"), "{}", run.err);
        assert_eq!(remembered(&pair), before);
    }
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("ended with status 3; release 8 is live"), "{}", run.err);
    // What is left alone is left alone; `--force` looks at it.
    let runs = || pair.node.read("runs").unwrap().lines().count();
    assert_eq!(runs(), 3);
    assert!(pair.run(&LOOK).expect(4).err.contains("is left alone"));
    assert_eq!(runs(), 3);
    pair.run(&["--once", "--noop", "--force"]).expect(4);
    assert_eq!(runs(), 4);
}

/// The example site on a node, by the built programs: both ways to say it.
#[test]
fn noop_and_nothing_changed_by_the_example_site() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = folder.path().join("bucket");
    fs::create_dir(&bucket).unwrap();
    let store = format!("file://{}", bucket.display());
    let Some(site) = Site::init(&Net::host(), &["--store", &store]) else { return };
    site.copy(&tools::root().join("tests/fixtures/script-site"));
    site.publish();
    let manifest = || -> Value {
        let document = fs::read_to_string(bucket.join("env/production/head")).unwrap();
        serde_json::from_str(document.rsplit_once("\n\n").unwrap().1).unwrap()
    };
    let engine = |settings| json!({"script": settings});
    assert_eq!(manifest()["apply"]["engine"], engine(json!({"run": "apply", "root": true})));
    site.edit("{run: apply, root: true}", "{run: apply}");
    site.publish();
    assert_eq!(manifest()["apply"]["engine"], engine(json!({"run": "apply"})), "absent when false");
    site.edit("{run: apply}", "{run: apply, noop: true, root: true}");
    site.publish();
    let all = json!({"run": "apply", "noop": true, "root": true});
    assert_eq!(manifest()["apply"]["engine"], engine(all));
    let layer: Value = serde_json::from_str(&site.run(&["layer"]).expect(0).out).unwrap();
    let config = json!({"format": 1, "rendered": "2026-11-20T18:00:00Z", "node": "web1", "layers": [layer]});
    let Some(node) = Node::new(&Net::host(), &config) else { return };
    for folder in ["etc/profile.d", "usr/local/bin"] {
        fs::create_dir_all(node.root().join(folder)).unwrap();
    }
    let run = |args: &[&str]| node.run(args);
    let motd = node.root().join("etc/motd");

    let looked = run(&LOOK).expect(2);
    assert!(
        looked.out.contains("+ /etc/motd\n") && looked.out.contains("would be changed"),
        "{}",
        looked.out
    );
    assert!(!motd.exists());
    let first = run(&DETAILED).expect(2);
    assert!(first.out.contains("+ /etc/motd\n") && motd.is_file(), "{}", first.out);
    assert!(first.err.contains("applied: changed"), "{}", first.err);
    let second = run(&["--once", "--force", "--detailed-exitcodes"]).expect(0);
    assert!(second.out.ends_with(" right\nstringless: unchanged\n"), "{}", second.out);
    assert!(second.err.contains("applied: nothing to change"), "{}", second.err);
    // Drift is found by looking, and stays until it is undone.
    fs::write(&motd, "drift\n").unwrap();
    let looked = run(&["--once", "--noop", "--force", "--detailed-exitcodes"]).expect(2);
    assert!(looked.out.starts_with("~ /etc/motd\n"), "{}", looked.out);
    assert_eq!(fs::read_to_string(&motd).unwrap(), "drift\n");
    run(&["--once", "--force", "--detailed-exitcodes"]).expect(2);
    let looked = run(&["--once", "--noop", "--force", "--detailed-exitcodes"]).expect(0);
    assert!(looked.out.ends_with("stringless: unchanged\n"), "{}", looked.out);
}
