//! A site of sixty modules in a real S3 server behind TLS, new nodes that converge, and the peer of curl and tar.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use e2e::agent::Node;
use e2e::control_repo::{NEW, OLD, Shape, module, name};
use e2e::forge::{Entry, Forge, gzip, tar};
use e2e::garage::{BUCKET, Garage, REGION};
use e2e::netns::Net;
use e2e::process::{PATIENCE, succeed};
use e2e::tls::{Authority, Terminator};
use e2e::tools;
use serde_json::json;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

/// What a command took, in seconds.
#[derive(Clone, Copy)]
pub struct Cost {
    /// From its start to its end.
    pub wall: f64,
    /// Of all processors, its children included.
    pub processor: f64,
}

/// The servers, and two releases that differ in one module.
pub struct Lab {
    forge: Forge,
    garage: Garage,
    terminator: Terminator,
    authority: Authority,
    releases: [Manifest; 2],
    folder: tempfile::TempDir,
}

impl Lab {
    /// Starts the servers and fills the bucket.
    pub fn new() -> Option<Self> {
        tools::agent()?;
        let (forge, authority, net) = (Forge::new(), Authority::new(), Net::host());
        let garage = Garage::start(&net)?;
        let terminator = Terminator::start(&net, &authority.issue(&["127.0.0.1"]), garage.port())?;
        let releases = [OLD, NEW].map(|version| release(&forge, version));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let lab = Self { forge, garage, terminator, authority, releases, folder };
        let packs = lab.releases.iter().flat_map(|release| &release.packs);
        for key in packs.map(|pack| layout::pack(&pack.sha256)).collect::<BTreeSet<_>>() {
            lab.upload(&key);
        }
        lab.forge.put("all.tar.gz", &archive());
        lab.upload("all.tar.gz");
        Some(lab)
    }

    /// A first converge, the change of one module, and the peer.
    pub fn round(&self, folder: &Path) -> [Cost; 3] {
        let node = self.node(folder);
        let [first, change] = [0, 1].map(|number| {
            self.publish(number);
            cost(&mut node.command(&["--once"]))
        });
        let target = tempfile::tempdir_in(folder).unwrap();
        let peer = cost(&mut self.peer(target.path()));
        assert_eq!(fs::read_dir(target.path().join("modules")).unwrap().count(), MODULES);
        [first, change, peer]
    }

    /// A check that finds nothing new, and the peer: curl, which asks for the manifest with the ETag that it has.
    pub fn idle(&self, folder: &Path) -> [Cost; 2] {
        let node = self.node(folder);
        self.publish(0);
        let _ = node.once().expect(0);
        let etag = self.folder.path().join("etag");
        let manifest = layout::head(&self.releases[0].environment);
        let curl = |option: &str| {
            let mut command = Command::new("curl");
            command.args([
                "-sS",
                "--fail",
                "-o",
                "/dev/null",
                "-H",
                "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            ]);
            command.arg("--cacert").arg(self.folder.path().join("ca.pem"));
            command.args(["--aws-sigv4", &format!("aws:amz:{REGION}:s3"), "--user", &self.user()]);
            command.arg(option).arg(&etag).arg(self.url(&manifest));
            command
        };
        succeed(&mut curl("--etag-save"), PATIENCE);
        [node.command(&["--once"]), curl("--etag-compare")].map(|command| repeated(&command))
    }

    /// What a node fetches when one line of one module changes, in bytes: the packs, and the manifest.
    pub fn change(&self) -> (u64, u64) {
        let [before, after] = &self.releases;
        let new = after.packs.iter().filter(|pack| !before.packs.contains(pack));
        self.publish(1);
        let manifest = self.forge.bucket().join(layout::head(&after.environment));
        (new.map(|pack| pack.size).sum(), fs::metadata(manifest).unwrap().len())
    }

    /// The state folder of a new node, and the release in it, in KiB on the disk.
    pub fn held(&self, folder: &Path) -> (u64, u64) {
        let node = self.node(folder);
        self.publish(0);
        let _ = node.once().expect(0);
        let state = node.root().join("var/lib/stringless");
        let release = fs::canonicalize(state.join("layers/example/current")).unwrap();
        (used(&state) / 1024, used(&release) / 1024)
    }

    fn node(&self, folder: &Path) -> Node {
        let mut config = self.forge.config(&format!("s3://{BUCKET}/site"));
        let store = &mut config["layers"][0]["stores"][0];
        store["region"] = json!(REGION);
        store["endpoint"] = json!(format!("https://127.0.0.1:{}", self.terminator.port()));
        store["style"] = json!("path");
        let reader = &self.garage.reader;
        store["credentials"] =
            json!([{"static": {"access_key_id": reader.id, "secret_access_key": reader.secret}}]);
        config["ca_file"] = json!("/etc/stringless/ca.pem");
        let node = Node::below(folder, tools::agent().unwrap(), &Net::host(), &config);
        node.write("etc/stringless/ca.pem", self.authority.pem());
        node
    }

    fn publish(&self, number: usize) {
        let manifest = &self.releases[number];
        self.forge.publish(manifest);
        self.upload(&layout::head(&manifest.environment));
    }

    fn upload(&self, key: &str) {
        let file = self.forge.bucket().join(key).display().to_string();
        let (status, body) =
            self.garage.curl(&self.garage.writer, &format!("site/{key}"), &["--upload-file", &file]);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }

    fn peer(&self, target: &Path) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-ec", CURL_AND_TAR, "sh"]);
        shell.arg(self.folder.path().join("ca.pem")).arg(format!("aws:amz:{REGION}:s3"));
        shell.arg(self.user()).arg(self.url("all.tar.gz")).arg(target);
        shell
    }

    /// The keys that nodes have, as curl takes them.
    fn user(&self) -> String {
        format!("{}:{}", self.garage.reader.id, self.garage.reader.secret)
    }

    fn url(&self, key: &str) -> String {
        format!("https://127.0.0.1:{}/{BUCKET}/site/{key}", self.terminator.port())
    }
}

/// The release with this version of one module.
fn release(forge: &Forge, version: &str) -> Manifest {
    let mut packs: Vec<Pack> = (0..MODULES)
        .map(|number| {
            let version = if number == CHANGED { version } else { OLD };
            let files = files(number, version);
            forge.pack(&format!("modules/{}", name(number)), &entries(&files))
        })
        .collect();
    packs.push(forge.script("true"));
    forge.manifest(if version == OLD { 1 } else { 2 }, packs)
}

/// One archive of the first release.
fn archive() -> Vec<u8> {
    let mut all = vec![("modules/".to_owned(), None)];
    for number in 0..MODULES {
        let folder = format!("modules/{}", name(number));
        all.push((format!("{folder}/"), None));
        all.extend(files(number, OLD).into_iter().map(|(path, text)| (format!("{folder}/{path}"), text)));
    }
    gzip(&tar(&entries(&all)))
}

/// The files and the folders of a module, each folder before its content.
fn files(number: usize, version: &str) -> Vec<(String, Option<String>)> {
    let shape = Shape { modules: MODULES, manifests: 20 };
    let mut all = BTreeMap::new();
    for (path, text) in module(number, version, shape) {
        for (end, _) in path.match_indices('/') {
            all.insert(path[..=end].to_owned(), None);
        }
        all.insert(path, Some(text));
    }
    all.into_iter().collect()
}

fn entries(files: &[(String, Option<String>)]) -> Vec<Entry<'_>> {
    files
        .iter()
        .map(|(path, text)| match text {
            Some(text) => Entry::file(path, 0o644, text),
            None => Entry::folder(path),
        })
        .collect()
}

/// What a short command takes once, measured over many.
fn repeated(command: &Command) -> Cost {
    let mut shell = Command::new("sh");
    shell.args(["-ec", MANY, "sh", &TIMES.to_string()]).arg(command.get_program()).args(command.get_args());
    let all = cost(&mut shell);
    Cost { wall: all.wall / f64::from(TIMES), processor: all.processor / f64::from(TIMES) }
}

/// Runs a command to its end.
fn cost(command: &mut Command) -> Cost {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%U %S", "-o"]).arg(file.path()).arg(command.get_program()).args(command.get_args());
    let began = Instant::now();
    succeed(&mut timed, PATIENCE);
    let wall = began.elapsed().as_secs_f64();
    let text = fs::read_to_string(file.path()).unwrap();
    let processor = text.split_whitespace().map(|part| part.parse::<f64>().unwrap()).sum();
    Cost { wall, processor }
}

/// The bytes that a folder takes on the disk.
fn used(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = entries.map(|entry| {
        let found = entry.metadata().unwrap();
        if found.is_dir() { used(&entry.path()) } else { found.blocks() * 512 }
    });
    fs::metadata(folder).unwrap().blocks() * 512 + below.sum::<u64>()
}

/// As one writes it by hand: certificate, kind of signature, keys, address, folder.
const CURL_AND_TAR: &str = "curl -sS --fail --cacert \"$1\" --aws-sigv4 \"$2\" --user \"$3\" \
                            -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \"$4\" | tar -xz -C \"$5\"";
const MANY: &str = "n=$1; shift; while [ $n -gt 0 ]; do \"$@\"; n=$((n - 1)); done";
const TIMES: u32 = 50;
const MODULES: usize = 60;
/// The module that changes.
const CHANGED: usize = 30;
