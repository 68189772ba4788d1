//! How scenarios come about: each leaves a node before a run that changes the disk in a way of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::layout;
use stringless_core::manifest::{Failure, Manifest};
use stringless_core::pack::Pack;

use super::{STATE, Scenario};
use crate::agent::{Node, Run};
use crate::forge::{Entry, Forge, head, name, public, sign, trust};
use crate::held::{Published, names};
use crate::netns::Net;
use crate::tools;

impl Scenario {
    /// Nothing is on the node yet.
    pub fn first_run(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        let first = script.publish(1, "first");
        script.scenario("first run", &["--once"], vec![None, Some(first.clone())], first)
    }

    /// A new release after a rotation of keys; an older one is to be swept.
    pub fn update(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        script.publish(1, "oldest");
        script.run(&["--once"]);
        let old = script.publish(2, "old");
        script.run(&["--once"]);
        script.rotate();
        let new = script.publish(3, "new");
        script.scenario("update", &["--once"], vec![Some(old), Some(new.clone())], new)
    }

    /// A new release that a head names.
    pub fn head(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        let key = KeyPair::generate_unencrypted_keypair().unwrap();
        let mut config = script.forge.config(&script.forge.url());
        config["layers"][0]["trust"]["fleet"] = json!([{"key": public(&key).as_str()}]);
        script.node.configure(&config);
        script.fleet = Some(key);
        let old = script.publish(1, "old");
        script.run(&["--once"]);
        let new = script.publish(2, "new");
        script.scenario("head", &["--once"], vec![Some(old), Some(new.clone())], new)
    }

    /// Another environment for one run, which the node has seen before; its own comes back after it.
    pub fn other_environment(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        let own = script.publish(1, "own");
        script.run(&["--once"]);
        let args = ["--once", "--environment", "feature_x"];
        let tests: Vec<_> = [1, 2].map(|serial| (serial, format!("test{serial}"))).into();
        for (serial, text) in &tests {
            script.publish_to("feature_x", *serial, text);
            script.run(&args);
        }
        let old = script.live();
        let new = script.publish_to("feature_x", 3, "test3");
        script.scenario("other environment", &args, vec![old, Some(new)], own)
    }

    /// The release that is live already, applied once more because somebody asks for it.
    pub fn forced(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        let only = script.publish(1, "only");
        script.run(&["--once"]);
        script.scenario("forced", &["--once", "--force"], vec![Some(only.clone())], only)
    }

    /// A download that was cut: half of one pack is there, and another as long as it should be, and wrong.
    pub fn resumed(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        let old = script.publish(1, "old");
        script.run(&["--once"]);
        let new = script.publish(2, "new");
        let packs = script.node.root().join(STATE).join("packs");
        for (pack, wrong) in script.packs.iter().zip([false, true]) {
            let mut bytes = fs::read(script.forge.bucket().join(layout::pack(&pack.sha256))).unwrap();
            let half = bytes.len() / 2;
            if wrong {
                bytes[half] ^= 1;
            } else {
                bytes.truncate(half);
            }
            fs::write(packs.join(pack.sha256.to_string()), bytes).unwrap();
        }
        script.scenario("resumed download", &["--once"], vec![Some(old), Some(new.clone())], new)
    }

    /// The last run was cut off, and a file of the live release is gone since.
    pub fn damaged(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        script.publish(1, "older");
        script.run(&["--once"]);
        let live = script.publish(2, "live");
        script.run(&["--once"]);
        let state = script.node.root().join(STATE).join("layers/example");
        fs::remove_file(state.join("current/data/one")).unwrap();
        script.published.damaged(&live, "data/one");
        let path = state.join("state.json");
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        json["applied"]["ok"] = json!(false);
        fs::write(&path, json.to_string()).unwrap();
        script.scenario("damage", &["--once"], vec![Some(live.clone())], live)
    }

    /// A release that fails at its first try, and makes way for the last good one.
    pub fn fallen_back(agent: PathBuf) -> Self {
        let mut script = Script::new(agent);
        let good = script.publish(1, "good");
        script.run(&["--once"]);
        let mut manifest = manifest(&script.forge, 2, "bad");
        manifest.packs[0] = script.forge.script("rm -f \"$OUT/applied\"; exit 1");
        manifest.apply.failure = Failure { tries: 1, quarantine: None, fall_back: true };
        let bad = script.publish_made(manifest, "bad");
        script.ending = 4;
        script.scenario("failing release", &["--once"], vec![Some(good.clone()), Some(bad)], good)
    }
}

/// How a scenario comes about.
struct Script {
    forge: Forge,
    node: Node,
    published: Published,
    /// Those of the last release.
    packs: Vec<Pack>,
    trust: u64,
    /// Signs heads, if there are any.
    fleet: Option<KeyPair>,
    ending: i32,
    /// By the names of the releases.
    texts: BTreeMap<String, String>,
}

impl Script {
    fn new(agent: PathBuf) -> Self {
        let forge = Forge::new();
        let node = Node::below(&tools::memory(), agent, &Net::host(), &forge.config(&forge.url()));
        Self {
            forge,
            node,
            published: Published::default(),
            packs: Vec::new(),
            trust: 1,
            fleet: None,
            ending: 0,
            texts: BTreeMap::new(),
        }
    }

    fn publish(&mut self, serial: u64, text: &str) -> String {
        self.publish_to("production", serial, text)
    }

    fn publish_to(&mut self, environment: &str, serial: u64, text: &str) -> String {
        let mut manifest = manifest(&self.forge, serial, text);
        manifest.environment = name(environment);
        self.publish_made(manifest, text)
    }

    fn publish_made(&mut self, mut manifest: Manifest, text: &str) -> String {
        manifest.trust_version = self.trust;
        match &self.fleet {
            None => self.forge.publish(&manifest),
            Some(key) => {
                self.forge.keep(&manifest);
                self.forge.lead(key, &head(manifest.serial, &manifest));
            }
        }
        let name = self.published.note(&self.forge, &manifest);
        self.packs = manifest.packs;
        self.texts.insert(name.clone(), text.repeat(3));
        name
    }

    fn rotate(&mut self) {
        self.trust += 1;
        let payload = trust(&[&self.forge.key], self.trust, &json!({})).to_string();
        let comment = format!("trust example keys {}", self.trust);
        let document = sign(&[&self.forge.key], payload.as_bytes(), &comment);
        self.forge.put(&layout::trust(self.trust), &document);
    }

    fn run(&self, args: &[&str]) {
        Run::of(self.node.command(args).env("OUT", self.node.root())).expect(0);
    }

    fn live(&self) -> Option<String> {
        self.published.live(&self.node.root().join(STATE), "before")
    }

    fn scenario(
        self,
        title: &'static str,
        args: &[&'static str],
        may_live: Vec<Option<String>>,
        settles_on: String,
    ) -> Scenario {
        let Self { forge, node, published, ending, texts, .. } = self;
        let applied = texts[&settles_on].clone();
        let args = args.to_vec();
        let clean = BTreeSet::new();
        let mut scenario = Scenario {
            title,
            forge,
            before: node,
            args,
            published,
            may_live,
            settles_on,
            applied,
            ending,
            clean,
        };
        let undisturbed = scenario.node();
        Run::of(&mut scenario.command(&undisturbed)).expect(ending);
        scenario.assert_whole(&undisturbed, "undisturbed");
        scenario.settle(&undisturbed, "undisturbed");
        scenario.clean = names(&undisturbed.root().join(STATE));
        scenario.assert_converges(&undisturbed, "undisturbed");
        scenario
    }
}

/// A release of several packs, one inside the folder of another, whose script tells that it is whole.
fn manifest(forge: &Forge, serial: u64, text: &str) -> Manifest {
    let script = format!("cat data/one more/two data/inner/three >\"$OUT/applied\" # {text}");
    let files = [
        Entry::file("one", 0o644, text),
        Entry::folder("sub"),
        Entry::file("sub/run", 0o755, text),
        Entry::link("link", b'2', "sub/run"),
    ];
    let packs = vec![
        forge.script(&script),
        forge.pack("data", &files),
        forge.pack("data/inner", &[Entry::file("three", 0o644, text)]),
        forge.pack("more", &[Entry::file("two", 0o644, text)]),
    ];
    forge.manifest(serial, packs)
}
