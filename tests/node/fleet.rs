//! A node of a site with fleet keys: it follows the head, and the release that the head names.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod attacks;
mod rollouts;

use e2e::agent::Run;
use e2e::forge::{head, named, public};
use e2e::pair::Pair;
use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::manifest::Manifest;

/// A site with a fleet key, and a node that follows it.
struct Fleet {
    pair: Pair,
    key: KeyPair,
}

impl Fleet {
    /// A node that has not run yet; its site has no release.
    fn new() -> Option<Self> {
        let fleet = Self { pair: Pair::new()?, key: KeyPair::generate_unencrypted_keypair().unwrap() };
        fleet.configure(&fleet.pair.forge.url());
        Some(fleet)
    }

    /// A node with release 7 applied, under head 1.
    fn converged() -> Option<Self> {
        let fleet = Self::new()?;
        let seven = fleet.release(7, "seven");
        fleet.put(&head(1, &seven));
        let _ = fleet.run().expect(0);
        fleet.pair.goes_on();
        Some(fleet)
    }

    /// Lets the node follow `store`.
    fn configure(&self, store: &str) {
        let mut config = self.pair.forge.config(store);
        config["layers"][0]["trust"]["fleet"] = json!([{"key": public(&self.key).as_str(), "may": ["head"]}]);
        self.pair.node.configure(&config);
    }

    fn run(&self) -> Run {
        self.pair.run(&["--once"])
    }

    /// A release in the history.
    fn release(&self, serial: u64, text: &str) -> Manifest {
        let forge = &self.pair.forge;
        let script = forge.script(&format!("echo '{text}' >\"$OUT/applied\""));
        let manifest = forge.manifest(serial, vec![script]);
        forge.keep(&manifest);
        manifest
    }

    /// Signs a head, and puts it where nodes look.
    fn put(&self, head: &Value) {
        self.pair.forge.lead(&self.key, head);
    }
}

/// A release on its way to this share of the nodes.
fn next(manifest: &Manifest, share: u64) -> Value {
    let mut next = named(manifest);
    next["since"] = "2026-11-20T18:00:00Z".into();
    next["salt"] = manifest.serial.into();
    next["state"] = "go".into();
    next["waves"] = json!([{"share": share, "from": "2026-11-20T18:00:00Z"}]);
    next
}
