//! Signals that would kill the agent: a run ends in order, its engine with it, and the daemon goes on after SIGHUP.

use std::fs;
use std::process::Command;

use e2e::process::{PATIENCE, Running, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::runs::{Pair, wait_for};

/// A node whose script runs until it is ended, and says that it was asked to end.
fn pair() -> Option<Pair> {
    let pair = Pair::converged()?;
    let script = "echo $$ >\"$OUT/pid\"; trap 'echo tidied >\"$OUT/tidied\"; exit 1' TERM
        while :; do sleep 0.1; done";
    pair.forge.publish(&pair.forge.manifest(8, vec![pair.forge.script(script)]));
    Some(pair)
}

fn start(pair: &Pair, args: &[&str]) -> Running {
    Running::start(pair.node.command(args).env("OUT", pair.node.root()), &pair.node.root().join("log"))
}

fn tries(pair: &Pair) -> Value {
    let status = pair.run(&["status", "--json"]).expect(0).out;
    let status: Value = serde_json::from_str(&status).unwrap();
    status["layers"][0]["state"]["failed"].clone()
}

#[test]
fn each_lethal_signal_ends_a_run_in_order() {
    let Some(pair) = pair() else { return };
    let signals = [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::XCPU,
        Signal::POWER,
        Signal::STKFLT,
    ];
    for signal in signals {
        for file in ["pid", "tidied"] {
            fs::remove_file(pair.node.root().join(file)).ok();
        }
        let mut agent = start(&pair, &["--once"]);
        wait_for(|| pair.node.read("pid").is_some_and(|pid| pid.ends_with('\n')));
        agent.signal(signal);
        assert!(until(PATIENCE, || agent.ended().is_some()), "{signal:?}");
        assert_eq!(agent.ended().unwrap().code(), Some(4), "{signal:?}: {}", agent.log());
        assert_eq!(
            pair.node.read("tidied").as_deref(),
            Some("tidied\n"),
            "{signal:?}: the engine is an orphan"
        );
        assert_eq!(tries(&pair), json!({}), "{signal:?} counts as a failed try");
    }
}

#[test]
fn a_hangup_that_nohup_ignores_ends_nothing() {
    let Some(pair) = Pair::converged() else { return };
    let script = "echo >\"$OUT/pid\"; sleep 2; echo eight >\"$OUT/applied\"";
    pair.forge.publish(&pair.forge.manifest(8, vec![pair.forge.script(script)]));
    let agent = pair.node.command(&["--once"]);
    let mut nohup = Command::new("nohup");
    nohup.arg(agent.get_program()).args(agent.get_args()).env("OUT", pair.node.root());
    let mut agent = Running::start(&mut nohup, &pair.node.root().join("log"));
    wait_for(|| pair.node.read("pid").is_some());
    agent.signal(Signal::HUP);
    assert!(until(PATIENCE, || agent.ended().is_some()));
    assert_eq!(agent.ended().unwrap().code(), Some(0), "{}", agent.log());
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn the_daemon_reads_its_configuration_again() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["interval"] = json!(86_400);
    pair.node.configure(&config);
    let mut agent = start(&pair, &["--daemon"]);
    wait_for(|| agent.log().contains("daemon: following example/production"));
    // A configuration that is not usable changes nothing.
    pair.node.write("etc/stringless/agent.json", "{\"format\": 1");
    agent.signal(Signal::HUP);
    wait_for(|| agent.log().contains("continuing with the former one"));
    // The next one has another environment, and is due at once.
    config["layers"][0]["interval"] = json!(10);
    config["layers"][0]["environment"] = json!("staging");
    let mut manifest = pair.forge.manifest(1, vec![pair.forge.script("echo staging >\"$OUT/applied\"")]);
    manifest.environment = e2e::forge::name("staging");
    pair.forge.publish(&manifest);
    pair.node.configure(&config);
    agent.signal(Signal::HUP);
    wait_for(|| agent.log().contains("read the configuration again; following example/staging"));
    wait_for(|| pair.applied().as_deref() == Some("staging\n"));
    let status = agent.stop(PATIENCE).unwrap();
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    assert!(agent.log().contains("daemon: stopping"));
}

#[test]
fn a_limit_for_files_is_an_error_and_no_death() {
    let Some(pair) = Pair::new() else { return };
    let text = "x".repeat(200_000);
    let pack = pair.forge.pack("data", &[e2e::forge::Entry::file("big", 0o644, &text)]);
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script("true"), pack]));
    let agent = pair.node.command(&["--once"]);
    let mut shell = Command::new("prlimit");
    shell.arg("--fsize=100000").arg(agent.get_program()).args(agent.get_args());
    let run = e2e::agent::Run::of(&mut shell).expect(1);
    assert!(run.err.contains("File too large"), "{}", run.err);
}
