//! The commands for garage, run against garage.

use std::collections::BTreeMap;
use std::fs;

use e2e::garage::{BUCKET, Garage, Key};
use e2e::netns::Net;

use super::{PREFIX, config, node, policy, site};

#[test]
fn the_commands_make_keys_that_can_do_as_much() {
    let Some(garage) = Garage::start(&Net::host()) else { return };
    let Some(mut site) = site(&garage.endpoint()) else { return };
    let mut keys = BTreeMap::new();
    for whom in ["nodes", "publisher"] {
        let printed = site.run(&["policy", "garage", "--for", whom, "-e", "production"]).expect(0);
        assert!(printed.err.contains("NOT LEAST PRIVILEGE: rights of garage"), "{}", printed.err);
        assert!(printed.err.contains("for every environment"), "{}", printed.err);
        let printed = garage.shell(&policy(&site, &["garage", "--for", whom]));
        let field = |name: &str| {
            let line = printed.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().last())
                .unwrap_or_else(|| panic!("{printed}"))
                .to_owned()
        };
        keys.insert(whom, Key { id: field("Key ID"), secret: field("Secret key") });
    }
    let (nodes, publisher) = (&keys["nodes"], &keys["publisher"]);
    site.publish_with(publisher);
    if site.push_agent().is_none() {
        return;
    }
    site.run(&["publish", "--environment", "production"]).expect(0);
    let mine = config(&mut site, nodes, "production");
    let Some(follower) = node(&mine) else { return };
    follower.once().expect(0);

    let file = site.path("apply");
    let put = ["--upload-file", file.to_str().unwrap()];
    let delete = ["--request", "DELETE"];
    let pointer = format!("{PREFIX}/env/production/head");
    let (before, _) = (fs::read(&file).unwrap(), ());
    assert_eq!(garage.curl(nodes, &pointer, &put).0, 403);
    assert_eq!(garage.curl(nodes, &pointer, &delete).0, 403);
    assert_eq!(garage.curl(nodes, "elsewhere", &put).0, 403);
    assert_eq!(garage.curl(nodes, "?policy", &put).0 / 100, 4);
    assert_ne!(garage.curl(nodes, &pointer, &[]).1, before, "nothing was written");
    // Another bucket is closed to both.
    garage.shell("garage bucket create others");
    for key in [nodes, publisher] {
        assert_eq!(garage.curl(key, &format!("../others/{pointer}"), &put).0, 403);
        assert_eq!(garage.curl(key, "../others/?list-type=2", &[]).0, 403);
    }
    // What the note says that it cannot keep them from.
    assert_eq!(garage.curl(publisher, "elsewhere", &put).0, 200);
    assert_eq!(garage.curl(nodes, "elsewhere", &[]).0, 200);
    let listed = garage.curl(nodes, "?list-type=2", &[]);
    assert!(listed.0 == 200 && String::from_utf8_lossy(&listed.1).contains("elsewhere"), "{BUCKET}");
}
