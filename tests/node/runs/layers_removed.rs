//! A layer that is taken out of the configuration leaves nothing behind.

use std::fs;

use e2e::agent::{Node, Run};
use e2e::forge::{Forge, name};
use e2e::netns::Net;
use serde_json::{Value, json};

fn layer(forge: &Forge, site: &str) -> Value {
    let mut layer = forge.config(&forge.url())["layers"][0].clone();
    layer["site"] = json!(site);
    layer
}

fn publish(forge: &Forge, site: &str, text: &str) {
    let mut manifest = forge.manifest(1, vec![forge.script(text)]);
    manifest.site = name(site);
    forge.publish(&manifest);
}

#[test]
fn a_removed_layer_leaves_neither_packs_nor_folder() {
    let (base, own) = (Forge::new(), Forge::new());
    let both = json!([layer(&base, "base"), layer(&own, "own")]);
    let mut config = json!({"format": 1, "rendered": "2026-11-20T18:00:00Z", "layers": both});
    let Some(node) = Node::new(&Net::host(), &config) else { return };
    publish(&base, "base", "echo base");
    publish(&own, "own", "echo own");
    node.once().expect(0);
    let names = |folder: &str| -> Vec<String> {
        let read = fs::read_dir(node.root().join("var/lib/stringless").join(folder)).unwrap();
        let mut names: Vec<String> =
            read.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!((names("layers"), names("packs").len()), (vec!["base".to_owned(), "own".to_owned()], 2));

    config["layers"].as_array_mut().unwrap().remove(0);
    node.configure(&config);
    // A dry run and `status` remove nothing.
    node.run(&["--once", "--noop"]).expect(0);
    node.run(&["status"]).expect(0);
    assert_eq!(names("layers").len(), 2);
    // What an interrupted removal left goes, too.
    fs::create_dir(node.root().join("var/lib/stringless/layers/.other.gone")).unwrap();
    let run: Run = node.once().expect(0);
    assert!(
        run.err.contains("base: not followed any more; its releases and packs were removed"),
        "{}",
        run.err
    );
    assert_eq!((names("layers"), names("packs").len()), (vec!["own".to_owned()], 1));
    // The other layer was left alone, and the next run has nothing to say.
    assert!(!run.err.contains("own/production: release"), "{}", run.err);
    assert_eq!(node.once().expect(0).err, "");
    // The layer comes back as on a new node.
    node.configure(&json!({"format": 1, "rendered": "2026-11-20T18:00:00Z", "layers": both}));
    node.once().expect(0);
    assert_eq!((names("layers").len(), names("packs").len()), (2, 2));
}
