//! k of n: how many must sign, and who counts once.

use std::fs;

use stringless_core::document::Document;

use crate::world::World;

/// Three keys, two of which must sign.
fn two_of_three() -> Option<World> {
    let world = World::new()?;
    world.add_key("bob");
    world.add_key("carol");
    let _ = world.run(&["keys", "threshold", "2"], 0);
    world.content("two");
    world.site.publish();
    world.follows("two");
    Some(world)
}

#[test]
fn any_two_of_three_keys_sign() {
    let Some(world) = two_of_three() else { return };
    for (pair, text) in [(["release", "carol"], "three"), (["carol", "bob"], "four")] {
        world.content(text);
        let [first, second] = pair.map(|name| format!("keys/{name}.key"));
        let _ = world.run(&["publish", "--key", &first, "--key", &second], 0);
        world.follows(text);
    }
}

#[test]
fn one_key_twice_counts_once() {
    let Some(world) = two_of_three() else { return };
    world.content("three");
    let twice = ["publish", "--key", "keys/bob.key", "--key", "keys/bob.key"];
    let run = world.run(&twice, 1);
    assert!(run.err.contains("1 more signature is needed"), "{}", run.err);
    assert_eq!(world.published().0, 2);
    // Twice in one document, and the same block twice.
    let bob = world.secret("bob");
    world.forge_release(3, &[&bob, &bob]);
    world.refuses("1 of 2 required signatures");
    let bytes = fs::read(world.bucket("env/production/head")).unwrap();
    let document = Document::parse(&bytes).unwrap();
    let block = document.blocks[0];
    world.put("env/production/head", &Document::assemble(&[block, block, block], document.payload));
    world.refuses("1 of 2 required signatures");
    // A trust with one key under two names cannot be made.
    let run = world.run(&["keys", "add", "bobby", "--public", "keys/bob.pub"], 3);
    assert!(run.err.contains("is already the key of bob ("), "{}", run.err);
}

#[test]
fn one_stolen_key_of_two_is_worth_nothing() {
    let Some(world) = two_of_three() else { return };
    let bob = world.secret("bob");
    world.forge_release(3, &[&bob]);
    world.refuses("1 of 2 required signatures");
    // Nor does it change the keys.
    let mut trust = world.payload("trust/4.json");
    trust["version"] = 5.into();
    trust["threshold"] = 1.into();
    world.forge("trust/5.json", &trust, "trust example keys 5", &[&bob]);
    world.refuses("1 of 2 required signatures");
}

#[test]
fn a_raised_threshold_is_signed_by_as_many() {
    let Some(world) = World::new() else { return };
    world.add_key("bob");
    let elsewhere = world.vault().join("bob.key").display().to_string();
    fs::rename(world.site.path("keys/bob.key"), &elsewhere).unwrap();
    // One signature is enough for the version before, not for its own.
    let run = world.run(&["keys", "threshold", "2"], 1);
    assert!(run.out.contains("missing  1 more, of bob ("), "{}", run.out);
    assert!(!world.site.path("trust/3.json").exists() && !world.bucket("trust/3.json").exists());
    let _ = world.run(&["keys", "threshold", "2", "--key", &elsewhere], 0);
    assert!(world.waiting().is_empty(), "{:?}", world.waiting());
    let run = world.run(&["publish"], 1);
    assert!(run.out.contains("  signed   release ("), "{}", run.out);
}
