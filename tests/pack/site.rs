//! A site to build and publish from, and a tree with everything that is hard to pack.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::agent::Run;
use e2e::tools;
use serde_json::Value;

/// A site in a folder of its own, with what is built and published below the same folder.
pub struct Site {
    pub generator: PathBuf,
    pub folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Option<Self> {
        let site = Self { generator: tools::generator()?, folder: tempfile::tempdir().unwrap() };
        let store = format!("file://{}", site.path("bucket").display());
        let _ =
            site.run(&["init", "site", "--site", "example", "--store", &store, "--no-password"]).expect(0);
        site.edit("source: {path: .}", "source: {path: tree}");
        site.write("apply", "#!/bin/sh\n", 0o755);
        Some(site)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn tree(&self) -> PathBuf {
        self.path("site/tree")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.generator);
        command.args(args).current_dir(self.folder.path()).env_remove("STRINGLESS_PASSWORD");
        command.env("STRINGLESS_SITE_FILE", if args[0] == "init" { "" } else { "site" });
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    pub fn edit(&self, part: &str, other: &str) {
        let file = self.path("site/stringless.yaml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(part), "{text}");
        fs::write(file, text.replacen(part, other, 1)).unwrap();
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>, mode: u32) {
        let file = self.tree().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The pack index: path and hash.
    pub fn index(&self) -> Vec<(String, String)> {
        let printed: Value = serde_json::from_str(&self.run(&["build", "--json"]).expect(0).out).unwrap();
        let packs = printed["environments"][0]["packs"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        packs.iter().map(|pack| (text(&pack["path"]), text(&pack["sha256"]))).collect()
    }

    pub fn manifest(&self) -> PathBuf {
        self.path("bucket/env/production/head")
    }
}

/// A tree with everything that is hard to pack.
pub fn odd_tree(site: &Site) {
    let deep: Vec<String> = (0..9).map(|n| format!("{n}{}", "d".repeat(95))).collect();
    site.write(&format!("{}/file", deep.join("/")), "deep\n", 0o644);
    site.write(&format!("long/{}", "n".repeat(255)), "long\n", 0o644);
    site.write(&format!("exact/{}", "e".repeat(94)), "100 bytes\n", 0o644);
    site.write("names/café – naïve ∞ .txt", "unicode\n", 0o644);
    site.write("names/-rf *", "shell\n", 0o644);
    site.write("names/a\\b", "backslash\n", 0o644);
    site.write("modes/run", "#!/bin/sh\n", 0o755);
    site.write("modes/setuid", "x", 0o4755);
    site.write("modes/private", "x", 0o600);
    site.write("modes/group-run", "x", 0o654);
    site.write("empty/file", "", 0o644);
    site.write("binary", (0..=255).cycle().take(100_000).collect::<Vec<u8>>(), 0o644);
    site.write("modules/ntp/manifests/init.pp", "class ntp {}\n", 0o644);
    site.write("modules/README", "loose\n", 0o644);
    fs::create_dir_all(site.tree().join("folders/empty")).unwrap();
    fs::create_dir_all(site.tree().join("bare")).unwrap();
    symlink("run", site.tree().join("modes/link")).unwrap();
    symlink("../missing", site.tree().join("folders/empty/dangling")).unwrap();
    symlink(format!("{}x", "./".repeat(100)), site.tree().join("folders/far")).unwrap();
    fs::hard_link(site.tree().join("binary"), site.tree().join("twin")).unwrap();
}

fn sum(path: &Path) -> String {
    stringless_core::hash::Sha256::of(&fs::read(path).unwrap()).to_string()
}

/// The first difference between two listings.
pub fn differ(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Option<String> {
    let names = a.keys().chain(b.keys()).find(|name| a.get(*name) != b.get(*name))?;
    Some(format!("{names}: {:?}, {:?}", a.get(names), b.get(names)))
}

/// What a release must bring back of a tree: kind, whether it runs, content.
pub fn listing(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let kind = if metadata.is_dir() {
                walk(root, &path, found);
                "folder".to_owned()
            } else if metadata.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                let runs = metadata.mode() & 0o100 != 0;
                format!("file {runs} {}", sum(&path))
            };
            found.insert(name, kind);
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// More than any stock tool takes.
pub const LIMIT: Duration = e2e::process::PATIENCE;
