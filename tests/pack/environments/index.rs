//! The index of the cache names another pack than the one that was made from the source: nothing of it is signed.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::world::{World, text};

type Packs = BTreeMap<String, Vec<(String, String)>>;

const INDEX: &str = ".stringless/index/.packs.json";

fn hash(packs: &Packs, environment: &str, path: &str) -> String {
    packs[environment].iter().find(|(known, _)| known == path).unwrap().1.clone()
}

/// Has the key of one pack name another pack.
fn swap(world: &World, right: &str, wrong: &str) {
    let file = world.site.path(INDEX);
    let mut index: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let other = index.values().find(|pack| pack["sha256"] == wrong).unwrap().clone();
    let mut changed = 0;
    for pack in index.values_mut().filter(|pack| pack["sha256"] == right) {
        *pack = other.clone();
        changed += 1;
    }
    assert!(changed > 0, "no key of {right}");
    fs::write(file, serde_json::to_vec(&index).unwrap()).unwrap();
}

#[test]
fn a_pack_of_other_content_is_not_signed() {
    let Some(world) = World::new() else { return };
    let packs = world.packs(&["-e", "production"]);
    for (path, command) in [
        ("data", vec!["publish", "-e", "production"]),
        ("modules/apt", vec!["publish", "-e", "production"]),
        ("data", vec!["publish", "--all"]),
        ("modules/apt", vec!["diff", "-e", "production", "--no-pager"]),
        ("data", vec!["build", "-e", "production", "--out", "out"]),
    ] {
        world.packs(&["-e", "production"]);
        swap(&world, &hash(&packs, "production", path), &hash(&packs, "production", "manifests"));
        let refused = world.site.run(&command).expect(3);
        assert!(refused.err.contains(&format!("comparing pack `{path}` with its source")), "{}", refused.err);
        assert!(refused.err.contains("hint: "), "{}", refused.err);
        assert!(!world.site.path(INDEX).exists(), "it is not believed a second time");
    }
    let _ = world.site.run(&["publish", "--all"]).expect(0);
    assert_eq!(world.packs(&["-e", "production"]), packs);
    let _ = world.site.run(&["verify"]).expect(0);
}

/// The store has the old pack, and a signature vouches for it; but not for what the source is now.
#[test]
fn an_earlier_pack_of_the_same_path_is_not_signed() {
    let Some(world) = World::new() else { return };
    let old = world.packs(&["-e", "production"]);
    let _ = world.site.run(&["publish", "-e", "production"]).expect(0);
    world.control.change("production", &[text("data/common.yaml", "a: 2\n")]);
    let new = world.packs(&["-e", "production"]);
    swap(&world, &hash(&new, "production", "data"), &hash(&old, "production", "data"));
    let refused = world.site.run(&["publish", "-e", "production"]).expect(3);
    assert!(refused.err.contains("`data/common.yaml` is not as in the source"), "{}", refused.err);
    let _ = world.site.run(&["publish", "-e", "production"]).expect(0);
    assert_eq!(world.packs(&["-e", "production"]), new);
}

#[test]
fn what_is_published_is_not_read_again() {
    let Some(world) = World::new() else { return };
    let _ = world.site.run(&["publish", "-e", "production"]).expect(0);
    // What would be read is damaged.
    for pack in fs::read_dir(world.site.path(".stringless/packs")).unwrap() {
        let path = pack.unwrap().path();
        let size = fs::metadata(&path).unwrap().len();
        fs::write(&path, vec![0; usize::try_from(size).unwrap()]).unwrap();
    }
    let again = world.site.run(&["publish", "-e", "production"]).expect(0);
    assert!(again.out.starts_with("nothing to do"), "{}", again.out);
}
