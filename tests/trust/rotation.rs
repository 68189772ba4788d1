//! Changes of the keys, as a node follows them.

use std::fs;

use serde_json::json;

use crate::world::World;

#[test]
fn a_node_walks_many_versions_at_once() {
    let Some(world) = World::new() else { return };
    world.add_key("bob");
    let public = world.key("second");
    let _ = world.run(&["keys", "rotate", "release", "--public", &public], 0);
    let _ = world.run(&["keys", "threshold", "2"], 0);
    let _ = world.run(&["keys", "threshold", "2", "--expires", "52w"], 0);
    world.content("two");
    world.site.publish();
    assert_eq!(world.published(), (2, 5));
    let run = world.follows("two");
    for version in 2..=5 {
        assert!(run.err.contains(&format!("trust version {version} accepted")), "{}", run.err);
    }
    let _ = world.run(&["verify"], 0);
    // What it has walked through, it keeps: the first key signs nothing any more.
    world.forge_release(3, &[&world.secret("release"), &world.secret("bob")]);
    world.refuses("1 of 2 required signatures");
}

#[test]
fn a_removed_key_counts_no_more() {
    let Some(world) = World::new() else { return };
    world.add_key("bob");
    world.content("two");
    let _ = world.run(&["publish", "--key", "keys/bob.key"], 0);
    world.follows("two");
    let _ = world.run(&["keys", "remove", "bob"], 0);
    let run = world.run(&["publish", "--force", "--key", "keys/bob.key"], 3);
    assert!(run.err.contains("does not belong to trust version 3"), "{}", run.err);
    // Signing again what bob signed would be to vouch for it.
    let run = world.run(&["refresh", "--force"], 3);
    assert!(run.err.contains("keys that no longer count"), "{}", run.err);
    world.content("three");
    world.site.publish();
    world.follows("three");
    world.forge_release(9, &[&world.secret("bob")]);
    world.refuses("0 of 1 required signatures");
}

#[test]
fn a_trust_needs_the_old_threshold_and_the_new_one() {
    let Some(world) = World::new() else { return };
    let _ = world.key("bob");
    let (old, new) = (world.secret("release"), world.secret("bob"));
    let mut payload = world.payload("trust/1.json");
    payload["version"] = json!(2);
    payload["keys"] = json!([{"name": "bob", "id": new.public().id(), "key": new.public().as_str()}]);
    let mut release = world.payload("env/production/head");
    release["serial"] = json!(2);
    release["trust_version"] = json!(2);
    for signers in [vec![&old], vec![&new]] {
        world.forge("trust/2.json", &payload, "trust example keys 2", &signers);
        let comment = "manifest example production 2";
        world.forge("env/production/head", &release, comment, &[&new, &old]);
        world.refuses("0 of 1 required signatures");
        for command in [&["verify"][..], &["publish"], &["keys", "threshold", "1"]] {
            let run = world.run(command, 3);
            assert!(run.err.contains("trust/2.json: 0 of 1 required signatures"), "{}", run.err);
        }
    }
    world.forge("trust/2.json", &payload, "trust example keys 2", &[&old, &new]);
    let run = world.check().expect(0);
    assert!(run.err.contains("trust version 2 accepted"), "{}", run.err);
}

#[test]
fn no_version_is_skipped() {
    let Some(world) = World::new() else { return };
    let _ = world.run(&["refresh", "--trust"], 0);
    let _ = world.run(&["refresh", "--trust"], 0);
    world.content("two");
    world.site.publish();
    let second = fs::read(world.bucket("trust/2.json")).unwrap();
    // The same keys have signed all three: only the number tells them apart.
    let third = fs::read(world.bucket("trust/3.json")).unwrap();
    world.put("trust/2.json", &third);
    world.refuses("trust version 3 does not follow version 1");
    fs::rename(world.site.path("trust/2.json"), world.site.path("kept")).unwrap();
    fs::rename(world.site.path("trust/3.json"), world.site.path("trust/2.json")).unwrap();
    for command in [&["publish"][..], &["keys", "list"], &["verify"]] {
        let run = world.run(command, 3);
        assert!(run.err.contains("trust version 3 does not follow version 1"), "{}", run.err);
    }
    world.put("trust/2.json", &second);
    world.follows("two");
}

#[test]
fn a_change_that_was_cut_off_is_mended_by_running_again() {
    let Some(world) = World::new() else { return };
    let public = world.key("bob");
    let add = ["keys", "add", "bob", "--public", &public];
    let _ = world.run(&add, 0);
    let here = fs::read(world.site.path("trust/2.json")).unwrap();
    // As after a power cut between the two writes.
    fs::remove_file(world.bucket("trust/2.json")).unwrap();
    let run = world.run(&add, 0);
    assert!(run.out.contains("which was missing from the store"), "{}", run.out);
    assert_eq!(fs::read(world.bucket("trust/2.json")).unwrap(), here);
    assert!(!world.site.path("trust/3.json").exists());
    let run = world.run(&add, 0);
    assert!(run.out.starts_with("nothing to do"), "{}", run.out);
    // A release brings it there, too.
    fs::remove_file(world.bucket("trust/2.json")).unwrap();
    world.content("two");
    world.site.publish();
    assert_eq!(fs::read(world.bucket("trust/2.json")).unwrap(), here);
    world.follows("two");
}

#[test]
fn two_histories_of_one_site_are_distinguished() {
    let Some(world) = World::new() else { return };
    let public = world.key("bob");
    // Here is a second version that never reached the store, and the store has got another one.
    let _ = world.run(&["keys", "add", "bob", "--public", &public], 0);
    let ours = fs::read(world.site.path("trust/2.json")).unwrap();
    fs::remove_file(world.site.path("trust/2.json")).unwrap();
    fs::remove_file(world.bucket("trust/2.json")).unwrap();
    let _ = world.run(&["keys", "threshold", "1", "--expires", "52w"], 0);
    fs::write(world.site.path("trust/2.json"), ours).unwrap();
    for command in [&["keys", "threshold", "2"][..], &["refresh", "--trust"], &["publish", "--force"]] {
        let run = world.run(command, 3);
        assert!(run.err.contains("a trust version never changes"), "{}", run.err);
        assert!(run.err.contains("remove the file if it was never published"), "{}", run.err);
    }
    assert!(!world.bucket("trust/3.json").exists() && !world.site.path("trust/3.json").exists());
    assert_eq!(world.published().0, 1);
    let _ = world.check().expect(0);
}

#[test]
fn what_a_thief_put_after_the_chain_is_not_followed() {
    let Some(world) = World::new() else { return };
    world.put("trust/2.json", b"{}");
    for command in [&["keys", "threshold", "1"][..], &["publish", "--force"], &["refresh", "--trust"]] {
        let run = world.run(command, 3);
        assert!(run.err.contains("remove it from the store"), "{}", run.err);
    }
    fs::remove_file(world.bucket("trust/2.json")).unwrap();
    let _ = world.run(&["refresh", "--trust"], 0);
}
