//! A FIFO in the place of a file that the agent reads or writes: it never waits for the other end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::agent::Run;
use e2e::process::{PATIENCE, run, succeed};
use serde_json::json;

use crate::runs::Pair;

fn make_fifo(path: &Path) {
    fs::remove_file(path).ok();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    succeed(Command::new("mkfifo").arg("-m").arg("600").arg(path), PATIENCE);
}

/// Runs the agent, which must end by itself: `run` panics if it does not.
fn ends(pair: &Pair, args: &[&str]) -> Run {
    let mut command = pair.node.command(args);
    let output = run(command.env("OUT", pair.node.root()), PATIENCE);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
        took: Duration::ZERO,
    }
}

#[test]
fn the_agents_own_files_are_never_waited_for() {
    let Some(pair) = Pair::converged() else { return };
    let release = pair.state("layers/example").join(pair.live());
    let layer = |name: &str| pair.state("layers/example").join(name);
    let files: [(PathBuf, &[i32]); 10] = [
        (pair.node.root().join("etc/stringless/agent.json"), &[78]),
        (pair.state("lock"), &[3]),
        (pair.state("engine"), &[3]),
        (layer("state.json"), &[3]),
        (layer("trust"), &[3]),
        (layer("manifests/production"), &[0]),
        (pair.state("last-run.json"), &[0]),
        (pair.state("runs.json"), &[0]),
        (layer("checked"), &[0]),
        (release.parent().unwrap().join(".production.manifest"), &[0]),
    ];
    for (path, codes) in files {
        let before = fs::read(&path).ok();
        make_fifo(&path);
        let run = ends(&pair, &["--once"]).expect_any(codes);
        if codes != [0] {
            let said = format!("`{}`: it is not a regular file", path.display());
            assert!(run.err.contains(&said), "{}", run.err);
        }
        ends(&pair, &["status"]);
        fs::remove_file(&path).ok();
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
    }
    assert!(!pair.run(&["--once", "--force"]).expect(0).err.contains("error"));
}

#[test]
fn the_files_of_the_machine_are_never_waited_for() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    for path in [
        "etc/machine-id",
        "etc/hostid",
        "var/lib/cloud/data/instance-id",
        "run/cloud-init/instance-data.json",
        "proc/sys/kernel/random/boot_id",
    ] {
        make_fifo(&pair.node.root().join(path));
    }
    ends(&pair, &["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    let mut config = pair.forge.config(&pair.forge.url());
    config["ca_file"] = json!("/ca.pem");
    pair.node.configure(&config);
    make_fifo(&pair.node.root().join("ca.pem"));
    let run = ends(&pair, &["--once"]).expect(78);
    assert!(run.err.contains("ca.pem`: it is not a regular file"), "{}", run.err);
}

#[test]
fn a_pack_is_never_waited_for() {
    let Some(pair) = Pair::converged() else { return };
    let pack = pair.forge.script("echo eight >\"$OUT/applied\"");
    pair.forge.publish(&pair.forge.manifest(8, vec![pack.clone()]));
    // What is no file in the place of one is cleared away, and the pack is fetched.
    for args in [&["--once"][..], &["--once", "--force"]] {
        make_fifo(&pair.state("packs").join(pack.sha256.to_string()));
        ends(&pair, args).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("eight\n"));
        assert!(pair.state("packs").join(pack.sha256.to_string()).is_file());
    }
}

#[test]
fn a_document_to_verify_may_come_through_a_pipe() {
    let Some(pair) = Pair::converged() else { return };
    let manifest = pair.forge.bucket().join("env/production/head");
    let agent = pair.node.command(&["verify", "/dev/stdin"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "m=$1; shift; cat \"$m\" | \"$@\"", "sh"]).arg(manifest).arg(agent.get_program());
    assert!(Run::of(shell.args(agent.get_args())).expect(0).out.contains("is good"));
}
