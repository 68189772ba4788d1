//! What stays on a node's disk: what is live, what was last good, and nothing besides; and how much of
//! it may be.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use e2e::agent::Run;
use e2e::forge::{Entry, Forge, name};
use e2e::pair::Pair;
use e2e::process::succeed;
use e2e::tools;
use serde_json::json;
use stringless_core::manifest::{Failure, Manifest};
use stringless_core::pack::Pack;

use crate::report;

/// The serials of the releases that a layer has on disk.
fn releases(pair: &Pair, site: &str) -> BTreeSet<u64> {
    let folder = pair.state("layers").join(site).join("releases");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.split('-').next().unwrap().parse().unwrap()).collect()
}

/// The packs on disk.
fn packs(pair: &Pair) -> BTreeSet<String> {
    let names = fs::read_dir(pair.state("packs")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn ids<'a>(manifests: impl IntoIterator<Item = &'a Manifest>) -> BTreeSet<String> {
    manifests.into_iter().flat_map(|manifest| &manifest.packs).map(|pack| pack.sha256.to_string()).collect()
}

/// A release with a pack of its own and one that it shares with all others.
fn release(pair: &Pair, serial: u64, script: &str) -> Manifest {
    let text = format!("of release {serial}");
    let packs = vec![
        pair.forge.script(script),
        pair.forge.pack("own", &[Entry::file("file", 0o644, &text)]),
        pair.forge.pack("shared", &[Entry::file("file", 0o644, "of all")]),
    ];
    let manifest = pair.forge.manifest(serial, packs);
    pair.forge.publish(&manifest);
    manifest
}

#[test]
fn ten_releases_leave_the_live_and_the_last_good_one() {
    let Some(pair) = Pair::new() else { return };
    let mut all = Vec::new();
    for serial in 1..=10 {
        all.push(release(&pair, serial, &format!("echo {serial} >\"$OUT/applied\"")));
        pair.run(&["--once"]).expect(0);
        assert!(releases(&pair, "example").len() <= 2, "{:?}", releases(&pair, "example"));
    }
    assert_eq!(releases(&pair, "example"), BTreeSet::from([9, 10]));
    assert_eq!(packs(&pair), ids(&all[8..]));
}

#[test]
fn failed_releases_cost_the_last_good_one_nothing() {
    let Some(pair) = Pair::new() else { return };
    let good = release(&pair, 1, "echo good >\"$OUT/applied\"");
    pair.run(&["--once"]).expect(0);
    let mut bad = Vec::new();
    for serial in 2..=6 {
        bad.push(release(&pair, serial, "exit 1"));
        pair.run(&["--once"]).expect(4);
        assert!(releases(&pair, "example").contains(&1), "the last good one is gone after {serial}");
        assert!(releases(&pair, "example").len() <= 3, "{:?}", releases(&pair, "example"));
    }
    // The live one is a failed one; what it needs is there, and what the good one needs.
    assert!(pair.live().starts_with("releases/6-"), "{}", pair.live());
    assert!(packs(&pair).is_superset(&ids([&good, &bad[4]])));
    assert_eq!(fs::read_to_string(pair.state("layers/example/current/own/file")).unwrap(), "of release 6");
    let last = release(&pair, 7, "echo last >\"$OUT/applied\"");
    pair.run(&["--once"]).expect(0);
    assert_eq!(releases(&pair, "example"), BTreeSet::from([1, 7]));
    assert_eq!(packs(&pair), ids([&good, &last]));
}

#[test]
fn a_release_that_made_way_is_kept_until_a_newer_one_succeeds() {
    let Some(pair) = Pair::new() else { return };
    let good = release(&pair, 1, "echo good >\"$OUT/applied\"");
    pair.run(&["--once"]).expect(0);
    let mut bad = release(&pair, 2, "test -e \"$OUT/mended\"");
    bad.apply.failure = Failure { tries: 1, quarantine: Some(3600), fall_back: true };
    pair.forge.publish(&bad);
    pair.run(&["--once"]).expect(4);
    pair.run(&["--once"]).expect(4);
    assert!(pair.live().starts_with("releases/1-"), "{}", pair.live());
    assert!(packs(&pair).is_superset(&ids([&good])));
    pair.node.write("mended", "");
    pair.run(&["--once", "--force"]).expect(0);
    assert_eq!(releases(&pair, "example"), BTreeSet::from([1, 2]));
    assert_eq!(packs(&pair), ids([&good, &bad]));
}

#[test]
fn layers_and_environments_that_share_packs_keep_them_for_each_other() {
    let Some(pair) = Pair::new() else { return };
    let other = Forge::new();
    let mut config = pair.forge.config(&pair.forge.url());
    let mut layer = other.config(&other.url())["layers"][0].clone();
    layer["site"] = json!("other");
    config["layers"].as_array_mut().unwrap().push(layer);
    pair.node.configure(&config);
    let shared = |forge: &Forge| -> Vec<Pack> {
        vec![
            forge.script("cat shared/file >>\"$OUT/applied\""),
            forge.pack("shared", &[Entry::file("file", 0o644, "s")]),
        ]
    };
    let theirs = |serial| {
        let mut manifest = other.manifest(serial, shared(&other));
        manifest.site = name("other");
        other.publish(&manifest);
        manifest
    };
    let their = theirs(1);
    pair.forge.publish(&pair.forge.manifest(1, shared(&pair.forge)));
    pair.run(&["--once"]).expect(0);
    // The first layer goes on to other packs, through several releases and a test of an environment.
    let mut test = pair.forge.manifest(1, vec![pair.forge.script("echo test")]);
    test.environment = name("feature_x");
    pair.forge.publish(&test);
    for serial in 2..=5 {
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(&format!("echo {serial}"))]));
        pair.run(&["--once"]).expect(0);
        pair.run(&["--once", "--environment", "example/feature_x"]).expect(0);
    }
    pair.run(&["--once"]).expect(0);
    assert!(packs(&pair).is_superset(&ids([&their])), "what another layer needs was swept");
    let before = pair.applied().unwrap();
    pair.run(&["--once", "--force"]).expect(0);
    assert_eq!(pair.applied().unwrap(), before + "s", "the second layer has all it needs");
    let layers = report(&pair)["layers"].clone();
    assert_eq!((&layers[1]["site"], &layers[1]["fetched"]), (&json!("other"), &json!(0)));
    // And goes, when nobody needs it any more.
    for serial in 2..=3 {
        let mut next = other.manifest(serial, vec![other.script(&format!("echo {serial}"))]);
        next.site = name("other");
        other.publish(&next);
        pair.run(&["--once"]).expect(0);
    }
    assert!(packs(&pair).is_disjoint(&ids([&their])), "{:?}", packs(&pair));
}

/// A release with so many bytes of content that compress to nothing.
fn large(pair: &Pair, serial: u64, bytes: usize) -> Manifest {
    let content = "x".repeat(bytes);
    let packs =
        vec![pair.forge.script("true"), pair.forge.pack("data", &[Entry::file("f", 0o644, &content)])];
    let manifest = pair.forge.manifest(serial, packs);
    pair.forge.publish(&manifest);
    manifest
}

/// The run was refused before anything of the release was fetched.
fn refused(pair: &Pair, run: &Run, what: &str) {
    assert!(run.err.contains("making room for release") && run.err.contains(what), "{}", run.err);
    let numbers = run.err.split(|c: char| !c.is_ascii_digit()).filter(|number| number.len() > 4).count();
    assert!(numbers >= 2, "both numbers are said: {}", run.err);
    nothing_begun(pair);
}

/// Nothing of the release was fetched, and the one before it is live.
fn nothing_begun(pair: &Pair) {
    assert_eq!(report(pair)["layers"][0]["fetched"], 0);
    assert_eq!(packs(pair).len(), 1, "of the release that is live");
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    assert!(pair.live().starts_with("releases/7-"), "{}", pair.live());
    assert!(pair.state("layers/example/current/apply").is_file());
}

#[test]
fn a_release_over_the_budget_is_not_begun() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["disk_budget"] = json!(1 << 20);
    pair.node.configure(&config);
    large(&pair, 8, 1 << 20);
    for _ in 0..2 {
        let run = pair.run(&["--once"]).expect(1);
        refused(&pair, &run, "`disk_budget` leaves");
    }
    // One that fits is taken, and so is one that fits only once the others have gone.
    for serial in 9..=12 {
        large(&pair, serial, 150 << 10);
        pair.run(&["--once"]).expect(0);
    }
    let used = succeed(Command::new("du").arg("-sk").arg(pair.state("")), e2e::process::PATIENCE);
    let used: u64 = used.split_whitespace().next().unwrap().parse().unwrap();
    assert!(used <= 1024, "{used} KiB are used, with a budget of 1024");
    // A larger budget, and the first one would have been taken.
    config["disk_budget"] = json!(16 << 20);
    pair.node.configure(&config);
    large(&pair, 13, 1 << 20);
    pair.run(&["--once"]).expect(0);
}

#[test]
fn a_release_larger_than_the_free_space_is_not_begun() {
    let Some(pair) = Pair::converged() else { return };
    let state = pair.state("");
    let Some(_unmount) = small_file_system(&pair, &state, "size=2m,mode=700") else { return };
    large(&pair, 8, 4 << 20);
    let run = pair.run(&["--once"]).expect(1);
    refused(&pair, &run, "the file system of the state folder has");
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("nine\n"));
}

#[test]
fn a_release_of_more_files_than_there_are_inodes_is_not_begun() {
    let Some(pair) = Pair::converged() else { return };
    let state = pair.state("");
    let Some(_unmount) = small_file_system(&pair, &state, "size=64m,nr_inodes=150,mode=700") else { return };
    let names: Vec<String> = (0..200).map(|n| format!("f{n}")).collect();
    let files: Vec<Entry<'_>> = names.iter().map(|name| Entry::file(name, 0o644, "x")).collect();
    let packs = vec![pair.forge.script("true"), pair.forge.pack("data", &files)];
    pair.forge.publish(&pair.forge.manifest(8, packs));
    let inodes = || succeed(Command::new("df").arg("--output=iused").arg(&state), e2e::process::PATIENCE);
    let before = inodes();
    for _ in 0..2 {
        let run = pair.run(&["--once"]).expect(1);
        assert!(run.err.contains("error: making room for release 8: it needs "), "{}", run.err);
        assert!(run.err.contains(" inodes, the file system of the state folder has "), "{}", run.err);
        nothing_begun(&pair);
    }
    assert_eq!(inodes(), before, "an inode is left over");
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("nine\n"));
}

/// Puts the state folder on a file system of its own. None: nothing can be mounted here.
fn small_file_system<'a>(pair: &Pair, state: &'a std::path::Path, options: &str) -> Option<Unmount<'a>> {
    tools::superuser()?;
    let aside = pair.node.root().join("aside");
    fs::rename(state, &aside).unwrap();
    fs::create_dir(state).unwrap();
    let mut mount = Command::new("mount");
    succeed(mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(state), e2e::process::PATIENCE);
    let unmount = Unmount(state);
    succeed(Command::new("cp").arg("-a").arg(aside.join(".")).arg(state), e2e::process::PATIENCE);
    Some(unmount)
}

struct Unmount<'a>(&'a std::path::Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
