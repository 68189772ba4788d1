//! Parts that are each well made, and do not belong together.

use std::fs;

use e2e::forge::{Entry, name};
use e2e::pair::Pair;
use serde_json::json;
use stringless_core::layout;

const POINTER: &str = "env/production/head";

#[test]
fn mix_and_match_of_packs() {
    let Some(pair) = Pair::converged() else { return };
    let bytes = |sha256: &_| fs::read(pair.forge.bucket().join(layout::pack(sha256))).unwrap();
    let six = pair.forge.release(6, "night");
    let next = pair.forge.release(8, "eight");
    // The pack of one release under the name of another's.
    let other = bytes(&six.packs[0].sha256);
    assert_eq!(other.len() as u64, next.packs[0].size, "of one length, so that only the hash tells");
    pair.forge.put(&layout::pack(&next.packs[0].sha256), &other);
    let _ = pair.refuses("hash");
    assert_eq!(fs::read_dir(pair.state("packs")).unwrap().count(), 1, "nothing of it stays");
    // One pack of two is of the other release.
    let data = |text| pair.forge.pack("data", &[Entry::file("f", 0o644, text)]);
    let (old, new) = (data("old"), data("new"));
    pair.forge
        .publish(&pair.forge.manifest(9, vec![pair.forge.script("echo bad >\"$OUT/applied\""), new.clone()]));
    pair.forge.put(&layout::pack(&new.sha256), &bytes(&old.sha256));
    let _ = pair.refuses("hash");
}

#[test]
fn mix_and_match_of_environments() {
    let Some(pair) = Pair::converged() else { return };
    let mut other = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    other.environment = name("staging");
    pair.forge.publish(&other);
    let staged = fs::read(pair.forge.bucket().join("env/staging/head")).unwrap();
    pair.forge.put(POINTER, &staged);
    let _ = pair.refuses("foreign");
    // The other way round, for a run that asks for it.
    pair.forge.release(9, "nine");
    let own = fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    pair.forge.put("env/staging/head", &own);
    let run = pair.run(&["--once", "--environment", "staging"]).expect(3);
    assert!(run.err.contains("[foreign]"), "{}", run.err);
    pair.goes_on();
}

#[test]
fn mix_and_match_of_sites() {
    let Some(pair) = Pair::converged() else { return };
    // Two sites with one key: a node that follows both takes neither's for the other's.
    let other = e2e::forge::Forge::new();
    let mut config = pair.forge.config(&pair.forge.url());
    let mut layer = config["layers"][0].clone();
    layer["site"] = json!("other");
    layer["stores"] = json!([{"url": other.url()}]);
    config["layers"].as_array_mut().unwrap().push(layer);
    pair.node.configure(&config);
    pair.forge.release(8, "eight");
    other.put(POINTER, &fs::read(pair.forge.bucket().join(POINTER)).unwrap());
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("signed for site `example`, expected `other`"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"), "the first site converges");
    assert!(!pair.state("layers/other/current").exists());
    // And its trust is not the other's.
    let document = crate::keys::rotation(&pair.forge, 2, 1).1;
    other.put("trust/2.json", &document);
    let mut next = pair.forge.manifest(9, Vec::new());
    (next.site, next.trust_version) = (name("other"), 2);
    let signed = e2e::forge::sign(&[&pair.forge.key], &stringless_core::json::write(&next), &next.comment());
    other.put(POINTER, &signed);
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("`trust/2.json`") && run.err.contains("[foreign]"), "{}", run.err);
}

#[test]
fn mix_and_match_of_packs_that_overlap() {
    let Some(pair) = Pair::converged() else { return };
    let script = || pair.forge.script("true");
    let linked = |target| pair.forge.pack("a", &[Entry::link("x", b'2', target)]);
    let below = pair.forge.pack("a/x/y", &[Entry::file("evil", 0o644, "x")]);
    let file = |path: &str, name| pair.forge.pack(path, &[Entry::file(name, 0o644, "x")]);
    let folders = [Entry::file("apply", 0o755, "x"), Entry::folder("a/"), Entry::folder("a/x/")];
    let cases = [
        (
            "the same file",
            vec![
                file("data", "a"),
                pair.forge.pack("", &[Entry::folder("data/"), Entry::file("data/a", 0o644, "y")]),
            ],
        ),
        ("below a link", vec![script(), linked("."), below.clone()]),
        ("below a file", vec![script(), file("apply/x", "f")]),
        ("a folder over a link", vec![script(), linked("."), pair.forge.pack("", &folders[1..])]),
        ("a link over a folder", vec![script(), linked("."), file("a/x", "f")]),
        ("a file over a folder", vec![script(), file("a/x", "f"), file("a", "x")]),
        ("two for one place", vec![script(), file("", "apply")]),
        ("two whose places differ in case", vec![script(), file("Data", "a"), file("data", "b")]),
    ];
    for (serial, (what, packs)) in (8..).zip(cases) {
        println!("{what}");
        pair.forge.publish(&pair.forge.manifest(serial, packs));
        let _ = pair.refuses("invalid");
    }
}

#[test]
fn mix_and_match_of_places() {
    let Some(pair) = Pair::converged() else { return };
    let out = pair.node.root().join("escaped").display().to_string();
    let deep = "d/".repeat(600) + "d";
    for (serial, path) in
        (8..).zip([out.as_str(), "../../escaped", "a/../../x", "a//b", "a/", "./a", "a\u{1b}[2J", &deep])
    {
        let mut pack = pair.forge.pack("", &[Entry::file("f", 0o644, "x")]);
        pack.path = path.to_owned();
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script("true"), pack]));
        let _ = pair.refuses("invalid");
    }
    // What is run is a file of the release, and no other.
    for (serial, run) in (20..).zip(["/bin/sh", "../../../../bin/sh", "", "a\nb"]) {
        let mut next = pair.forge.manifest(serial, vec![pair.forge.script("true")]);
        let engine = stringless_core::manifest::ScriptEngine { run: run.to_owned(), noop: false, root: true };
        next.apply.engine = stringless_core::manifest::Engine::Script(engine);
        pair.forge.publish(&next);
        let _ = pair.refuses("invalid");
    }
    // Nor is it reached by a link.
    let link = |target| [Entry::folder("d/"), Entry::link("apply", b'2', target)];
    for (serial, target) in (30..).zip(["/bin/true", "../../../../bin/true", "d/../../x"]) {
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.pack("", &link(target))]));
        let _ = pair.refuses("archive");
    }
}
