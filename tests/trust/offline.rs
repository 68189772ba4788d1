//! Keys that the generator never sees: what is to be signed is carried to them, and signatures back, with
//! stock minisign alone.

use std::fs;

use e2e::tools;
use serde_json::Value;

use crate::world::World;

/// A site whose only key is `one`, in the vault.
fn vaulted() -> Option<World> {
    tools::program("minisign")?;
    let world = World::new()?;
    let public = world.vault_key("one");
    let run = world.run(&["keys", "rotate", "release", "--public", &public], 1);
    assert!(run.out.contains("minisign -S -s KEY -m trust-2.json -t 'trust example keys 2'"), "{}", run.out);
    assert!(run.err.contains("1 more signature is needed"), "{}", run.err);
    assert!(!world.bucket("trust/2.json").exists());
    world.sign_in_vault("one", "trust-2.json", "trust example keys 2");
    let run = world.run(&["submit"], 0);
    assert!(run.out.starts_with("wrote trust/2.json"), "{}", run.out);
    fs::remove_file(world.site.path("keys/release.key")).unwrap();
    Some(world)
}

/// What waits after `publish --offline` of this content: serial 2.
fn waits(world: &World, text: &str) -> (&'static str, &'static str) {
    world.content(text);
    let _ = world.run(&["publish", "--offline"], 0);
    let file = "manifest-production-2.json";
    assert_eq!(world.waiting(), [file]);
    (file, "manifest example production 2")
}

#[test]
fn a_release_is_signed_where_the_bucket_is_never_seen() {
    let Some(world) = vaulted() else { return };
    let (file, comment) = waits(&world, "two");
    assert_eq!(world.published().0, 1);
    assert!(world.run(&["check"], 0).out.contains("manifest-production-2.json` waits for signatures"));
    let run = world.run(&["submit"], 1);
    assert!(run.out.contains(&format!("-m {file} -t '{comment}'")), "{}", run.out);
    world.sign_in_vault("one", file, comment);
    let run = world.run(&["submit", "--dry-run"], 0);
    assert!(run.out.starts_with("would publish example production 2"), "{}", run.out);
    assert_eq!(world.published().0, 1);
    let run = world.run(&["submit"], 0);
    assert!(run.out.starts_with("published example production 2: signed elsewhere"), "{}", run.out);
    assert!(world.waiting().is_empty(), "{:?}", world.waiting());
    world.follows("two");
    let _ = world.run(&["verify"], 0);
    // Signed again in the same way.
    let _ = world.run(&["refresh", "--force", "--offline"], 0);
    world.sign_in_vault("one", "manifest-production-3.json", "manifest example production 3");
    let _ = world.run(&["submit"], 0);
    world.follows("two");
    assert_eq!(world.published(), (3, 2));
    assert_eq!(world.run(&["submit"], 78).out, "");
}

#[test]
fn signatures_come_one_at_a_time_from_several_machines() {
    let Some(world) = vaulted() else { return };
    let public = world.vault_key("two");
    for (command, version) in
        [(vec!["keys", "add", "two", "--public", &public], 3), (vec!["keys", "threshold", "2"], 4)]
    {
        let _ = world.run(&[&command[..], &["--offline"]].concat(), 0);
        let (file, comment) = (format!("trust-{version}.json"), format!("trust example keys {version}"));
        world.sign_in_vault("one", &file, &comment);
        if version == 4 {
            let run = world.run(&["submit"], 1);
            assert!(run.out.contains("missing  1 more, of two ("), "{}", run.out);
            world.sign_in_vault("two", &file, &comment);
        }
        let _ = world.run(&["submit"], 0);
    }
    let (file, comment) = waits(&world, "two");
    // Both bring a file of the same name.
    world.sign_in_vault("one", file, comment);
    let json: Value = serde_json::from_str(&world.run(&["submit", "--json"], 1).out).unwrap();
    let waiting = &json["releases"][0]["waiting"];
    assert_eq!((waiting["needed"].as_u64(), &waiting["comment"]), (Some(1), &Value::from(comment)));
    assert!(waiting["signed"][0].as_str().unwrap().starts_with("release ("), "{json}");
    // The same key again is no second one.
    world.sign_in_vault("one", file, comment);
    let _ = world.run(&["submit"], 1);
    world.sign_in_vault("two", file, comment);
    let _ = world.run(&["submit"], 0);
    world.follows("two");
    assert_eq!(world.published(), (2, 4));
}

#[test]
fn a_signature_that_does_not_count_is_reported_at_once() {
    let Some(world) = vaulted() else { return };
    let (file, comment) = waits(&world, "two");
    let _ = world.vault_key("stranger");
    fs::copy(world.pending(file), world.vault().join(file)).unwrap();
    fs::copy(world.pending(file), world.vault().join("other")).unwrap();
    let other =
        fs::read_to_string(world.vault().join("other")).unwrap().replace("\"serial\": 2", "\"serial\": 3");
    fs::write(world.vault().join("other"), other).unwrap();
    let sign = |args: &[&str]| world.minisign(&[&["-S"], args].concat());
    let cases: [(&str, &[&str], &str, &str); 5] = [
        (file, &["-s", "one.key"], "its trusted comment is `timestamp:", "sign again with `-t"),
        (
            file,
            &["-s", "one.key", "-t", "manifest example staging 2"],
            "trusted comment is `manifest example st",
            "-t",
        ),
        (file, &["-l", "-s", "one.key", "-t", comment], "minisign's legacy format", "without `-l`"),
        (
            file,
            &["-s", "stranger.key", "-t", comment],
            "which does not belong to trust version 2",
            "these keys count: release (",
        ),
        (
            "other",
            &["-s", "one.key", "-t", comment],
            "does not match the file beside it",
            "another file was signed",
        ),
    ];
    for (signed, args, why, hint) in cases {
        sign(&[args, &["-m", signed]].concat());
        world.bring(signed, &format!("{file}.minisig"));
        let run = world.run(&["submit"], 3);
        assert!(run.err.contains(why) && run.err.contains(hint), "{why}: {}", run.err);
        // Nor is it taken by a command that has keys of its own.
        let run = world.run(&["publish", "--offline"], 3);
        assert!(run.err.contains(why), "{why}: {}", run.err);
        fs::remove_file(world.pending(&format!("{file}.minisig"))).unwrap();
    }
    for garbage in ["", "untrusted comment: x\nRUQ\n", "not a signature\n"] {
        fs::write(world.pending(&format!("{file}.minisig")), garbage).unwrap();
        let run = world.run(&["submit"], 3);
        assert!(run.err.contains("it is no minisign signature"), "{}", run.err);
        fs::remove_file(world.pending(&format!("{file}.minisig"))).unwrap();
    }
    // The payload was changed after it was signed.
    world.sign_in_vault("one", file, comment);
    let payload = fs::read_to_string(world.pending(file)).unwrap();
    fs::write(world.pending(file), payload.replace("\"timeout\": 1800", "\"timeout\": 1801")).unwrap();
    let run = world.run(&["submit"], 3);
    assert!(run.err.contains("does not match the file beside it"), "{}", run.err);
    assert_eq!(world.published().0, 1, "nothing of it was published");
    fs::write(world.pending(file), payload).unwrap();
    let _ = world.run(&["submit"], 0);
    world.follows("two");
}

#[test]
fn what_was_overtaken_is_not_published() {
    let Some(world) = vaulted() else { return };
    let (file, comment) = waits(&world, "two");
    world.sign_in_vault("one", file, comment);
    // Somebody else, from another copy of the site, publishes the serial meanwhile.
    let kept = world.site.path("kept");
    fs::rename(world.pending(""), &kept).unwrap();
    let _ = waits(&world, "other");
    world.sign_in_vault("one", file, comment);
    let _ = world.run(&["submit"], 0);
    fs::rename(&kept, world.pending("")).unwrap();
    let run = world.run(&["submit"], 3);
    assert!(run.err.contains("serial 2 or a higher one was published meanwhile"), "{}", run.err);
    assert!(run.err.contains("rm .stringless/pending/manifest-production-2.json*"), "{}", run.err);
    world.follows("other");
    // Made again, it has the next serial; nothing of the old one is left.
    world.content("two");
    let _ = world.run(&["publish", "--offline"], 0);
    assert_eq!(world.waiting(), ["manifest-production-3.json"]);
    // And a change of the keys overtakes what was made before it.
    let file = "manifest-production-3.json";
    world.sign_in_vault("one", file, "manifest example production 3");
    let _ = world.run(&["refresh", "--trust", "--offline"], 0);
    world.sign_in_vault("one", "trust-3.json", "trust example keys 3");
    let run = world.run(&["submit"], 3);
    assert!(run.out.starts_with("wrote trust/3.json"), "{}", run.out);
    assert!(run.err.contains("it was made under trust version 2, but the newest is 3"), "{}", run.err);
    world.follows("other");
}

#[test]
fn what_was_signed_is_not_replaced_by_something_else() {
    let Some(world) = vaulted() else { return };
    let (file, comment) = waits(&world, "two");
    let first = fs::read(world.pending(file)).unwrap();
    // The same once more is the same file: somebody may have signed it already.
    let _ = waits(&world, "two");
    assert_eq!(fs::read(world.pending(file)).unwrap(), first);
    // Something else takes its place while nobody has.
    let _ = waits(&world, "other");
    assert_ne!(fs::read(world.pending(file)).unwrap(), first);
    world.sign_in_vault("one", file, comment);
    world.content("again");
    let run = world.run(&["publish", "--offline"], 3);
    assert!(run.err.contains("has other content, and is signed already"), "{}", run.err);
    let _ = world.run(&["submit"], 0);
    world.follows("other");
}

#[test]
fn a_submission_that_was_cut_off_goes_on() {
    let Some(world) = vaulted() else { return };
    let (file, comment) = waits(&world, "two");
    let pointer = fs::read(world.bucket("env/production/head")).unwrap();
    world.sign_in_vault("one", file, comment);
    let kept = world.site.path("kept");
    let copy = || {
        fs::create_dir_all(&kept).unwrap();
        for name in world.waiting() {
            fs::copy(world.pending(&name), kept.join(name)).unwrap();
        }
    };
    copy();
    let _ = world.run(&["submit"], 0);
    let published = fs::read(world.bucket("env/production/head")).unwrap();
    // Before the pointer was moved, then after it, before the files were cleared away.
    for before in [&pointer, &published] {
        world.put("env/production/head", before);
        for entry in fs::read_dir(&kept).unwrap().flatten() {
            fs::copy(entry.path(), world.pending("").join(entry.file_name())).unwrap();
        }
        let _ = world.run(&["submit"], 0);
        assert_eq!(fs::read(world.bucket("env/production/head")).unwrap(), published);
        assert!(world.waiting().is_empty(), "{:?}", world.waiting());
    }
    world.follows("two");
}
