//! What a node holds on its disk: every release under its name is whole, byte for byte what was published, or it
//! is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::read::GzDecoder;
use sha2::Digest;
use stringless_core::hash::Sha256;
use stringless_core::manifest::Manifest;
use stringless_core::{json, layout};

use crate::forge::Forge;

/// A folder's content: a path, and what is there (a folder, a link with its target, a file's mode and hash).
pub type Tree = BTreeMap<String, String>;

/// What was published, as a node has it on disk when it is whole.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// By the folder's name below `releases/`.
    releases: BTreeMap<String, Vec<Tree>>,
}

impl Published {
    /// Notes the release of a manifest of the forge, and returns its folder's name on a node.
    ///
    /// # Panics
    /// When the bucket has not got all of it.
    pub fn note(&mut self, forge: &Forge, manifest: &Manifest) -> String {
        let id = Sha256::of(&json::write(manifest)).to_string();
        let name = format!("{}-{}/{}", manifest.serial, &id[..16], manifest.environment);
        let mut release = Tree::new();
        for pack in &manifest.packs {
            let bytes = fs::read(forge.bucket().join(layout::pack(&pack.sha256))).unwrap();
            let tree = unpacked(&bytes);
            let mut at = String::new();
            for part in pack.path.split('/').filter(|part| !part.is_empty()) {
                at += part;
                release.insert(at.clone(), folder());
                at += "/";
            }
            release.extend(tree.into_iter().map(|(path, what)| (format!("{at}{path}"), what)));
        }
        self.releases.insert(name.clone(), vec![release]);
        name
    }

    /// From now on this release is whole without that path, too.
    pub fn damaged(&mut self, release: &str, path: &str) {
        let mut damaged = self.releases[release][0].clone();
        damaged.remove(path);
        self.releases.get_mut(release).into_iter().for_each(|trees| trees.push(damaged.clone()));
    }

    /// The name of the live release, after a look at everything that has a name: all of it is whole.
    ///
    /// # Panics
    /// When something is not, or was never published; `when` tells what was done to the node.
    pub fn live(&self, state: &Path, when: &str) -> Option<String> {
        let layer = state.join("layers/example");
        for release in named(&layer.join("releases"), 2) {
            let found = tree(&layer.join("releases").join(&release));
            let whole = self.releases.get(&release);
            assert!(
                whole.is_some_and(|whole| whole.contains(&found)),
                "{when}: {release} is not whole:\n{found:#?}\nbut\n{whole:#?}"
            );
        }
        let target = fs::read_link(layer.join("current")).ok()?;
        let live = target.to_str().unwrap().strip_prefix("releases/").unwrap().to_owned();
        assert!(layer.join("current").is_dir(), "{when}: `current` leads nowhere: {live}");
        Some(live)
    }
}

/// Every path in a folder, hidden ones too: what the node's disk holds, litter included.
///
/// # Panics
/// When it cannot be read.
pub fn names(folder: &Path) -> BTreeSet<String> {
    tree(folder).into_keys().collect()
}

/// What is below a folder.
///
/// # Panics
/// When it cannot be read.
pub fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    fill(root, "", &mut tree);
    tree
}

fn fill(root: &Path, below: &str, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(below)).unwrap_or_else(|e| panic!("{}: {e}", root.display())) {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            fill(root, &format!("{name}/"), tree);
            tree.insert(name, folder());
        } else if kind.is_symlink() {
            tree.insert(name, format!("link to {}", fs::read_link(entry.path()).unwrap().display()));
        } else {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            tree.insert(name, file(mode, &fs::read(entry.path()).unwrap()));
        }
    }
}

/// What a pack holds, read by another reader than the agent's.
fn unpacked(bytes: &[u8]) -> Tree {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let mut tree = Tree::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
        let what = match entry.header().entry_type() {
            tar::EntryType::Directory => folder(),
            tar::EntryType::Symlink => {
                format!("link to {}", entry.link_name().unwrap().unwrap().display())
            }
            _ => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                let executable = entry.header().mode().unwrap() & 0o100 != 0;
                file(if executable { 0o755 } else { 0o644 }, &content)
            }
        };
        tree.insert(path, what);
    }
    tree
}

fn folder() -> String {
    "a folder".into()
}

fn file(mode: u32, content: &[u8]) -> String {
    let hash = sha2::Sha256::digest(content);
    format!("{mode:o} {} bytes {:02x}{:02x}{:02x}{:02x}", content.len(), hash[0], hash[1], hash[2], hash[3])
}

/// The folders that have a name which is not one of work in progress, `depth` levels down.
fn named(folder: &Path, depth: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') || !entry.file_type().unwrap().is_dir() {
            continue;
        }
        if depth == 1 {
            found.push(name);
        } else {
            let below = named(&entry.path(), depth - 1);
            found.extend(below.into_iter().map(|rest| format!("{name}/{rest}")));
        }
    }
    found
}
