//! Packs whose bytes are not what they should be: the generator refuses them as the node does.

use std::fs;

use serde_json::json;
use stringless_core::hash::Sha256;
use stringless_core::layout;

use crate::world::World;

/// The manifest names the longer bytes, and is well signed: only the end of the archive is wrong.
#[test]
fn verify_refuses_a_pack_with_bytes_after_the_archive_as_the_node_does() {
    let Some(world) = World::new() else { return };
    world.content("two");
    world.site.publish();
    world.follows("two");
    let honest = world.payload("env/production/head");
    let sha256 = Sha256::parse(honest["packs"][0]["sha256"].as_str().unwrap()).unwrap();
    let packed = fs::read(world.bucket(&layout::pack(&sha256))).unwrap();
    for (serial, more) in [(3, b"x".to_vec()), (4, packed.clone())] {
        let longer = [packed.as_slice(), &more].concat();
        let sha256 = Sha256::of(&longer);
        world.put(&layout::pack(&sha256), &longer);
        let mut payload = honest.clone();
        payload["serial"] = json!(serial);
        payload["packs"][0]["sha256"] = json!(sha256.to_string());
        payload["packs"][0]["size"] = json!(longer.len());
        let comment = format!("manifest example production {serial}");
        world.forge("env/production/head", &payload, &comment, &[&world.secret("release")]);
        world.refuses("something follows the end of the compressed archive");
        let run = world.run(&["verify"], 3);
        let printed = [run.out, run.err].concat();
        assert!(printed.contains("something follows the end of the compressed archive"), "{printed}");
    }
}

#[test]
fn diff_does_not_put_other_bytes_into_the_cache() {
    let Some(world) = World::new() else { return };
    let payload = world.payload("env/production/head");
    let hash = payload["packs"][0]["sha256"].as_str().unwrap();
    let cached = world.site.path(&format!(".stringless/packs/{hash}.tar.gz"));
    let key = layout::pack(&Sha256::parse(hash).unwrap());
    let honest = fs::read(&cached).unwrap();
    world.content("two");
    fs::remove_file(&cached).unwrap();
    let mut other = honest.clone();
    other[20] ^= 1;
    world.put(&key, &other);
    let run = world.run(&["diff"], 3);
    assert!(run.err.contains("expected") && run.err.contains(hash), "{}", run.err);
    assert!(!cached.exists(), "bytes that were refused are in the cache");
    world.put(&key, &honest);
    let _ = world.run(&["diff", "--no-pager", "--exit-code"], 2);
    assert_eq!(fs::read(&cached).unwrap(), honest);
}
