//! A site, its bucket, a node that follows it, and a place that only key holders see.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::{Node, Run};
use e2e::netns::Net;
use e2e::process::succeed;
use e2e::site::Site;
use e2e::tools;
use serde_json::{Value, json};
use stringless::trust::secret_key::SecretKey;
use stringless_core::document::Document;

/// All of it; dropping it removes its folders.
pub struct World {
    pub site: Site,
    bucket: tempfile::TempDir,
    pub node: Node,
    vault: tempfile::TempDir,
}

impl World {
    /// A site with release 1, which the node has applied.
    pub fn new() -> Option<Self> {
        let bucket = tempfile::tempdir().unwrap();
        let store = format!("file://{}", bucket.path().display());
        let site = Site::init(&Net::host(), &["--store", &store])?;
        let keys = [public_line(&site.path("keys/release.pub"))];
        let node = Node::new(
            &Net::host(),
            &json!({
                "format": 1,
                "rendered": "2026-11-20T18:00:00Z",
                "layers": [{
                    "site": "example", "environment": "production", "min_serial": 1,
                    "interval": 10, "splay": 0,
                    "trust": {"version": 1, "threshold": 1, "keys": keys},
                    "stores": [{"url": store}],
                }],
            }),
        )?;
        let world = Self { site, bucket, node, vault: tempfile::tempdir().unwrap() };
        world.content("one");
        world.site.publish();
        world.follows("one");
        Some(world)
    }

    /// What releases from now on write into the node.
    pub fn content(&self, text: &str) {
        self.site.write("apply", format!("#!/bin/sh\necho {text} >\"$OUT/applied\"\n"), 0o755);
    }

    /// `stringless ARGS`, which ends with this code.
    pub fn run(&self, args: &[&str], code: i32) -> Run {
        self.site.run(args).expect(code)
    }

    /// The next run of the agent.
    pub fn check(&self) -> Run {
        Run::of(self.node.command(&["--once"]).env("OUT", self.node.root()))
    }

    /// The node takes the release that writes this.
    pub fn follows(&self, text: &str) -> Run {
        let run = self.check().expect(0);
        assert_eq!(self.applied(), text, "{}", run.err);
        run
    }

    /// The node refuses what is published for this reason, and stays with what it has.
    pub fn refuses(&self, why: &str) {
        let before = self.applied();
        let run = self.check().expect(3);
        assert!(run.err.contains(why), "{why}: {}", run.err);
        assert_eq!(self.applied(), before);
    }

    fn applied(&self) -> String {
        self.node.read("applied").unwrap_or_default().trim().to_owned()
    }

    /// A new key in `keys/`; its public file.
    pub fn key(&self, name: &str) -> String {
        let _ = self.run(&["keygen", &format!("keys/{name}.key"), "--no-password"], 0);
        format!("keys/{name}.pub")
    }

    /// Adds a new key that may sign.
    pub fn add_key(&self, name: &str) {
        let public = self.key(name);
        let _ = self.run(&["keys", "add", name, "--public", &public], 0);
    }

    /// A secret key of the site, as a thief of its file has it.
    pub fn secret(&self, name: &str) -> SecretKey {
        SecretKey::open(&self.site.path(&format!("keys/{name}.key"))).unwrap()
    }

    /// The payload of a signed document of the bucket.
    pub fn payload(&self, key: &str) -> Value {
        let bytes = fs::read(self.bucket(key)).unwrap();
        serde_json::from_slice(Document::parse(&bytes).unwrap().payload).unwrap()
    }

    /// Puts a document into the bucket, signed by these keys, one block for each.
    pub fn forge(&self, key: &str, payload: &Value, comment: &str, keys: &[&SecretKey]) {
        let payload = payload.to_string();
        let blocks: Vec<String> =
            keys.iter().map(|key| key.sign(payload.as_bytes(), comment).unwrap()).collect();
        self.put(key, &Document::assemble(&blocks, payload.as_bytes()));
    }

    /// Publishes the current release again under another serial, signed by these keys.
    pub fn forge_release(&self, serial: u64, keys: &[&SecretKey]) {
        let mut payload = self.payload("env/production/head");
        payload["serial"] = json!(serial);
        let comment = format!("manifest example production {serial}");
        self.forge("env/production/head", &payload, &comment, keys);
    }

    /// Writes an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.bucket(key);
        let next = path.with_extension("next");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&next, bytes).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// Where an object of the bucket lies.
    pub fn bucket(&self, key: &str) -> PathBuf {
        self.bucket.path().join(key)
    }

    /// What is published: serial, and the trust version that it was made under.
    pub fn published(&self) -> (u64, u64) {
        let payload = self.payload("env/production/head");
        (payload["serial"].as_u64().unwrap(), payload["trust_version"].as_u64().unwrap())
    }

    /// The folder of the key holders; the generator never sees it.
    pub fn vault(&self) -> &Path {
        self.vault.path()
    }

    /// Stock minisign, in the vault.
    pub fn minisign(&self, args: &[&str]) {
        let mut command = Command::new(tools::program("minisign").unwrap());
        succeed(command.args(args).current_dir(self.vault()), e2e::process::PATIENCE);
    }

    /// A key pair in the vault; its public key as text.
    pub fn vault_key(&self, name: &str) -> String {
        self.minisign(&["-G", "-W", "-p", &format!("{name}.pub"), "-s", &format!("{name}.key")]);
        public_line(&self.vault().join(format!("{name}.pub")))
    }

    /// Carries what waits to the vault, signs it there, and brings the signature back.
    pub fn sign_in_vault(&self, key: &str, file: &str, comment: &str) {
        fs::copy(self.pending(file), self.vault().join(file)).unwrap();
        self.minisign(&["-S", "-s", &format!("{key}.key"), "-m", file, "-t", comment]);
        self.bring(file, &format!("{file}.minisig"));
    }

    /// Brings the signature of a file of the vault back under a name.
    pub fn bring(&self, file: &str, name: &str) {
        let signature = self.vault().join(format!("{file}.minisig"));
        fs::copy(signature, self.pending(name)).unwrap();
    }

    /// A file that waits.
    pub fn pending(&self, file: &str) -> PathBuf {
        self.site.path(".stringless/pending").join(file)
    }

    /// The names of what waits.
    pub fn waiting(&self) -> Vec<String> {
        let entries = fs::read_dir(self.pending("")).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn public_line(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().nth(1).unwrap().to_owned()
}
