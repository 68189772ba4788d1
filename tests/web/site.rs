//! Sites in folders, as people have them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use stringless_core::hash::Sha256;
use stringless_core::trust::TrustedKeys;
use stringless_render::platform::Platforms;

use e2e::process::{PATIENCE, both, run, succeed};
use e2e::tools;

use super::page::NOW;

/// A site whose agents were pushed.
pub struct Site {
    generator: PathBuf,
    folder: tempfile::TempDir,
    _store: Option<tempfile::TempDir>,
}

impl Site {
    /// With a store that needs credentials, and the engine that runs a file of the release.
    pub fn new() -> Option<Self> {
        Self::named("example")
    }

    /// The same, of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::init(name, &["--store", "s3://example-config/nodes", "--region", "eu-central-1"])
    }

    /// With one published release, in a folder.
    pub fn published() -> Option<Self> {
        let folder = folder();
        let site = Self::init("example", &["--store", &format!("file://{}", folder.path().display())])?;
        site.write("apply", "#!/bin/sh\n");
        fs::set_permissions(site.path().join("apply"), fs::Permissions::from_mode(0o755)).unwrap();
        let published = site.stringless(&["publish"]);
        assert!(published.status.success(), "{}", both(&published));
        Some(Self { _store: Some(folder), ..site })
    }

    fn init(name: &str, store: &[&str]) -> Option<Self> {
        let generator = tools::generator()?;
        let folder = folder();
        let mut init = Command::new(&generator);
        init.args(["init", ".", "--site", name, "--no-password"]).args(store).current_dir(folder.path());
        let _ = succeed(&mut init, PATIENCE);
        let site = Self { generator, folder, _store: None };
        site.write("stringless.lock.json", &lock().to_string());
        Some(site)
    }

    /// Its engine is Puppet, whose packages are pinned in the lock file.
    pub fn with_puppet(self) -> Self {
        let text = self.read("stringless.yaml").replace("{script: {run: apply}}", "{puppet: {}}");
        assert!(text.contains("{puppet: {}}"), "{text}");
        self.write("stringless.yaml", &text);
        let platforms = Platforms::embedded().unwrap();
        let pins = platforms.distros.iter().filter_map(|distro| {
            let sha256 = Sha256::of(distro.id.as_bytes()).to_string();
            Some((distro.id.clone(), json!({"url": distro.puppet.openvox.as_ref()?, "sha256": sha256})))
        });
        let mut lock = lock();
        lock["puppet"] = json!({"version": "8.28.1", "releases": pins.collect::<serde_json::Map<_, _>>()});
        self.write("stringless.lock.json", &lock.to_string());
        self
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The text of one of its files.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Writes one of its files.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// The files that one chooses by hand.
    pub fn files(&self) -> Vec<PathBuf> {
        ["stringless.yaml", "stringless.lock.json", "trust/1.json"].map(|name| self.path().join(name)).into()
    }

    /// The keys that it trusts.
    pub fn trusted_keys(&self) -> TrustedKeys {
        let text = self.read("trust/1.json");
        let trust: Value = serde_json::from_str(text.split_once("\n\n").unwrap().1).unwrap();
        let key = trust["keys"][0]["key"].as_str().unwrap();
        let key = stringless_core::key::PublicKey::parse(key).unwrap();
        TrustedKeys { version: 1, threshold: 1, keys: vec![key], fleet: Vec::new() }
    }

    /// `stringless` with these arguments at the page's time.
    pub fn stringless(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.generator);
        command.args(arguments).current_dir(self.path()).env("SOURCE_DATE_EPOCH", NOW.to_string());
        command.env("NO_COLOR", "1");
        run(&mut command, PATIENCE)
    }
}

/// A lock file with an agent for each target.
fn lock() -> Value {
    let platforms = Platforms::embedded().unwrap();
    let targets: serde_json::Map<String, Value> = platforms
        .distros
        .iter()
        .flat_map(|distro| &distro.targets)
        .map(|target| {
            let sha256 = Sha256::of(target.as_str().as_bytes()).to_string();
            (target.to_string(), json!({"size": 2_000_000, "sha256": sha256}))
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    json!({"format": 1, "agents": [{"version": version, "minimum": version, "targets": targets}]})
}

/// A folder that a browser may read: Chromium opens none below /dev, where the tests keep what should be fast.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
