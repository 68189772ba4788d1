//! A mirror that serves the true manifest, and spoils the downloads: the other one has its chance.

use std::fs;
use std::process::Command;
use std::time::Duration;

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge};
use e2e::netns::Net;
use e2e::server::{Delivery, Fault, Server};
use serde_json::json;
use stringless_core::hash::Sha256;
use stringless_core::layout;

/// A release with one pack of so many bytes; a mirror with garbage in its place, and an honest one.
struct Mirrors {
    liar: Server,
    honest: Server,
    key: String,
    node: Node,
    _folders: [tempfile::TempDir; 2],
}

impl Mirrors {
    fn new(bytes: u32) -> Option<Self> {
        let forge = Forge::new();
        // Half of it is left by compression.
        let noise: String = (0..bytes / 64).map(|n| Sha256::of(&n.to_be_bytes()).to_string()).collect();
        let pack = forge.pack("data", &[Entry::file("noise", 0o644, &noise)]);
        let key = format!("site/{}", layout::pack(&pack.sha256));
        forge.publish(&forge.manifest(1, vec![forge.script("echo done >\"$OUT/applied\""), pack.clone()]));
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for folder in &folders {
            let copied =
                Command::new("cp").arg("-a").arg(forge.bucket()).arg(folder.path().join("site")).status();
            assert!(copied.unwrap().success());
        }
        fs::write(folders[0].path().join(&key), vec![b'!'; usize::try_from(pack.size).unwrap()]).unwrap();
        let [liar, honest] =
            folders.each_ref().map(|folder| Server::start(&Net::host(), folder.path(), None));
        let mut config = forge.config("");
        let store = |server: &Server| {
            json!({"url": "s3://site", "region": "x", "endpoint": server.url(""), "style": "path",
                "credentials": ["none"]})
        };
        config["layers"][0]["stores"] = json!([store(&liar), store(&honest)]);
        let node = Node::new(&Net::host(), &config)?;
        Some(Self { liar, honest, key, node, _folders: folders })
    }

    fn converges(&self) {
        Run::of(self.node.command(&["--once"]).env("OUT", self.node.root())).expect(0);
        assert_eq!(self.node.read("applied").as_deref(), Some("done\n"));
        assert!(self.honest.take().iter().any(|seen| seen.request.path().ends_with(&self.key)));
    }
}

#[test]
fn one_that_sends_other_bytes_is_left_for_the_other() {
    let Some(mirrors) = Mirrors::new(100_000) else { return };
    mirrors.converges();
    assert!(mirrors.liar.take().iter().any(|seen| seen.request.path().ends_with(&mirrors.key)));
}

#[test]
fn one_that_is_just_fast_enough_leaves_time_for_the_other() {
    let Some(mirrors) = Mirrors::new(400_000) else { return };
    let drip = Delivery::Drip(300, Duration::from_millis(200));
    mirrors.liar.fault(&mirrors.key, Fault::Deliver(drip));
    // Which needs more than a moment.
    let steady = Delivery::Drip(4000, Duration::from_millis(200));
    mirrors.honest.fault(&mirrors.key, Fault::Deliver(steady));
    mirrors.converges();
}

#[test]
fn one_wrong_byte_at_a_time_does_not_undo_what_the_other_has_sent() {
    let Some(mirrors) = Mirrors::new(4_000_000) else { return };
    mirrors.liar.fault(&mirrors.key, Fault::short(1));
    // The honest one is cut again and again.
    mirrors.honest.fault(&mirrors.key, Fault::short(400_000));
    mirrors.converges();
}
