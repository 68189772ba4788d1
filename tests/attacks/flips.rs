//! Every byte of a small release, flipped: all refused, and the live release untouched.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use e2e::forge::{Entry, name, public, sign, trust};
use e2e::held;
use e2e::pair::Pair;
use serde_json::json;
use stringless_core::trust::TrustedKeys;
use stringless_core::{json, layout, verify};

const POINTER: &str = "env/production/head";

/// Release 8 under trust 2: a manifest, a trust document and two packs, each as small as it can be.
fn publish(pair: &Pair) -> Vec<String> {
    let payload = trust(&[&pair.forge.key], 2, &json!({})).to_string();
    pair.forge.put("trust/2.json", &sign(&[&pair.forge.key], payload.as_bytes(), "trust example keys 2"));
    let packs = vec![
        pair.forge.script("echo eight >\"$OUT/applied\""),
        pair.forge.pack("d", &[Entry::file("f", 0o644, "x"), Entry::link("l", b'2', "f")]),
    ];
    let keys = packs.iter().map(|pack| layout::pack(&pack.sha256));
    // The trust first: a node that was sent a bad manifest has looked for a newer trust, and kept it.
    let keys = ["trust/2.json".to_owned(), POINTER.to_owned()].into_iter().chain(keys).collect();
    let mut manifest = pair.forge.manifest(8, packs);
    manifest.trust_version = 2;
    pair.forge.publish(&manifest);
    keys
}

#[test]
fn every_byte_flipped() {
    let counted = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for worker in 0..workers {
            let counted = &counted;
            scope.spawn(move || counted.fetch_add(flip_each(worker, workers), Ordering::Relaxed));
        }
    });
    let counted = counted.into_inner();
    assert!(counted > 1500 || e2e::tools::agent().is_none(), "{counted} bytes of a release");
}

/// Flips the bytes of one worker's share; returns how many.
fn flip_each(share: usize, of: usize) -> usize {
    let Some(pair) = Pair::converged() else { return 0 };
    let keys = publish(&pair);
    let live = pair.state("layers/example/releases");
    let (before, target) = (held::tree(&live), pair.live());
    let mut count = 0;
    for key in &keys {
        let path = pair.forge.bucket().join(key);
        let good = fs::read(&path).unwrap();
        // An untrusted comment; the rest of the test says what it may not do.
        let start = if key.contains("packs/") { 0 } else { good.iter().position(|b| *b == b'\n').unwrap() };
        for at in (start..good.len()).skip(share).step_by(of) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            pair.forge.put(key, &bad);
            if let Some(pack) = key.strip_prefix("packs/").and_then(|name| name.strip_suffix(".tar.gz")) {
                // It came whole while the other one was flipped.
                let _ = fs::remove_file(pair.state("packs").join(pack));
            }
            let run = pair.run(&["--once"]);
            assert_eq!(run.code, 3, "byte {at} of {key}: {}", run.err);
            assert!(
                pair.applied().as_deref() == Some("seven\n") && pair.live() == target,
                "byte {at} of {key}"
            );
            count += 1;
        }
        pair.forge.put(key, &good);
    }
    assert_eq!(held::tree(&live), before, "the live release is untouched");
    let _ = pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"), "nothing else was wrong with it");
    count
}

#[test]
fn every_bit_flipped() {
    // The same in this process, for each bit of what is signed: too many to start a program for each.
    let Some(pair) = Pair::new() else { return };
    let _ = publish(&pair);
    let keys = |version| TrustedKeys {
        version,
        threshold: 1,
        keys: vec![public(&pair.forge.key)],
        fleet: Vec::new(),
    };
    let (site, environment) = (name("example"), name("production"));
    let manifest = |bytes: &[u8]| verify::manifest(bytes, &keys(2), &site, &environment).is_ok();
    let trust = |bytes: &[u8]| verify::next_trust(bytes, &keys(1), &site).is_ok();
    type Check<'a> = (&'a str, &'a dyn Fn(&[u8]) -> bool);
    let documents: [Check<'_>; 2] = [(POINTER, &manifest), ("trust/2.json", &trust)];
    for (key, accepts) in documents {
        let good = fs::read(pair.forge.bucket().join(key)).unwrap();
        assert!(accepts(&good));
        let start = good.iter().position(|b| *b == b'\n').unwrap();
        let mut bad = good.clone();
        for at in start..good.len() {
            for bit in 0..8 {
                bad[at] = good[at] ^ (1 << bit);
                assert!(!accepts(&bad), "bit {bit} of byte {at} of {key}");
            }
            bad[at] = good[at];
        }
        for cut in 0..good.len() {
            assert!(!accepts(&good[..cut]), "{key}, cut at {cut}");
        }
    }
}

#[test]
fn every_byte_of_the_untrusted_comment_flipped() {
    // Nobody signs it: it changes neither what is installed, nor what the next check finds.
    let Some(pair) = Pair::converged() else { return };
    let next = pair.forge.manifest(8, vec![pair.forge.script("echo eight >>\"$OUT/applied\"")]);
    pair.forge.publish(&next);
    let good = fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    let end = good.iter().position(|b| *b == b'\n').unwrap();
    for at in 0..end {
        let mut other = good.clone();
        other[at] ^= 1;
        pair.forge.put(POINTER, &other);
        let run = pair.run(&["--once"]);
        assert!(matches!(run.code, 0 | 3), "byte {at}: {}", run.err);
        pair.forge.put(POINTER, &good);
        let _ = pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\neight\n"), "applied once, and no more: byte {at}");
    }
    // The same for a signature of somebody who is not asked, before or behind the site's.
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    for signers in [[&stranger, &pair.forge.key], [&pair.forge.key, &stranger]] {
        pair.forge.put(POINTER, &sign(&signers, &json::write(&next), &next.comment()));
        let _ = pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\neight\n"));
    }
}
