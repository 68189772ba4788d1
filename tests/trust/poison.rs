//! A serial driven up by a stolen key, and the way back.

use std::fs;

use serde_json::json;

use crate::world::World;

/// The thief of the first key has published this serial, dated far ahead.
fn poisoned(serial: u64) -> Option<World> {
    let world = World::new()?;
    let mut payload = world.payload("env/production/head");
    payload["serial"] = json!(serial);
    payload["created"] = json!("2099-01-01T00:00:00Z");
    let comment = format!("manifest example production {serial}");
    world.forge("env/production/head", &payload, &comment, &[&world.secret("release")]);
    let _ = world.check().expect(0);
    Some(world)
}

#[test]
fn a_rotation_resets_the_last_serial_that_there_is() {
    let Some(world) = poisoned(u64::MAX) else { return };
    world.content("two");
    let run = world.run(&["publish", "--force"], 3);
    assert!(run.err.contains("--min-serial production=N"), "{}", run.err);
    let public = world.key("second");
    let run = world.run(&["keys", "rotate", "release", "--public", &public], 0);
    // This copy of the site knows what it published last.
    assert!(run.out.contains("production from 2 on"), "{}", run.out);
    assert_eq!(world.site.publish()["serial"], 2);
    world.follows("two");
    // The thief tries again: the node is no longer impressed, nor is the generator.
    world.forge_release(u64::MAX, &[&world.secret("release")]);
    world.refuses("0 of 1 required signatures");
    let run = world.run(&["refresh"], 3);
    assert!(run.err.contains("keys that no longer count"), "{}", run.err);
    world.content("three");
    assert_eq!(world.site.publish()["serial"], 3);
    world.follows("three");
    let _ = world.run(&["verify"], 0);
}

#[test]
fn the_serial_to_go_on_from_can_be_stated() {
    // Not the last one, and still none that anybody reaches.
    let Some(world) = poisoned(1 << 60) else { return };
    let run = world.run(&["publish", "--force"], 3);
    assert!(run.err.contains("no honest publisher reaches that number"), "{}", run.err);
    // A fresh copy of the site knows nothing, and does not guess.
    fs::remove_dir_all(world.site.path(".stringless")).unwrap();
    let public = world.key("second");
    let rotate = ["keys", "rotate", "release", "--public", &public];
    let run = world.run(&rotate, 3);
    assert!(run.err.contains("`--min-serial production=N`"), "{}", run.err);
    assert!(!world.site.path("trust/2.json").exists());
    for bad in ["production=0", "production=18446744073709551615", "staging=1"] {
        let run = world.site.run(&[&rotate[..], &["--min-serial", bad]].concat());
        assert_ne!(run.code, 0, "{bad}");
        assert!(!world.site.path("trust/2.json").exists(), "{bad}");
    }
    let _ = world.run(&[&rotate[..], &["--min-serial", "production=40"]].concat(), 0);
    world.content("two");
    assert_eq!(world.site.publish()["serial"], 40);
    world.follows("two");
    world.content("three");
    assert_eq!(world.site.publish()["serial"], 41);
    world.follows("three");
}

#[test]
fn without_a_rotation_a_lower_serial_is_a_rollback() {
    let Some(world) = poisoned(u64::MAX) else { return };
    world.forge_release(2, &[&world.secret("release")]);
    world.refuses("[rollback]");
}

#[test]
fn a_bucket_that_was_lost_is_filled_again() {
    let Some(world) = World::new() else { return };
    for text in ["two", "three"] {
        world.content(text);
        world.site.publish();
    }
    world.follows("three");
    let empty = || {
        for part in ["env", "packs", "trust"] {
            fs::remove_dir_all(world.bucket(part)).unwrap();
        }
    };
    // The copy that published knows the last serial.
    empty();
    assert_eq!(world.site.publish()["serial"], 4);
    world.follows("three");
    // Any other copy states one, under a new trust.
    empty();
    fs::remove_dir_all(world.site.path(".stringless")).unwrap();
    world.content("five");
    assert_eq!(world.site.publish()["serial"], 1);
    world.refuses("[rollback]");
    let run = world.run(&["refresh", "--min-serial", "production=5"], 0);
    assert!(run.out.contains("published example production 5: trust changed"), "{}", run.out);
    world.follows("five");
    // The same when the store lost the trust, too, which is then brought back on the way.
    empty();
    fs::remove_dir_all(world.site.path(".stringless")).unwrap();
    let _ = world.run(&["refresh", "--min-serial", "production=9"], 0);
    world.content("again");
    assert_eq!(world.site.publish()["serial"], 9);
    world.follows("again");
    let _ = world.run(&["verify"], 0);
}

#[test]
fn a_pointer_that_nobody_signed_does_not_keep_the_keys_from_being_changed() {
    let Some(world) = World::new() else { return };
    world.put("env/production/head", b"garbage");
    let run = world.run(&["publish"], 3);
    assert!(run.err.contains("not a signed document"), "{}", run.err);
    let public = world.key("second");
    let _ = world.run(&["keys", "rotate", "release", "--public", &public], 0);
    fs::remove_file(world.bucket("env/production/head")).unwrap();
    world.content("two");
    assert_eq!(world.site.publish()["serial"], 2);
    world.follows("two");
}

#[test]
fn the_same_keys_may_go_on_from_a_lower_serial() {
    // Nobody was robbed: somebody published a wrong number.
    let Some(world) = poisoned(u64::MAX) else { return };
    let _ = world.run(&["refresh", "--force", "--min-serial", "production=2"], 0);
    assert_eq!(world.published(), (2, 2));
    let run = world.follows("one");
    assert!(run.err.contains("trust version 2 accepted"), "{}", run.err);
    world.content("two");
    assert_eq!(world.site.publish()["serial"], 3);
    world.follows("two");
}
