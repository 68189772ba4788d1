//! Expiry: announced before it comes, and mended by signing again.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::world::World;

#[test]
fn a_release_is_signed_again_with_the_same_content() {
    let Some(world) = World::new() else { return };
    let run = world.run(&["refresh"], 0);
    assert!(run.out.starts_with("nothing to do: example production 1"), "{}", run.out);
    let before = world.payload("env/production/head");
    // The source has moved on; what is published has not.
    world.content("not yet");
    let _ = world.run(&["refresh", "--force"], 0);
    let after = world.payload("env/production/head");
    assert_eq!(after["serial"], 2);
    for part in ["packs", "apply", "agent"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    let mut source = before["source"].clone();
    source["follows"] = serde_json::json!(1);
    assert_eq!(after["source"], source);
    world.follows("one");
    // It is due when a third of its life is left, and when it is over.
    world.site.edit("expires: 30d", "expires: 8s");
    let _ = world.run(&["refresh", "--force"], 0);
    sleep(Duration::from_secs(8));
    let run = world.run(&["verify"], 3);
    assert!(run.err.contains("`stringless refresh` signs it again"), "{}", run.err);
    world.site.edit("expires: 8s", "expires: 30d");
    let run = world.run(&["refresh"], 0);
    assert!(run.out.starts_with("published example production 4: expiry is near"), "{}", run.out);
    let _ = world.run(&["verify"], 0);
    world.follows("one");
}

#[test]
fn dates_are_announced_before_they_come() {
    let Some(world) = World::new() else { return };
    let quiet = world.run(&["verify"], 0);
    assert_eq!(quiet.err, "");
    let _ = world.run(&["refresh", "--expires", "40d"], 0);
    assert_eq!(world.run(&["verify"], 0).err, "");
    let _ = world.run(&["refresh", "--expires", "29d"], 0);
    let printed = "trust version 3 expires at ";
    for (command, hint) in [("verify", "`stringless refresh`"), ("check", "`stringless refresh`")] {
        let run = world.run(&[command], 0);
        let text = run.out + &run.err;
        assert!(text.contains(printed) && text.contains(hint), "{command}: {text}");
    }
    let run = world.run(&["keys", "list"], 0);
    assert!(run.err.contains(printed), "{}", run.err);
    // What is due is done without being asked for.
    let run = world.run(&["refresh"], 0);
    assert!(run.out.starts_with("wrote trust/4.json"), "{}", run.out);
    assert_eq!(world.run(&["verify"], 0).err, "");
    // A release: `check` remembers what was published, and needs no store.
    world.site.edit("expires: 30d", "expires: 1h");
    world.site.publish();
    world.site.edit("expires: 1h", "expires: 30d");
    assert!(!world.run(&["check"], 0).out.contains("expires at"), "not yet");
    let path = world.site.path(".stringless/published/production");
    let mut payload = world.payload("env/production/head");
    payload["created"] = Value::from("2026-01-01T00:00:00Z");
    payload["serial"] = Value::from(50);
    let comment = "manifest example production 50";
    world.forge("env/production/head", &payload, comment, &[&world.secret("release")]);
    fs::copy(world.bucket("env/production/head"), path).unwrap();
    let printed = "release 50 of `production` expires at ";
    let run = world.run(&["check"], 0);
    assert!(run.out.contains(printed) && run.out.contains("`stringless refresh`"), "{}", run.out);
    let run = world.run(&["verify"], 0);
    assert!(run.err.contains(printed), "{}", run.err);
    let json: Value = serde_json::from_str(&world.run(&["verify", "--json"], 0).out).unwrap();
    assert!(json["checks"][0]["warnings"][0].as_str().unwrap().starts_with(printed), "{json}");
}

#[test]
fn an_expired_trust_signs_nothing_until_it_is_renewed() {
    let Some(world) = World::new() else { return };
    let _ = world.run(&["keys", "threshold", "1", "--expires", "6s"], 0);
    sleep(Duration::from_secs(7));
    world.content("two");
    for command in [&["publish"][..], &["check"]] {
        let run = world.run(command, 3);
        let text = run.out + &run.err;
        assert!(text.contains("expired at") && text.contains("`stringless refresh`"), "{text}");
    }
    // A change that keeps the date would be over at once.
    let public = world.key("bob");
    let run = world.run(&["keys", "add", "bob", "--public", &public], 3);
    assert!(run.err.contains("would be expired") && run.err.contains("--expires"), "{}", run.err);
    let _ = world.run(&["refresh"], 0);
    world.site.publish();
    let run = world.follows("two");
    assert!(run.err.contains("trust version 3 accepted"), "{}", run.err);
}

#[test]
fn what_nodes_would_not_take_is_neither_signed_nor_published() {
    let Some(world) = World::new() else { return };
    world.content("two");
    let site = fs::read_to_string(world.site.path("stringless.yaml")).unwrap();
    let cases = [
        ("expires: 30d", "expires: 0s", "expires: expected at least 1 second"),
        ("  timeout: 30m\n", "  timeout: 0s\n", "apply.timeout: expected 1 second to 1 day"),
        ("  timeout: 30m\n", "  timeout: 2d\n", "apply.timeout: expected 1 second to 1 day"),
        ("\napply:\n", "\napply:\n  reapply: 0s\n", "apply.reapply: expected at least 1 second"),
    ];
    for (from, to, why) in cases {
        world.site.edit(from, to);
        for command in ["check", "publish"] {
            let run = world.run(&[command], 78);
            assert!(run.err.contains(why), "{}", run.err);
        }
        world.site.write("stringless.yaml", &site, 0o644);
    }
    assert_eq!(world.published().0, 1);
    assert!(!world.bucket("env/production/history/2").exists());
}
