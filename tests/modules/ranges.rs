//! Ranges of versions, by us and by the Ruby that Puppet reads them with.
//!
//! `generator/src/puppetfile/range/vectors.txt` has what it said once, and a unit test holds our reader to it. Here the
//! Ruby of this machine says it again, so that a reader that changed is noticed.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use e2e::process::{run, succeed};
use e2e::tools;

#[test]
fn the_reader_of_puppet_says_what_is_recorded() {
    let Some(ruby) = tools::program("ruby") else { return };
    // Ruby alone starts fast, but the library comes with Puppet's packages.
    if tools::program("puppet").is_none() {
        return;
    }
    let command = || {
        let mut command = Command::new(&ruby);
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
        command
    };
    if !run(command().args(["-e", "require 'semantic_puppet'"]), LIMIT).status.success() {
        tools::skip::<()>("no semantic_puppet in the Ruby of this machine");
        return;
    }
    let folder = tools::root().join("generator/src/puppetfile/range");
    let now = succeed(command().arg(folder.join("vectors.rb")), LIMIT);
    let recorded = fs::read_to_string(folder.join("vectors.txt")).unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (now_lines, recorded_lines) = (lines(&now), lines(&recorded));
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        now == recorded,
        "Puppet's reader says something else today:\n{}\nin the place of:\n{}",
        only(&now_lines, &recorded_lines),
        only(&recorded_lines, &now_lines)
    );
    assert!(recorded_lines.len() > 500, "{} ranges", recorded_lines.len());
}

/// Of Ruby, whose speed is no matter here.
const LIMIT: Duration = e2e::process::PATIENCE;
