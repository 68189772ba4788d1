//! Wrong software: an agent for another machine, with other bytes, or too old for the release.
//!
//! What the script of the user-data does about it is tested where it runs: `shells::a_wrong_hash_…`,
//! `boot::failures::an_agent_with_another_hash_…`.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::netns::Net;
use e2e::pair::Pair;
use e2e::site::Site;
use serde_json::Value;
use stringless_core::version::Version;

/// A site with two agents pinned, whose bytes begin as those of their machines do.
pub fn published() -> Option<(Site, tempfile::TempDir)> {
    let bucket = tempfile::tempdir().unwrap();
    let store = format!("file://{}", bucket.path().display());
    let site = Site::init(&Net::host(), &["--store", &store])?;
    site.write("apply", "#!/bin/sh\nexit 0\n", 0o755);
    for (cpu, machine) in [("x86_64", 62), ("aarch64", 183)] {
        let mut elf = vec![0; 64];
        elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        (elf[16], elf[18]) = (2, machine);
        elf.extend_from_slice(cpu.as_bytes());
        site.write(&format!("agents/{cpu}-unknown-linux-musl/stringless-agent"), elf, 0o755);
    }
    let _ = site.run(&["agent", "push", "--from", "agents"]).expect(0);
    let _ = site.publish();
    let _ = site.run(&["verify"]).expect(0);
    Some((site, bucket))
}

fn agents(bucket: &Path) -> Vec<PathBuf> {
    let version = fs::read_dir(bucket.join("agent")).unwrap().next().unwrap().unwrap().path();
    let mut files: Vec<PathBuf> = fs::read_dir(version)
        .unwrap()
        .map(|target| target.unwrap().path().join("stringless-agent"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 2);
    files
}

#[test]
fn wrong_target() {
    let Some((site, bucket)) = published() else { return };
    let files = agents(bucket.path());
    let good: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let flipped = |at: usize| {
        let mut bytes = good[0].clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("the agent of the other CPU", good[1].clone()),
        ("its first byte", flipped(0)),
        ("its last byte", flipped(good[0].len() - 1)),
        ("a byte more", [good[0].as_slice(), b"x"].concat()),
        ("a byte less", good[0][..good[0].len() - 1].to_vec()),
        ("nothing", Vec::new()),
    ];
    for (what, bytes) in cases {
        fs::write(&files[0], bytes).unwrap();
        let run = site.run(&["verify", "--json"]);
        assert_eq!(run.code, 3, "{what}: {}{}", run.out, run.err);
        let report: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(report["ok"], false, "{what}");
        assert!(run.out.contains("stringless-agent"), "{what}: {}", run.out);
    }
    fs::write(&files[0], &good[0]).unwrap();
    let _ = site.run(&["verify"]).expect(0);
    // A bootstrap pins what the signed manifest names, and neither what the store holds nor says.
    let pinned = site.render("debian-12", "nocloud", &["--form", "script"]);
    fs::write(&files[1], &good[0]).unwrap();
    fs::write(&files[0], &good[1]).unwrap();
    let run = site.run(&["render", "debian-12", "nocloud", "--form", "script"]);
    let hash = stringless_core::hash::Sha256::of(&good[1]).to_string();
    assert!(pinned.contains(&hash), "the pin of x86-64");
    assert!(run.code != 0 || run.out.contains(&hash), "the pin does not follow the store");
}

#[test]
fn wrong_target_too_old() {
    let Some(pair) = Pair::converged() else { return };
    let mut next = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    for newer in ["0.1.1", "0.2.0", "1.0.0", "18446744073709551615.0.0"] {
        let Ok(minimum) = Version::parse(newer) else { continue };
        next.agent.minimum = minimum;
        pair.forge.publish(&next);
        let _ = pair.refuses("agent_too_old");
    }
}
