//! A machine that lacks threads, processes or file descriptors: the agent says so and ends in order. And what
//! protects the node if the agent itself fails.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use e2e::agent::Run;
use e2e::netns::Net;
use e2e::process::{Running, until};
use e2e::tools;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::runs::{Pair, wait_for};

/// A user that nobody else is, so that a limit for its processes counts only those of the test.
const USER: u32 = 61_234;

/// Gives a folder and its content to that user.
fn give(path: &Path) {
    chown(path, Some(USER), Some(USER)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_symlink() {
                give(&path);
            }
        }
    }
}

fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the agent as that user, who may have so many processes and threads.
fn with_processes(pair: &Pair, number: u32, args: &[&str]) -> Run {
    let agent = pair.node.command(args);
    let mut limited = Command::new("prlimit");
    let user = USER.to_string();
    limited.arg(format!("--nproc={number}"));
    limited.args(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"]);
    Run::of(limited.arg(agent.get_program()).args(agent.get_args()).env("OUT", pair.node.root()))
}

#[test]
fn a_thread_that_cannot_start_is_an_error_and_no_abort() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    give(pair.node.root());
    open(pair.forge.bucket());
    for number in 1..6 {
        let run = with_processes(&pair, number, &["--once"]).expect_any(&[0, 1]);
        assert!(!run.err.contains("panicked"), "{}", run.err);
        if run.code == 0 {
            assert!(number > 1);
            break;
        }
        let said = run.err.contains("starting a thread") || run.err.contains("starting the script engine");
        assert!(said && run.err.contains("unavailable"), "{number}: {}", run.err);
        // It is no failure of the release.
        let status: Value =
            serde_json::from_str(&with_processes(&pair, 9, &["status", "--json"]).expect(0).out).unwrap();
        assert_eq!(status["layers"][0]["state"]["failed"], json!({}), "{status}");
    }
    with_processes(&pair, 50, &["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    // The lookup of a name needs a thread, too.
    let mut config = pair.forge.config("https://nowhere.invalid/site");
    config["layers"][0]["stores"].as_array_mut().unwrap().push(json!({"url": pair.forge.url()}));
    pair.node.configure(&config);
    give(pair.node.root());
    for number in 1..5 {
        with_processes(&pair, number, &["--once"]).expect_any(&[0, 1]);
    }
}

#[test]
fn a_lack_of_descriptors_is_an_error_and_no_abort() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    for number in 3..30 {
        // Forced, so that a script whose shell lacks descriptors is not left alone.
        let agent = pair.node.command(&["--once", "--force"]);
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--nofile={number}")).arg(agent.get_program()).args(agent.get_args());
        let run = Run::of(limited.env("OUT", pair.node.root())).expect_any(&[0, 1, 4, 78]);
        let said = run.err.contains("No file descriptors available");
        assert!(said || matches!(run.code, 0 | 4), "{number}: {}", run.err);
        if run.code == 0 {
            assert_eq!(pair.applied().as_deref(), Some("seven\n"));
            return;
        }
    }
    panic!("30 descriptors are not enough");
}

#[test]
fn no_core_file_holds_the_keys_of_a_node() {
    let Some(pair) = Pair::converged() else { return };
    let script = "ulimit -Sc >\"$OUT/core\"; while test ! -e \"$OUT/go\"; do sleep 0.1; done";
    pair.forge.publish(&pair.forge.manifest(8, vec![pair.forge.script(script)]));
    let agent = pair.node.command(&["--once"]);
    let mut limited = Command::new("prlimit");
    limited.args(["--core=4096:8192"]).arg(agent.get_program()).args(agent.get_args());
    let log = pair.node.root().join("log");
    let mut agent = Running::start(limited.env("OUT", pair.node.root()), &log);
    wait_for(|| pair.node.read("core").is_some_and(|text| text.ends_with('\n')));
    let limit = |id: u32| {
        let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        core.split_whitespace().nth(4).unwrap().to_owned()
    };
    assert_eq!(limit(agent.id()), "0");
    // The engine has the machine's limit: in units of 512 or 1024 bytes.
    assert!(["8", "4"].contains(&pair.node.read("core").unwrap().trim()), "{:?}", pair.node.read("core"));
    pair.node.write("go", "");
    assert!(until(e2e::process::PATIENCE, || agent.ended().is_some()));
    assert_eq!(agent.ended().unwrap().code(), Some(0), "{}", agent.log());
    // A fault of the agent leaves none either, not even where the limit would allow it.
    let Some(checked) = tools::agent_with_checkpoints() else { return };
    let node = e2e::agent::Node::with(checked, &Net::host(), &pair.forge.config(&pair.forge.url()));
    let agent = node.command(&["--once"]);
    let mut limited = Command::new("prlimit");
    limited.args(["--core=4096:8192"]).arg(agent.get_program()).args(agent.get_args());
    limited.env("STRINGLESS_STOP_AT", "Admitted").current_dir(node.root());
    let mut agent = Running::start(&mut limited, &node.root().join("log"));
    let stat = format!("/proc/{}/stat", agent.id());
    wait_for(|| fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T ")));
    assert_eq!(limit(agent.id()), "0", "before an engine starts");
    agent.signal(Signal::ABORT);
    agent.signal(Signal::CONT);
    assert!(until(e2e::process::PATIENCE, || agent.ended().is_some()));
    let status = agent.ended().unwrap();
    assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&status), "{status}");
}

#[test]
fn a_panic_is_reported_and_exits_with_1() {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    let node = e2e::agent::Node::with(agent, &Net::host(), &pair.forge.config(&pair.forge.url()));
    for point in ["Admitted", "Fetched"] {
        let mut command = node.command(&["--once"]);
        let run = Run::of(command.env("STRINGLESS_PANIC_AT", point).env("OUT", node.root())).expect(1);
        assert!(
            run.err.contains("error: a fault of the agent itself at agent/src/checkpoint.rs"),
            "{}",
            run.err
        );
        assert!(
            run.err.contains("a test asked for this panic\n") && run.err.contains("hint: report"),
            "{}",
            run.err
        );
    }
    Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
}
