//! Packs and signatures against the stock tools: the same bytes from any copy of a tree, the same tree
//! from any tar, and minisign on either side.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod control_repos;
mod determinism;
mod environments;
mod minisign;
mod refusals;
mod site;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use e2e::agent::Run;
use e2e::process::succeed;
use e2e::tools;

use site::{LIMIT, Site, differ, listing, odd_tree};

#[test]
fn any_copy_of_a_tree_makes_the_same_bytes() {
    let Some(site) = Site::new() else { return };
    odd_tree(&site);
    let expected = site.index();
    assert!(expected.len() > 8, "{expected:?}");
    let original = site.path("original");
    fs::rename(site.tree(), &original).unwrap();
    for (umask, order) in [("077", "sort"), ("000", "sort -r"), ("027", "shuf")] {
        fs::remove_dir_all(site.tree()).ok();
        // Another order of creation, another umask, other times, other owners.
        let script = format!(
            "set -e; umask {umask}; mkdir \"$2\"; cd \"$1\"; find . -mindepth 1 -type d | sort | while read -r d; do mkdir -p \"$2/$d\"; done
             find . ! -type d | {order} | while IFS= read -r f; do cp -P \"$f\" \"$2/$f\"; done
             cd \"$2\"; find . -exec touch -h -d '1999-01-0{} 00:00' {{}} +
             if [ \"$(id -u)\" = 0 ]; then chown -hR 1234:4321 .; fi",
            umask.len() + usize::from(order == "shuf")
        );
        succeed(Command::new("sh").args(["-c", &script, "sh"]).arg(&original).arg(site.tree()), LIMIT);
        assert_eq!(site.index(), expected, "umask {umask}, {order}");
    }
    // Another place, time zone, language and user name.
    fs::remove_dir_all(site.path("site/.stringless")).unwrap();
    let mut command = site.command(&["build", "--out", "packs"]);
    command
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("USER", "other")
        .env("HOME", "/");
    let _ = Run::of(&mut command).expect(0);
    for (_, sha256) in &expected {
        let bytes = fs::read(site.path(&format!("packs/{sha256}.tar.gz"))).unwrap();
        // Header: no name, no time, an unknown system.
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        let sum = succeed(Command::new("sha256sum").arg(site.path(&format!("packs/{sha256}.tar.gz"))), LIMIT);
        assert!(sum.starts_with(sha256), "{sum}");
    }
}

#[test]
fn the_cache_forgets_what_is_old() {
    let Some(site) = Site::new() else { return };
    site.write("d/file", "1", 0o644);
    let first = site.index();
    site.write("d/file", "2", 0o644);
    let _ = site.index();
    let packs = site.path("site/.stringless/packs");
    let count = || fs::read_dir(&packs).unwrap().count();
    assert_eq!(count(), 3, "the old one may be asked for by `diff`");
    age(&packs);
    let last = site.index();
    assert_eq!(count(), 2);
    assert_ne!(first, last);
}

/// The build of each environment removes what is old and not its own.
#[test]
fn environments_with_old_packs_are_published_together() {
    let Some(site) = Site::new() else { return };
    site.edit("source: {path: tree}", "source: {path: tree}\n  staging:\n    source: {path: tree/other}");
    for (folder, content) in [("other", "2"), ("d", "1")] {
        site.write(&format!("{folder}/apply"), "#!/bin/sh\n", 0o755);
        site.write(&format!("{folder}/data/file"), content, 0o644);
    }
    let _ = site.run(&["build", "--all"]).expect(0);
    age(&site.path("site/.stringless/packs"));
    let run = site.run(&["publish", "--all"]).expect(0);
    assert!(run.out.contains("example production 1") && run.out.contains("example staging 1"), "{}", run.out);
    let _ = site.run(&["verify"]).expect(0);
}

/// Lets the files of `packs` be older than the cache keeps them.
fn age(packs: &Path) {
    let past = SystemTime::now() - Duration::from_secs(31 * 86_400);
    for pack in fs::read_dir(packs).unwrap() {
        File::open(pack.unwrap().path()).unwrap().set_modified(past).unwrap();
    }
}

#[test]
fn a_touched_tree_is_no_new_release() {
    let Some(site) = Site::new() else { return };
    odd_tree(&site);
    let _ = site.run(&["publish"]).expect(0);
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    File::open(site.tree().join("binary")).unwrap().set_modified(past).unwrap();
    assert!(site.run(&["publish"]).expect(0).out.starts_with("nothing to do"));
    let _ = site.run(&["diff", "--exit-code"]).expect(0);
}

/// Unpacks every pack in its place with `tar`, and compares.
fn unpacks_with(tar: &[&str]) {
    let Some(program) = tools::program(tar[0]) else { return };
    let Some(site) = Site::new() else { return };
    odd_tree(&site);
    let _ = site.run(&["build", "--out", "packs"]).expect(0);
    let release = site.path("release");
    for (path, sha256) in site.index() {
        let place = release.join(path);
        fs::create_dir_all(&place).unwrap();
        let mut command = Command::new(&program);
        command
            .args(&tar[1..])
            .arg("-xzf")
            .arg(site.path(&format!("packs/{sha256}.tar.gz")))
            .current_dir(place);
        succeed(&mut command, LIMIT);
    }
    assert_eq!(differ(&listing(&release), &listing(&site.tree())), None);
}

#[test]
fn stock_tar_unpacks_to_the_same_tree() {
    unpacks_with(&["tar"]);
}

#[test]
fn busybox_tar_unpacks_to_the_same_tree() {
    unpacks_with(&["busybox", "tar"]);
}

#[test]
fn the_example_sites_come_back_from_stock_tar() {
    for fixture in ["control-repo", "script-site"] {
        let Some(site) = Site::new() else { return };
        fs::remove_dir_all(site.tree()).unwrap();
        let source = tools::root().join("tests/fixtures").join(fixture);
        succeed(Command::new("cp").arg("-a").arg(&source).arg(site.tree()), LIMIT);
        if fixture == "control-repo" {
            site.edit("{script: {run: apply}}", "{puppet: {}}");
        }
        let _ = site.run(&["build", "--out", "packs"]).expect(0);
        let release = site.path("release");
        for (path, sha256) in site.index() {
            fs::create_dir_all(release.join(&path)).unwrap();
            let pack = site.path(&format!("packs/{sha256}.tar.gz"));
            succeed(Command::new("tar").arg("-xzf").arg(pack).arg("-C").arg(release.join(&path)), LIMIT);
        }
        assert_eq!(differ(&listing(&release), &listing(&source)), None, "{fixture}");
    }
}
