//! `doctor`: the checks of the machine itself, each made to fail once: the disk, the engine, the schedule.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::agent::{Node, Run};
use serde_json::json;

use crate::runs::Pair;
use crate::runs::doctor::assert_found;

#[test]
fn a_disk_that_is_read_only_noexec_or_full_is_told() {
    let Some(pair) = Pair::converged() else { return };
    let state = pair.state("");
    let doctor = |prepare: &str| {
        let agent = pair.node.command(&["doctor", "--json"]);
        let mut shell = Command::new("unshare");
        let script = format!("{prepare} && shift && exec \"$@\"");
        shell
            .args(["-m", "sh", "-c", &script, "sh"])
            .arg(&state)
            .arg(agent.get_program())
            .args(agent.get_args());
        Run::of(&mut shell)
    };
    let bind = "mount --bind \"$1\" \"$1\"";
    let run = doctor(&format!("{bind} && mount -o remount,bind,ro \"$1\"")).expect(1);
    assert_found(&run, "disk", "failure", "mounted read-only", "mount it writable");
    let run = doctor(&format!("{bind} && mount -o remount,bind,noexec \"$1\"")).expect(1);
    assert_found(
        &run,
        "disk",
        "failure",
        "mounted noexec, and scripts are run from it",
        "another `state_dir`",
    );
    let full = "mount -t tmpfs -o size=1M none /mnt && cp -a \"$1/.\" /mnt/ && mount --bind /mnt \"$1\"";
    assert_found(&doctor(full).expect(1), "disk", "failure", "are free", "free space");
    let inodes =
        "mount -t tmpfs -o nr_inodes=60 none /mnt && cp -a \"$1/.\" /mnt/ && mount --bind /mnt \"$1\"";
    assert_found(&doctor(inodes).expect(1), "disk", "failure", "inodes are free", "free space");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let run = pair.run(&["doctor", "--json"]).expect(1);
    assert_found(&run, "disk", "failure", "other users can write to it", "find out who changed it");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let mut config = pair.forge.config(&pair.forge.url());
    config["disk_budget"] = json!(1);
    pair.node.configure(&config);
    let run = pair.run(&["doctor", "--json"]).expect(0);
    assert_found(&run, "disk", "warning", "`disk_budget` leaves 0", "");
}

#[test]
fn an_engine_that_cannot_run_is_told() {
    let Some(pair) = Pair::converged() else { return };
    let script = pair.state("layers/example/current/apply");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    let run = pair.run(&["doctor", "--json"]).expect(1);
    assert_found(&run, "engine", "failure", "not an executable file", "--force");
    // Puppet: none, one that is broken, one that works.
    let forge = e2e::forge::Forge::new();
    let mut manifest = forge.manifest(1, vec![forge.script("true")]);
    manifest.apply.engine = serde_json::from_value(json!({"puppet": {}})).unwrap();
    forge.publish(&manifest);
    let Some(node) = Node::on_this_machine(&forge.config(&forge.url())) else { return };
    let empty = tempfile::tempdir().unwrap();
    let with = |program: Option<&str>, args: &[&str]| {
        let path = empty.path().join("puppet");
        if let Some(text) = program {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Run::of(node.command(args).env("PATH", format!("{}:/usr/bin:/bin", empty.path().display())))
    };
    with(Some("#!/bin/sh\nexit 0\n"), &["--once"]).expect(0);
    let run = with(Some("#!/bin/sh\necho 8.10.0\n"), &["doctor", "--json"]);
    if Path::new("/opt/puppetlabs/bin/puppet").exists() {
        println!("this machine has a Puppet of its own");
        return;
    }
    assert_found(&run, "engine", "ok", "puppet 8.10.0", "");
    let run = with(Some("#!/bin/sh\necho no ruby >&2\nexit 9\n"), &["doctor", "--json"]).expect(1);
    assert_found(&run, "engine", "failure", "it ended with status 9: no ruby", "install the package again");
}

#[test]
fn a_schedule_that_starts_nothing_is_told() {
    let Some(pair) = Pair::converged() else { return };
    let doctor = || pair.run(&["doctor", "--json"]);
    assert_found(&doctor().expect(0), "schedule", "warning", "nothing starts the agent", "user-data");
    pair.node.write("etc/systemd/system/stringless.timer", "[Timer]\n");
    assert_found(&doctor().expect(1), "schedule", "failure", "not enabled", "systemctl enable --now");
    pair.node.write("etc/systemd/system/timers.target.wants/stringless.timer", "");
    assert_found(&doctor().expect(1), "schedule", "failure", "does not run here", "user-data");
    pair.node.write("run/systemd/system/x", "");
    assert_found(&doctor().expect(0), "schedule", "ok", "systemd timer", "");
    pair.node.write("etc/cron.d/stringless", "1 * * * * root stringless-agent --once\n");
    assert_found(&doctor().expect(0), "schedule", "warning", "systemd timer and cron", "remove the other");
    pair.node.write("etc/stringless/bootstrap.sh", "");
    assert_found(
        &doctor().expect(0),
        "schedule",
        "warning",
        "the first boot is not complete",
        "log says why",
    );
}
