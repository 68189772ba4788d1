//! Nodes that follow several sites: a provider's base first, a client's own after it. What each may do, what
//! it may not do to the other, and what the engine of the later one sees of the earlier one.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod hostile;
mod isolation;
mod modules;
mod rendered;
mod selection;

use std::fs;
use std::path::PathBuf;

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge, name};
use e2e::netns::Net;
use serde_json::{Value, json};
use stringless_core::manifest::{Engine, Manifest, PuppetEngine};
use stringless_core::pack::Pack;

/// A node that follows the sites `base` and `client`, in this order.
struct Stack {
    base: Forge,
    client: Forge,
    node: Node,
}

impl Stack {
    /// A node that has not run yet.
    fn new() -> Option<Self> {
        Self::on(|config| Node::new(&Net::host(), config))
    }

    /// This machine as the node: Puppet keeps to no folder.
    fn for_puppet() -> Option<Self> {
        Self::on(Node::on_this_machine)
    }

    fn on(node: impl FnOnce(&Value) -> Option<Node>) -> Option<Self> {
        let (base, client) = (Forge::new(), Forge::new());
        let config = json!({
            "format": 1,
            "rendered": "2026-11-20T18:00:00Z",
            "layers": [layer(&base, "base"), layer(&client, "client")],
        });
        let node = node(&config)?;
        Some(Self { base, client, node })
    }

    /// One script of each, applied.
    fn converged() -> Option<Self> {
        let stack = Self::new()?;
        stack.say("base", 1, "base");
        stack.say("client", 1, "client");
        let _ = stack.run(&["--once"]).expect(0);
        assert_eq!(stack.said(), "base 1\nclient 1\n");
        Some(stack)
    }

    fn forge(&self, site: &str) -> &Forge {
        if site == "base" { &self.base } else { &self.client }
    }

    /// A release of a site, not yet published.
    fn release(&self, site: &str, serial: u64, packs: Vec<Pack>) -> Manifest {
        let mut manifest = self.forge(site).manifest(serial, packs);
        manifest.site = name(site);
        manifest
    }

    /// Publishes a release whose script writes down who it is.
    fn say(&self, site: &str, serial: u64, word: &str) {
        self.script(site, serial, &format!("echo {word} {serial} >>\"$OUT/said\""));
    }

    /// Publishes a release with this script.
    fn script(&self, site: &str, serial: u64, text: &str) {
        let forge = self.forge(site);
        forge.publish(&self.release(site, serial, vec![forge.script(text)]));
    }

    /// A release for Puppet: per pack its path, and its files with their text; what begins with `#!` is a
    /// program.
    fn manifests(&self, site: &str, serial: u64, packs: &[(&str, &[(&str, &str)])]) -> Manifest {
        let forge = self.forge(site);
        let packs = packs.iter().map(|(path, files)| {
            let mode = |text: &str| if text.starts_with("#!") { 0o755 } else { 0o644 };
            let mut entries = Vec::new();
            for (name, _) in *files {
                let parents = name.match_indices('/').map(|(end, _)| &name[..end]);
                for folder in parents {
                    if entries.iter().all(|entry: &Entry<'_>| entry.name != folder) {
                        entries.push(Entry::folder(folder));
                    }
                }
            }
            entries.extend(files.iter().map(|(name, text)| Entry::file(name, mode(text), text)));
            forge.pack(path, &entries)
        });
        let mut manifest = self.release(site, serial, packs.collect());
        manifest.apply.engine = Engine::Puppet(PuppetEngine {});
        // Ruby takes its time on a machine that is busy.
        manifest.apply.timeout = 600;
        manifest
    }

    /// What Puppet wrote at `path` of the node.
    fn managed(&self, path: &str) -> Option<String> {
        self.node.read(path)
    }

    /// Runs the agent; scripts find the node in `$OUT`.
    fn run(&self, args: &[&str]) -> Run {
        let mut command = self.node.command(args);
        let root = self.node.root();
        Run::of(command.env("OUT", root).env("FACTER_out", root).env("HOME", root))
    }

    /// What the scripts wrote since the last call.
    fn said(&self) -> String {
        let said = self.node.read("said").unwrap_or_default();
        self.node.write("said", "");
        said
    }

    fn state(&self, path: &str) -> PathBuf {
        self.node.root().join("var/lib/stringless").join(path)
    }

    /// The serial of a site's live release; none: `""`.
    fn live(&self, site: &str) -> String {
        let link = fs::read_link(self.state(&format!("layers/{site}/current"))).unwrap_or_default();
        let link = link.display().to_string();
        link.trim_start_matches("releases/").split('-').next().unwrap_or_default().to_owned()
    }

    /// The report of the last run.
    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.state("last-run.json")).unwrap()).unwrap()
    }
}

/// The layer of a site that lies in a forge's bucket.
fn layer(forge: &Forge, site: &str) -> Value {
    let mut layer = forge.config(&forge.url())["layers"][0].clone();
    layer["site"] = json!(site);
    layer
}
