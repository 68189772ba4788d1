//! A node that was harmed: files that are gone, a store with a trap in it, a test that went before.

use std::fs;
use std::process::Command;

use e2e::forge::{name, sign, trust};
use e2e::tools;
use serde_json::json;

use crate::runs::Pair;

#[test]
fn what_is_gone_from_disk_comes_back() {
    let Some(pair) = Pair::converged() else { return };
    let release = pair.state("layers/example").join(pair.live());
    type Harm<'a> = (&'a str, &'a [&'a str], Box<dyn Fn() + 'a>);
    let harms: [Harm<'_>; 5] = [
        (
            "releases",
            &["--once"],
            Box::new(|| fs::remove_dir_all(pair.state("layers/example/releases")).unwrap()),
        ),
        ("current", &["--once"], Box::new(|| fs::remove_file(pair.state("layers/example/current")).unwrap())),
        ("packs", &["--once", "--force"], Box::new(|| fs::remove_dir_all(pair.state("packs")).unwrap())),
        ("content", &["--once", "--force"], Box::new(|| fs::remove_file(release.join("apply")).unwrap())),
        (
            "state",
            &["--once"],
            Box::new(|| fs::remove_file(pair.state("layers/example/state.json")).unwrap()),
        ),
    ];
    for (what, args, harm) in harms {
        fs::remove_file(pair.node.root().join("applied")).unwrap();
        harm();
        pair.run(args).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\n"), "{what}");
        assert!(release.join("apply").is_file(), "{what}");
        assert_eq!(pair.run(&["--once"]).expect(0).err, "", "{what}: then idle");
    }
    // The manifest alone: it comes back, so that the next check is a condition again.
    let manifest = pair.state("layers/example/manifests/production");
    fs::remove_file(&manifest).unwrap();
    pair.run(&["--once"]).expect(0);
    assert!(manifest.is_file());
}

#[test]
fn a_fifo_in_the_stores_folder_does_not_hold_the_agent_up() {
    let Some(pair) = Pair::converged() else { return };
    let object = pair.forge.bucket().join("env/production/head");
    fs::remove_file(&object).unwrap();
    assert!(Command::new("mkfifo").arg(&object).status().unwrap().success());
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("no such object"), "{}", run.err);
}

#[test]
fn a_test_environment_costs_the_node_nothing_of_its_own() {
    let Some(pair) = Pair::converged() else { return };
    let own = pair.state("layers/example").join(pair.live());
    for serial in [3, 4, 5] {
        let mut test =
            pair.forge.manifest(serial, vec![pair.forge.script(&format!("echo {serial} >\"$OUT/applied\""))]);
        test.environment = name("feature_x");
        pair.forge.publish(&test);
        pair.run(&["--once", "--environment", "feature_x"]).expect(0);
    }
    assert!(own.join("apply").is_file(), "the last good release stays");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn what_only_looks_leaves_what_is_live() {
    let Some(pair) = Pair::converged() else { return };
    let mark = pair.state("layers/example/current/mark");
    fs::write(&mark, "as it was").unwrap();
    let run = pair.run(&["--once", "--noop", "--force"]).expect(0);
    assert!(run.err.contains("would run"), "{}", run.err);
    assert!(mark.is_file());
}

#[test]
fn a_mirror_that_is_back_is_not_held_against_it() {
    let Some(pair) = Pair::converged() else { return };
    let mirror = tempfile::tempdir().unwrap();
    let mut config = pair.forge.config(&pair.forge.url());
    let url = format!("file://{}", mirror.path().display());
    config["layers"][0]["stores"].as_array_mut().unwrap().push(json!({"url": url}));
    pair.node.configure(&config);
    let run = pair.run(&["--once"]).expect(0);
    assert!(run.err.contains("ignored store"), "{}", run.err);
    assert!(pair.run(&["status"]).expect(0).out.contains("ignored store"));
    let copied = Command::new("cp").arg("-a").arg(pair.forge.bucket().join(".")).arg(mirror.path()).status();
    assert!(copied.unwrap().success());
    assert_eq!(pair.run(&["--once"]).expect(0).err, "");
    assert!(!pair.run(&["status"]).expect(0).out.contains("ignored store"));
}

#[test]
fn a_full_disk_takes_the_rotation_that_mends_it() {
    let Some(pair) = Pair::new() else { return };
    if tools::superuser().is_none() {
        return;
    }
    let state = pair.state("");
    fs::create_dir_all(&state).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "none"]).arg(&state);
    assert!(mount.status().unwrap().success());
    let _unmount = Unmount(state.clone());
    pair.forge.release(7, "seven");
    pair.run(&["--once"]).expect(0);
    // A pack that nothing uses: what a failed release has left. To the last byte.
    let junk = state.join("packs").join("0".repeat(64));
    let mut fill = fs::File::create(junk).unwrap();
    while std::io::Write::write_all(&mut fill, &[7; 512]).is_ok() {}
    drop(fill);
    let next = trust(&[&pair.forge.key], 2, &json!({})).to_string();
    pair.forge.put("trust/2.json", &sign(&[&pair.forge.key], next.as_bytes(), "trust example keys 2"));
    let mut manifest = pair.forge.manifest(8, vec![pair.forge.script("echo eight >\"$OUT/applied\"")]);
    manifest.trust_version = 2;
    pair.forge.publish(&manifest);
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
