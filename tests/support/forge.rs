//! A publisher that can lie: it makes a bucket by hand, so that a test may sign what the generator
//! never would.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::key::PublicKey;
use stringless_core::manifest::{
    AgentPin, Apply, Engine, FORMAT, Failure, Manifest, ManifestType, ScriptEngine, Source,
};
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::time::Timestamp;
use stringless_core::version::Version;
use stringless_core::{json, layout};

/// A bucket in a folder, and the key that signs for its site.
#[derive(Debug)]
pub struct Forge {
    folder: tempfile::TempDir,
    /// Signs for the site.
    pub key: KeyPair,
}

/// An archive entry: name, type, mode, content or link target.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// As it will stand in the archive, unchecked.
    pub name: &'a str,
    /// The tar type: `b'0'` a file, `b'5'` a folder, `b'2'` a symbolic link, `b'1'` a hard link …
    pub kind: u8,
    /// Permission bits.
    pub mode: u32,
    /// A file's content, or a link's target.
    pub content: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A file.
    pub fn file(name: &'a str, mode: u32, content: &'a str) -> Self {
        Self { name, kind: b'0', mode, content: content.as_bytes() }
    }

    /// A folder.
    pub fn folder(name: &'a str) -> Self {
        Self { name, kind: b'5', mode: 0o755, content: b"" }
    }

    /// A link of a kind.
    pub fn link(name: &'a str, kind: u8, target: &'a str) -> Self {
        Self { name, kind, mode: 0o777, content: target.as_bytes() }
    }
}

impl Default for Forge {
    fn default() -> Self {
        Self::new()
    }
}

impl Forge {
    /// An empty bucket of site `example` with a fresh key.
    pub fn new() -> Self {
        let key = KeyPair::generate_unencrypted_keypair().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), key }
    }

    /// The bucket's folder.
    pub fn bucket(&self) -> &Path {
        self.folder.path()
    }

    /// Puts an object into the bucket.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.bucket().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A new inode, so that a conditional read of the folder sees the change.
        let next = path.with_extension("next");
        fs::write(&next, bytes).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// Makes and stores a pack of these entries, truthfully described.
    pub fn pack(&self, path: &str, entries: &[Entry<'_>]) -> Pack {
        let unpacked =
            entries.iter().filter(|entry| entry.kind == b'0').map(|entry| entry.content.len()).sum::<usize>();
        let pack = describe(path, &gzip(&tar(entries)), unpacked as u64, entries.len() as u64);
        self.put(&layout::pack(&pack.sha256), &gzip(&tar(entries)));
        pack
    }

    /// Stores these bytes as a pack, described as given.
    pub fn raw_pack(&self, path: &str, bytes: &[u8], unpacked: u64, files: u64) -> Pack {
        let pack = describe(path, bytes, unpacked, files);
        self.put(&layout::pack(&pack.sha256), bytes);
        pack
    }

    /// A pack with an executable `apply` of this shell text.
    pub fn script(&self, text: &str) -> Pack {
        self.pack("", &[Entry::file("apply", 0o755, &format!("#!/bin/sh\nset -eu\n{text}\n"))])
    }

    /// The manifest of a release of `production` with the `script` engine.
    pub fn manifest(&self, serial: u64, packs: Vec<Pack>) -> Manifest {
        let version = Version::parse("0.1.0").unwrap();
        Manifest {
            kind: ManifestType::Manifest,
            format: FORMAT,
            needs: Vec::new(),
            site: name("example"),
            environment: name("production"),
            serial,
            trust_version: 1,
            created: Timestamp::parse("2026-11-20T18:00:00Z").unwrap(),
            expires: None,
            retired: false,
            agent: AgentPin {
                minimum: version,
                version,
                allow_downgrade: false,
                targets: Default::default(),
            },
            apply: Apply {
                engine: Engine::Script(ScriptEngine { run: "apply".into(), noop: false, root: true }),
                timeout: 60,
                reapply: None,
                failure: Failure::default(),
            },
            packs,
            source: Source { tool: "forge".into(), ..Source::default() },
        }
    }

    /// Signs `manifest` with the site's key and moves the pointer to it.
    pub fn publish(&self, manifest: &Manifest) {
        self.publish_by(&self.key, manifest);
    }

    /// The same, signed by this key.
    pub fn publish_by(&self, key: &KeyPair, manifest: &Manifest) {
        let document = sign(&[key], &json::write(manifest), &manifest.comment());
        self.put(&layout::head(&manifest.environment), &document);
    }

    /// Signs `manifest` with the site's key and writes it to the history.
    pub fn keep(&self, manifest: &Manifest) {
        let document = sign(&[&self.key], &json::write(manifest), &manifest.comment());
        self.put(&layout::history(&manifest.environment, manifest.serial), &document);
    }

    /// Signs a head with this key, and puts it where nodes look.
    pub fn lead(&self, key: &KeyPair, head: &Value) {
        self.put(&layout::head(&name("production")), &sign_head(key, head));
    }

    /// One release: a script that writes `text` below `$OUT`.
    pub fn release(&self, serial: u64, text: &str) -> Manifest {
        let script = self.script(&format!("echo '{text}' >\"$OUT/applied\"; echo applied {text}"));
        let manifest = self.manifest(serial, vec![script]);
        self.publish(&manifest);
        manifest
    }

    /// The `agent.json` of a node that follows this bucket at `store`.
    pub fn config(&self, store: &str) -> Value {
        json!({
            "format": 1,
            "rendered": "2026-11-20T18:00:00Z",
            "layers": [{
                "site": "example",
                "environment": "production",
                "min_serial": 1,
                "interval": 10,
                "splay": 0,
                "trust": {"version": 1, "threshold": 1, "keys": [self.key.pk.to_base64()]},
                "stores": [{"url": store}],
            }],
        })
    }

    /// The `file://` address of the bucket.
    pub fn url(&self) -> String {
        format!("file://{}", self.bucket().display())
    }
}

/// A signed document.
pub fn sign(keys: &[&KeyPair], payload: &[u8], comment: &str) -> Vec<u8> {
    let block = |key: &&KeyPair| {
        let signed =
            minisign::sign(Some(&key.pk), &key.sk, Cursor::new(payload), Some(comment), Some("forge"));
        signed.unwrap().into_string()
    };
    Document::assemble(&keys.iter().map(block).collect::<Vec<_>>(), payload)
}

/// The payload of a head of site `example` with this stable release.
pub fn head(version: u64, stable: &Manifest) -> Value {
    json!({
        "type": "head", "format": 1, "site": "example", "environment": "production",
        "trust_version": stable.trust_version, "version": version, "created": "2026-11-20T18:00:00Z",
        "expires": null, "stable": named(stable),
    })
}

/// A manifest, as a head names it.
pub fn named(manifest: &Manifest) -> Value {
    json!({
        "trust_version": manifest.trust_version, "serial": manifest.serial,
        "sha256": Sha256::of(&json::write(manifest)),
    })
}

/// A signed head.
pub fn sign_head(key: &KeyPair, head: &Value) -> Vec<u8> {
    let comment = format!("head example production {}", head["version"]);
    sign(&[key], head.to_string().as_bytes(), &comment)
}

/// The payload of a trust document of site `example` with a threshold of one.
pub fn trust(keys: &[&KeyPair], version: u64, min_serial: &Value) -> Value {
    let keys: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| {
            let key = public(key);
            json!({"name": format!("key{n}"), "id": key.id(), "key": key.as_str()})
        })
        .collect();
    json!({
        "type": "trust", "site": "example", "version": version, "threshold": 1,
        "keys": keys, "expires": null, "min_serial": min_serial,
    })
}

/// The key in the form of the formats.
pub fn public(key: &KeyPair) -> PublicKey {
    PublicKey::parse(&key.pk.to_base64()).unwrap()
}

/// A name of the formats.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An uncompressed archive with exactly these names: the usual builder refuses the odd ones.
pub fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let content: &[u8] = if entry.kind == b'0' { entry.content } else { b"" };
        let mut header = tar::Header::new_ustar();
        let old = header.as_old_mut();
        old.name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        old.linkflag = [entry.kind];
        if matches!(entry.kind, b'1' | b'2') {
            old.linkname[..entry.content.len()].copy_from_slice(entry.content);
        }
        header.set_mode(entry.mode);
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Compressed as a pack is.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn describe(path: &str, bytes: &[u8], unpacked: u64, files: u64) -> Pack {
    Pack { path: path.into(), sha256: Sha256::of(bytes), size: bytes.len() as u64, unpacked, files }
}
