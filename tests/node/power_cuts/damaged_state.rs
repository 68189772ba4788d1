//! What a failing disk or a power cut left of the agent's own files: none of it may keep a node from its
//! releases, and none of it may open the way back to an old one.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use e2e::forge::{sign, trust};
use e2e::pair::Pair;
use e2e::process::until;
use serde_json::json;

/// What is found in place of a file.
const LEFT: [(&str, &[u8]); 5] = [
    ("nothing", b""),
    ("zeros", &[0; 512]),
    ("a half", b"{\"format\": 1, \"se"),
    ("no text", b"\xff\xfe\x80 \xc3("),
    ("another's", b"[1, 2, {\"a\": null}]\n"),
];

/// A node that has seen a rotation, with release 7.
fn pair() -> Option<Pair> {
    let pair = Pair::converged()?;
    let next = trust(&[&pair.forge.key], 2, &json!({})).to_string();
    pair.forge.put("trust/2.json", &sign(&[&pair.forge.key], next.as_bytes(), "trust example keys 2"));
    publish(&pair, 8, "eight");
    pair.run(&["--once"]).expect(0);
    Some(pair)
}

fn publish(pair: &Pair, serial: u64, text: &str) {
    let mut manifest =
        pair.forge.manifest(serial, vec![pair.forge.script(&format!("echo {text} >\"$OUT/applied\""))]);
    manifest.trust_version = 2;
    pair.forge.publish(&manifest);
}

#[test]
fn a_file_of_the_agents_own_that_was_torn_stops_no_node() {
    // The keys in use are the one thing that a node does not guess at.
    let files = [
        "layers/example/state.json",
        "layers/example/checked",
        "layers/example/manifests/production",
        "last-run.json",
        "runs.json",
        "engine",
        "lock",
        "node",
    ];
    for file in files {
        for (left, bytes) in LEFT {
            let Some(pair) = pair() else { return };
            let path = pair.state(file);
            fs::write(&path, bytes).unwrap();
            let when = format!("{left} in {file}");
            // First of all, no way back.
            publish(&pair, 7, "seven again");
            let run = pair.run(&["--once"]).expect(3);
            assert!(run.err.contains("[rollback]"), "{when}: {}", run.err);
            assert_eq!(pair.applied().as_deref(), Some("eight\n"), "{when}");
            publish(&pair, 9, "nine");
            pair.run(&["--once"]).expect(0);
            assert_eq!(pair.applied().as_deref(), Some("nine\n"), "{when}");
            assert_eq!(pair.run(&["--once"]).expect(0).err, "", "{when}: the third run");
            pair.run(&["status"]).expect(0);
        }
    }
}

#[test]
fn torn_keys_are_asked_for_again_and_older_ones_do_not_count() {
    for (left, bytes) in LEFT {
        let Some(pair) = pair() else { return };
        let path = pair.state("layers/example/trust");
        fs::write(&path, bytes).unwrap();
        publish(&pair, 9, "nine");
        // What was seen under the newer keys is not forgotten with them.
        let published = pair.forge.bucket().join("trust/2.json");
        let withheld = pair.forge.bucket().join("withheld");
        fs::rename(&published, &withheld).unwrap();
        let run = pair.run(&["--once"]).expect(3);
        assert!(run.err.contains("moved to") && run.err.contains("[trust_missing]"), "{left}: {}", run.err);
        assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), bytes, "{left}");
        assert_eq!(pair.applied().as_deref(), Some("eight\n"), "{left}");
        fs::rename(&withheld, &published).unwrap();
        pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("nine\n"), "{left}");
        assert_eq!(pair.run(&["--once"]).expect(0).err, "", "{left}: then idle");
    }
}

#[test]
fn a_torn_state_costs_no_last_good_release() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(1, "one");
    pair.run(&["--once"]).expect(0);
    let mut bad = pair.forge.manifest(2, vec![pair.forge.script("exit 1")]);
    bad.apply.failure.fall_back = true;
    pair.forge.publish(&bad);
    pair.run(&["--once"]).expect(4);
    fs::remove_file(pair.node.root().join("applied")).unwrap();
    fs::write(pair.state("layers/example/state.json"), "{\"for").unwrap();
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("release 1 is live again"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("one\n"));
}

#[test]
fn a_release_that_was_to_be_replaced_comes_back_where_that_was_cut_off() {
    // As file systems without an exchange of names have it: between two renames the name is free.
    let Some(pair) = Pair::converged() else { return };
    let live = pair.state("layers/example").join(pair.live());
    fs::rename(&live, live.with_file_name(".production.old")).unwrap();
    fs::rename(pair.forge.bucket().join("env"), pair.forge.bucket().join("away")).unwrap();
    pair.run(&["--once"]).expect(1);
    assert!(live.join("apply").is_file(), "the store is gone, and the release is not");
    pair.goes_on();
}

#[test]
fn a_state_of_a_newer_agent_stays_as_it_is() {
    let Some(pair) = pair() else { return };
    let path = pair.state("layers/example/state.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&path, &newer).unwrap();
    for args in [&["--once"][..], &["--once", "--force"], &["--once", "--noop"]] {
        let run = pair.run(args).expect(78);
        assert!(run.err.contains("format 2 is not supported"), "{}", run.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    }
    assert!(!path.with_extension("json.damaged").exists());
}

#[test]
fn the_lock_of_a_dead_process_holds_nobody() {
    let Some(pair) = pair() else { return };
    let script = "exec 9>>\"$0\"; flock 9; exec sleep 600";
    let mut command = Command::new("sh");
    let mut holder =
        command.args(["-c", script]).arg(pair.state("lock")).stdin(Stdio::null()).spawn().unwrap();
    let felt = || pair.run(&["--once"]).err.contains("another run holds the lock");
    assert!(until(e2e::process::PATIENCE, felt), "the lock was not felt");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(pair.run(&["--once"]).expect(0).err, "");
}

#[test]
fn the_record_of_an_engine_that_is_gone_holds_nobody() {
    let Some(pair) = pair() else { return };
    // Its number belongs to another process by now.
    let mut other = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", other.id())).unwrap();
    let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let of = |pid: u32, start: &str, boot: &str| format!("{pid} {start} 86400 {boot}\n");
    fs::write(pair.state("engine"), of(other.id(), start, boot.trim())).unwrap();
    assert!(pair.run(&["--once"]).expect(1).err.contains("still running"), "the record is not understood");
    let records = [
        of(other.id(), "1", boot.trim()),
        of(other.id(), start, "another-boot"),
        of(4_194_303, start, boot.trim()),
        "-1 0 0 0\n".into(),
    ];
    for record in records {
        fs::write(pair.state("engine"), &record).unwrap();
        assert_eq!(pair.run(&["--once"]).expect(0).err, "", "{record}");
    }
    assert!(other.try_wait().unwrap().is_none(), "a stranger was ended");
    other.kill().unwrap();
    other.wait().unwrap();
}
