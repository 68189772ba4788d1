//! How a run of an `apply` script ends, and what follows: one test for each section of
//! `docs/guides/apply-script.md` that says so.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::agent::{Node, Run};
use e2e::forge::{Forge, name};
use e2e::netns::Net;
use e2e::pair::Pair;
use e2e::process::until;
use e2e::site::Site;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stringless_core::manifest::Failure;

use crate::{kept_output, report};

fn publish(pair: &Pair, serial: u64, script: &str) {
    pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(script)]));
}

/// The process whose id the script wrote.
fn process(pair: &Pair, file: &str) -> u32 {
    assert!(until(e2e::process::PATIENCE, || pair.node.read(file).is_some_and(|text| text.ends_with('\n'))));
    pair.node.read(file).unwrap().trim().parse().unwrap()
}

/// Whether the agent has written down that this process is its engine.
fn is_recorded(pair: &Pair, process: u32) -> bool {
    let record = fs::read_to_string(pair.state("engine")).unwrap_or_default();
    record.starts_with(&format!("{process} ")) && record.ends_with('\n')
}

fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// A process that is ended with the test, whatever it found.
struct Left(u32);

impl Drop for Left {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_raw(self.0.cast_signed()).unwrap(), Signal::KILL);
    }
}

#[test]
fn exit_status() {
    let Some(pair) = Pair::converged() else { return };
    for (serial, status) in (8..).zip([1, 2, 64, 126, 255]) {
        publish(&pair, serial, &format!("exit {status}"));
        let run = pair.run(&["--once", "--detailed-exitcodes"]).expect(4);
        assert!(run.err.contains(&format!("ended with status {status};")), "{}", run.err);
        let report = report(&pair);
        assert_eq!(
            (&report["exit_code"], &report["layers"][0]["engine_status"]),
            (&json!(4), &json!(status))
        );
    }
    publish(&pair, 20, "kill -HUP $$");
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("was ended by signal 1"), "{}", run.err);
    assert_eq!(report(&pair)["layers"][0]["engine_status"], Value::Null);
    publish(&pair, 21, "exit 0");
    pair.run(&["--once"]).expect(0);
}

#[test]
fn time_limit() {
    let Some(pair) = Pair::converged() else { return };
    // One child in the process group, one in a session of its own; the script tidies up when it is asked.
    let script = "sleep 300 & echo $! >\"$OUT/child\"
        setsid sh -c 'echo $$ >\"$OUT/apart\"; exec sleep 300' >/dev/null 2>&1 &
        trap 'echo tidied >\"$OUT/tidied\"; exit 0' TERM
        while :; do sleep 0.1; done";
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script(script)]);
    manifest.apply.timeout = 4;
    pair.forge.publish(&manifest);
    let run = pair.run(&["--once"]).expect(4);
    let apart = Left(process(&pair, "apart"));
    assert!(
        run.err.contains("was ended after its time limit of 4 seconds; release 8 is live"),
        "{}",
        run.err
    );
    assert_eq!(pair.node.read("tidied").as_deref(), Some("tidied\n"));
    let child = process(&pair, "child");
    assert!(until(e2e::process::PATIENCE, || !runs(child)), "a child is left");
    assert!(runs(apart.0), "what has left the process group stays");
    assert_eq!(report(&pair)["layers"][0]["engine_status"], Value::Null);
    let status: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    assert_eq!(status["layers"][0]["state"]["failed"]["production"]["times"], 1);
}

#[test]
fn time_limit_kills_after_ten_seconds() {
    let Some(pair) = Pair::converged() else { return };
    let script = "trap '' TERM; echo $$ >\"$OUT/script\"; while :; do sleep 0.1; done";
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script(script)]);
    manifest.apply.timeout = 3;
    pair.forge.publish(&manifest);
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.took >= Duration::from_secs(13), "{:?}", run.took);
    assert!(!runs(process(&pair, "script")));
}

#[test]
fn signals() {
    let Some(pair) = Pair::converged() else { return };
    let script = "echo run >>\"$OUT/runs\"; if test -e \"$OUT/mended\"; then exit 0; fi
        trap 'echo TERM >>\"$OUT/signals\"; exit 0' TERM; trap 'echo INT >>\"$OUT/signals\"; exit 0' INT
        echo $$ >\"$OUT/script\"; while :; do sleep 0.1; done";
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script(script)]);
    manifest.apply.failure = Failure { tries: 1, quarantine: None, fall_back: true };
    pair.forge.publish(&manifest);
    // Ctrl-C and `systemctl stop` end both. The script gets SIGTERM in both cases.
    for signal in [Signal::TERM, Signal::INT] {
        let _ = fs::remove_file(pair.node.root().join("script"));
        let log = fs::File::create(pair.node.root().join("log")).unwrap();
        let mut command = pair.node.command(&["--once"]);
        let mut agent =
            command.env("OUT", pair.node.root()).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let script = process(&pair, "script");
        kill_process(Pid::from_child(&agent), signal).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(4));
        assert!(!runs(script));
        let said = pair.node.read("log").unwrap();
        assert!(said.contains("release 8 is live"), "{said}");
        assert!(pair.live().starts_with("releases/8-"), "no fall-back: {}", pair.live());
    }
    assert_eq!(pair.node.read("signals").as_deref(), Some("TERM\nTERM\n"));
    // Neither was a try: the next run does it again.
    pair.node.write("mended", "");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.node.read("runs").unwrap().lines().count(), 3);
}

#[test]
fn signals_that_kill_the_agent_alone() {
    let Some(pair) = Pair::converged() else { return };
    publish(
        &pair,
        8,
        "echo $$ >\"$OUT/script\"; while ! test -e \"$OUT/go\"; do sleep 0.1; done; echo done >\"$OUT/applied\"",
    );
    let mut command = pair.node.command(&["--once"]);
    let mut agent =
        command.env("OUT", pair.node.root()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let script = process(&pair, "script");
    // The script is at work a moment before the agent has written down its process.
    assert!(until(e2e::process::PATIENCE, || is_recorded(&pair, script)));
    agent.kill().unwrap();
    agent.wait().unwrap();
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains(&format!("still running: process {script}")), "{}", run.err);
    pair.node.write("go", "");
    assert!(until(e2e::process::PATIENCE, || !runs(script)));
    assert_eq!(pair.applied().as_deref(), Some("done\n"), "the script went on to its end");
    let run = pair.run(&["--once"]).expect(0);
    assert!(run.err.contains("release 8 (last run failed)"), "{}", run.err);
}

#[test]
fn processes_left_behind() {
    let Some(pair) = Pair::new() else { return };
    // It keeps the output open, and says something when the run is over.
    let script = "(while ! test -e \"$OUT/over\"; do sleep 0.1; done; echo late; exec sleep 300) &
        echo $! >\"$OUT/daemon\"; echo early";
    publish(&pair, 1, script);
    let log = fs::File::create(pair.node.root().join("log")).unwrap();
    let mut command = pair.node.command(&["--once"]);
    let start = Instant::now();
    let status = command.env("OUT", pair.node.root()).stdout(log.try_clone().unwrap()).stderr(log).status();
    let daemon = Left(process(&pair, "daemon"));
    assert!(status.unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
    assert!(runs(daemon.0), "the agent does not end what a good script leaves behind");
    pair.node.write("over", "");
    assert_eq!(kept_output(&pair), "early\n");
}

#[test]
fn after_a_failure() {
    let Some(pair) = Pair::converged() else { return };
    publish(&pair, 8, "echo run >>\"$OUT/runs\"; echo why; exit 1");
    let tries = || pair.node.read("runs").unwrap().lines().count();
    for number in 1..=3 {
        let run = pair.run(&["--once"]).expect(4);
        assert!(run.err.contains("; release 8 is live"), "{}", run.err);
        assert_eq!((tries(), kept_output(&pair).as_str()), (number, "why\n"));
    }
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("release 8 failed 3 times and is left alone until"), "{}", run.err);
    pair.run(&["--once", "--force"]).expect(4);
    assert_eq!(tries(), 4);
    // Half of what a script did stays done; a newer release follows at once.
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    assert_eq!((tries(), pair.applied().as_deref()), (4, Some("nine\n")));
}

#[test]
fn when_the_script_is_run() {
    let Some(pair) = Pair::new() else { return };
    let script = "echo \"$STRINGLESS_SERIAL\" >>\"$OUT/runs\"; test ! -e \"$OUT/broken\"";
    let runs = || pair.node.read("runs").unwrap_or_default().replace('\n', " ");
    publish(&pair, 1, script);
    pair.run(&["--once"]).expect(0);
    assert_eq!(runs(), "1 ");
    pair.run(&["--once"]).expect(0);
    assert_eq!(runs(), "1 ", "a check without news runs nothing");
    pair.run(&["--once", "--force"]).expect(0);
    assert_eq!(runs(), "1 1 ");
    publish(&pair, 2, script);
    pair.run(&["--once"]).expect(0);
    assert_eq!(runs(), "1 1 2 ", "a new release with the same content is a new release");
    pair.node.write("broken", "");
    pair.run(&["--once", "--force"]).expect(4);
    pair.run(&["--once"]).expect(4);
    assert_eq!(runs(), "1 1 2 2 2 ", "the check after a failure tries again");
    fs::remove_file(pair.node.root().join("broken")).unwrap();
    let mut manifest = pair.forge.manifest(3, vec![pair.forge.script(script)]);
    manifest.apply.reapply = Some(1);
    pair.forge.publish(&manifest);
    pair.run(&["--once"]).expect(0);
    std::thread::sleep(Duration::from_millis(2100));
    let run = pair.run(&["--once"]).expect(0);
    assert!(run.err.contains("release 3 (reapply is due)"), "{}", run.err);
    assert_eq!(runs(), "1 1 2 2 2 3 3 ");
}

/// What the rendered script does around the first run: it is run as a whole by the tests of root file systems.
#[test]
fn first_boot() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file://{}", folder.path().display());
    let Some(site) = Site::init(&Net::host(), &["--store", &store]) else { return };
    site.write("apply", "#!/bin/sh\n", 0o755);
    let Some(()) = site.push_agent() else { return };
    site.publish();
    let script = site.render("debian-13", "nocloud", &["--form", "script"]);
    let at = |part: &str| script.rfind(part).unwrap_or_else(|| panic!("no `{part}` in\n{script}"));
    let run = at("  try 30 run_agent\n");
    assert!(at("\n  umask 022\n") < run && at("\numask 077\n") < at("\n  umask 022\n"));
    assert!(at("\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n") < run);
    assert!(at("exit \"$status\"; }\n") > run);
    // On systemd, what a script leaves behind in the agent's unit ends with the unit.
    assert!(script.contains("\nKillMode=mixed\n") && script.contains("\nType=oneshot\n"));
}

#[test]
fn layers() {
    let (base, own) = (Forge::new(), Forge::new());
    let layer = |forge: &Forge, site: &str| {
        let mut layer = forge.config(&forge.url())["layers"][0].clone();
        layer["site"] = json!(site);
        layer
    };
    let config = json!({
        "format": 1, "rendered": "2026-11-20T18:00:00Z",
        "layers": [layer(&base, "base"), layer(&own, "own")],
    });
    let Some(node) = Node::new(&Net::host(), &config) else { return };
    // A script that runs beside another would see that other's mark.
    let script = "test ! -e \"$OUT/busy\"; : >\"$OUT/busy\"; sleep 0.3; rm \"$OUT/busy\"
        echo \"$STRINGLESS_SITE $STRINGLESS_SERIAL $(pwd)\" >>\"$OUT/said\"";
    let publish = |forge: &Forge, site: &str, serial, script: &str| {
        let mut manifest = forge.manifest(serial, vec![forge.script(script)]);
        manifest.site = name(site);
        forge.publish(&manifest);
    };
    let run = |args: &[&str]| Run::of(node.command(args).env("OUT", node.root()));
    publish(&base, "base", 3, script);
    publish(&own, "own", 8, script);
    run(&["--once"]).expect(0);
    let said = node.read("said").unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("base 3 ") && lines[0].contains("/layers/base/releases/3-"), "{said}");
    assert!(lines[1].starts_with("own 8 ") && lines[1].contains("/layers/own/releases/8-"), "{said}");
    // A layer that fails keeps no other from its release; the worst ending counts.
    publish(&base, "base", 4, "exit 1");
    publish(&own, "own", 9, script);
    run(&["--once"]).expect(4);
    assert!(node.read("said").unwrap().lines().nth(2).unwrap().starts_with("own 9 "));
    // One that changed something and one that did not: something was changed.
    publish(&base, "base", 5, "echo 'stringless: unchanged'");
    publish(&own, "own", 10, script);
    run(&["--once", "--detailed-exitcodes"]).expect(2);
    publish(&own, "own", 11, "echo 'stringless: unchanged'");
    run(&["--once", "--force", "--detailed-exitcodes"]).expect(0);
}
