//! The scripts of the Makefile on a machine that lacks something, or where another program is at work.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::process::{both, run};
use e2e::tools;

#[test]
fn an_agent_without_its_compiler_is_left_out_and_the_package_is_named() {
    let targets = |compiler: &str, ci: Option<&str>| {
        let mut command = Command::new(tools::root().join(".ci/node-targets"));
        command.args(["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]).env_remove("CI");
        command.envs(ci.map(|value| ("CI", value)));
        command.env("CC_x86_64_unknown_linux_musl", "sh").env("CC_aarch64_unknown_linux_musl", compiler);
        run(&mut command, LIMIT)
    };
    let out = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();

    let both_there = targets("sh", None);
    assert_eq!(out(&both_there), "x86_64-unknown-linux-musl\naarch64-unknown-linux-musl\n");

    let one = targets("no-such-compiler", None);
    assert!(one.status.success(), "{}", both(&one));
    assert_eq!(out(&one), "x86_64-unknown-linux-musl\n");
    assert!(both(&one).contains("no-such-compiler is missing"), "{}", both(&one));
    assert!(both(&one).contains("hint: sudo apt-get install"), "{}", both(&one));

    assert_eq!(targets("no-such-compiler", Some("1")).status.code(), Some(1));
}

#[test]
fn apt_is_asked_again_while_its_locks_are_held() {
    // Held for two calls, and released then.
    let (first, calls) =
        apt("[ $(wc -l <calls) -gt 2 ] || { echo 'E: Could not get lock /x/lists/lock'; exit 100; }");
    assert!(first.status.success(), "{}", both(&first));
    assert_eq!(calls, 3);
    assert_eq!(both(&first).matches("waiting: Could not get lock").count(), 1, "{}", both(&first));
    // Another failure ends it at once, and is shown.
    let (other, calls) = apt("echo 'E: Unable to locate package x'; exit 100");
    assert_eq!((other.status.code(), calls), (Some(100), 1));
    assert!(both(&other).contains("E: Unable to locate package x"), "{}", both(&other));
    // A lock that stays is waited for no longer than the limit.
    let (never, calls) = apt("echo 'E: Unable to lock directory /x/lists/'; exit 100");
    assert_eq!(never.status.code(), Some(100));
    assert!(calls >= 2, "{calls} calls");
}

/// `apt-get.sh` with an `apt-get` of this text in the place of the real one, and how often that was called.
fn apt(text: &str) -> (Output, usize) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("apt-get");
    fs::write(
        &program,
        format!("#!/bin/sh\ncd '{}'\necho \"$*\" >>calls\n{text}\n", folder.path().display()),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(tools::root().join("tests/tools/apt-get.sh"));
    command.args(["update", "-q"]).env("APT_LOCK_SECONDS", "6");
    command.env("PATH", format!("{}:{path}", folder.path().display()));
    let output = run(&mut command, LIMIT);
    (output, lines(&folder.path().join("calls")))
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}

const LIMIT: Duration = e2e::process::PATIENCE;
