//! An engine's end: by itself, by a signal, by its time limit, with or without its children.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::agent::Run;
use e2e::pair::Pair;
use e2e::process::until;
use rustix::process::{Pid, Signal, kill_process};

use crate::{kept_output, report};

/// A script that writes down its process and goes on for ever, whatever it is asked.
const STUBBORN: &str = "trap '' TERM INT HUP; echo $$ >>\"$OUT/processes\"; while :; do sleep 0.2; done";

#[test]
fn runs_too_long_and_ignores_the_polite_signal_with_its_children() {
    let Some(pair) = Pair::converged() else { return };
    // A child and a grandchild, as deaf as their parent.
    let script = format!(
        "export S='{}'; sh -c 'sh -c \"$S\" & eval \"$S\"' & eval \"$S\"",
        STUBBORN.replace('\'', "'\\''")
    );
    ended_with_all(&pair, &script, 3);
}

#[test]
fn runs_too_long_and_obeys_while_its_grandchild_does_not() {
    let Some(pair) = Pair::converged() else { return };
    let script = format!(
        "export S='{}'; sh -c 'sh -c \"$S\" & echo $$ >>\"$OUT/processes\"; wait' & echo $$ >>\"$OUT/processes\"; wait",
        STUBBORN.replace('\'', "'\\''")
    );
    ended_with_all(&pair, &script, 3);
}

/// Runs the script for longer than a release may: nothing of it is left.
fn ended_with_all(pair: &Pair, script: &str, expected: usize) {
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script(script)]);
    manifest.apply.timeout = 4;
    pair.forge.publish(&manifest);
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("was ended after its time limit of 4 seconds"), "{}", run.err);
    assert!(run.took < Duration::from_secs(100), "{:?}", run.took);
    let processes: Vec<u32> =
        pair.node.read("processes").unwrap().lines().map(|line| line.parse().unwrap()).collect();
    let _left = Left(&processes);
    assert_eq!(processes.len(), expected, "the test's own script is at fault: {processes:?}");
    for process in &processes {
        assert!(until(e2e::process::PATIENCE, || !runs(*process)), "process {process} is left");
    }
    assert_eq!(report(pair)["layers"][0]["engine_status"], serde_json::Value::Null);
}

/// Processes that are ended with the test, whatever it found.
struct Left<'a>(&'a [u32]);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        for process in self.0 {
            let _ = kill_process(Pid::from_raw(process.cast_signed()).unwrap(), Signal::KILL);
        }
    }
}

/// Whether the process runs: it is there, and no zombie.
fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn leaves_a_daemon_behind_that_keeps_the_pipe_open() {
    let Some(pair) = Pair::new() else { return };
    let daemon = "setsid sh -c 'echo $$ >\"$OUT/daemon\"; exec sleep 600' & \
                  while test ! -s \"$OUT/daemon\"; do sleep 0.05; done; echo last words; exit 0";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(daemon)]));
    let start = Instant::now();
    // Nobody but the daemon holds the agent's own output; it is a file, so that nobody waits for that.
    let log = fs::File::create(pair.node.root().join("log")).unwrap();
    let mut command = pair.node.command(&["--once"]);
    command.env("OUT", pair.node.root()).stdout(log.try_clone().unwrap()).stderr(log);
    assert!(command.status().unwrap().success(), "{:?}", pair.node.read("log"));
    assert!(start.elapsed() < Duration::from_secs(300), "{:?}", start.elapsed());
    assert!(kept_output(&pair).contains("last words"));
    let daemon: u32 = pair.node.read("daemon").unwrap().trim().parse().unwrap();
    assert!(runs(daemon), "what an engine starts as a daemon stays");
    // It is the engine's daemon and no engine: the next run is not kept waiting.
    assert_eq!(pair.run(&["--once"]).expect(0).err, "");
    let _ = kill_process(Pid::from_raw(daemon.cast_signed()).unwrap(), Signal::KILL);
}

#[test]
fn dies_by_a_signal() {
    let Some(pair) = Pair::converged() else { return };
    for (signal, number) in [("KILL", 9), ("SEGV", 11), ("TERM", 15)] {
        let script = format!("echo before; kill -{signal} $$");
        pair.forge.publish(&pair.forge.manifest(7 + number, vec![pair.forge.script(&script)]));
        let run = pair.run(&["--once"]).expect(4);
        assert!(run.err.contains(&format!("was ended by signal {number}")), "{}", run.err);
        let report = report(&pair);
        assert_eq!((&report["exit_code"], &report["layers"][0]["engine_status"]), (&4.into(), &().into()));
        assert!(kept_output(&pair).contains("before"));
    }
}

#[test]
fn gets_no_file_of_the_agent_and_nothing_to_read() {
    let Some(pair) = Pair::new() else { return };
    let script = "for file in /proc/self/fd/*; do readlink \"$file\" || :; done >\"$OUT/applied\"; cat";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    pair.run(&["--once"]).expect(0);
    let files = pair.applied().unwrap();
    let state = pair.state("").display().to_string();
    let ours: Vec<_> =
        files.lines().filter(|file| file.starts_with(&state) && !file.ends_with("/apply")).collect();
    assert!(ours.is_empty() && files.contains("/dev/null"), "{files}");
}

#[test]
fn closes_its_output_and_goes_on() {
    let Some(pair) = Pair::new() else { return };
    let script = "echo said; exec >&- 2>&-; sleep 0.5; echo done >\"$OUT/applied\"";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("done\n"));
    assert_eq!(kept_output(&pair), "said\n");
}

#[test]
fn is_not_held_up_by_who_does_not_read_its_output() {
    let Some(pair) = Pair::converged() else { return };
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script("while :; do echo flood; done")]);
    manifest.apply.timeout = 2;
    pair.forge.publish(&manifest);
    let mut command = pair.node.command(&["--once"]);
    let log = fs::File::create(pair.node.root().join("log")).unwrap();
    command.env("OUT", pair.node.root()).stdout(Stdio::piped()).stderr(log);
    let mut agent = command.spawn().unwrap();
    let in_time = until(e2e::process::PATIENCE, || agent.try_wait().unwrap().is_some());
    if !in_time {
        let _ = kill_process(Pid::from_child(&agent), Signal::TERM);
    }
    let status = agent.wait().unwrap();
    assert!(in_time && status.code() == Some(4), "it waits for ever: {status}");
    assert!(pair.node.read("log").unwrap().contains("time limit"), "{:?}", pair.node.read("log"));
    // A reader that went away is no reason to fail.
    let script = "for n in 1 2 3 4 5; do echo flood; sleep 0.05; done; echo done >\"$OUT/applied\"";
    pair.forge.publish(&pair.forge.manifest(9, vec![pair.forge.script(script)]));
    let mut command = pair.node.command(&["--once"]);
    let mut agent = command.env("OUT", pair.node.root()).stdout(Stdio::piped()).spawn().unwrap();
    drop(agent.stdout.take());
    assert!(agent.wait().unwrap().success());
    assert_eq!(pair.applied().as_deref(), Some("done\n"));
}

#[test]
fn is_missing_or_cannot_be_started() {
    let Some(pair) = Pair::converged() else { return };
    use e2e::forge::Entry;
    let cases = [
        (Entry::file("other", 0o755, "#!/bin/sh\n"), "not an executable file"),
        (Entry::file("apply", 0o644, "#!/bin/sh\n"), "not an executable file"),
        (Entry::file("apply", 0o755, "#!/no/such/interpreter\n"), "starting the script engine"),
        (Entry::folder("apply"), "not an executable file"),
    ];
    for (number, (entry, why)) in cases.into_iter().enumerate() {
        pair.forge.publish(&pair.forge.manifest(8 + number as u64, vec![pair.forge.pack("", &[entry])]));
        let run: Run = pair.run(&["--once"]).expect(4);
        assert!(run.err.contains(why), "{why}: {}", run.err);
    }
    pair.forge.release(20, "twenty");
    pair.run(&["--once"]).expect(0);
}
