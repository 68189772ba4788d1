//! A Puppet Forge on this machine: the part of its v3 API that r10k, g10k and we ask, with its faults.
//!
//! What it must answer is what r10k and g10k accept: they are its judges (`tests/modules/r10k.rs`).

mod shelf;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::forge::{Entry, gzip, tar};
use crate::http::{Delivery, Greeting, Reply, Request, Seen, Service};
use crate::netns::Net;
use shelf::{Published, Shelf, Stated, order};

/// A Forge with what was put on its shelf; dropping it ends it.
#[derive(Debug)]
pub struct PuppetForge {
    service: Service,
    shelf: Arc<Mutex<Shelf>>,
}

/// One release, to be published.
#[derive(Debug, Clone, Copy, Default)]
pub struct Release<'a> {
    /// `owner-name`.
    pub module: &'a str,
    /// Three numbers, and what SemVer allows after them.
    pub version: &'a str,
    /// Of its `metadata.json`: full names with the ranges that do, as in `>= 4.13.1 < 9.0.0`.
    pub dependencies: &'a [(&'a str, &'a str)],
    /// Paths within the module, with their content. A `metadata.json` is written where none is among them.
    pub files: &'a [(&'a str, &'a str)],
}

impl Default for PuppetForge {
    fn default() -> Self {
        Self::start()
    }
}

impl PuppetForge {
    /// An empty Forge on a free port of loopback.
    pub fn start() -> Self {
        let shelf = Arc::<Mutex<Shelf>>::default();
        let known = Arc::clone(&shelf);
        let service =
            Service::start(Net::host().listen(), None, move |request| known.lock().unwrap().answer(request));
        Self { service, shelf }
    }

    /// What goes behind `forge` in a Puppetfile, and into the settings of r10k and g10k.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.service.port())
    }

    /// Publishes a release, as `puppet module build` would have packed it.
    ///
    /// # Panics
    /// When the name is not `owner-name`.
    pub fn publish(&self, release: &Release<'_>) {
        self.put(release.module, release.version, metadata(release), packed(release));
    }

    /// A release of these files that needs nothing.
    pub fn release(&self, module: &str, version: &str, files: &[(&str, &str)]) {
        self.publish(&Release { module, version, files, ..Release::default() });
    }

    /// A release of these bytes, truthfully described.
    pub fn archive(&self, module: &str, version: &str, archive: Vec<u8>) {
        self.put(module, version, metadata(&Release { module, version, ..Release::default() }), archive);
    }

    /// Other files under the version that is there already: checksums and size follow, as if the Forge had been
    /// broken into.
    ///
    /// # Panics
    /// When there is no such release.
    pub fn replace(&self, release: &Release<'_>) {
        let archive = packed(release);
        self.change(release.module, release.version, |published| {
            published.stated = Stated::of(&archive);
            published.metadata = metadata(release);
            published.archive = archive;
        });
    }

    /// Other bytes on the way: the Forge still tells the old checksums.
    ///
    /// # Panics
    /// When there is no such release.
    pub fn damage(&self, module: &str, version: &str) {
        self.change(module, version, |published| {
            let middle = published.archive.len() / 2;
            published.archive[middle] ^= 1;
        });
    }

    /// Takes a release away, as authors do: its file and its page are gone, its module still lists it as deleted.
    ///
    /// # Panics
    /// When there is no such release.
    pub fn withdraw(&self, module: &str, version: &str) {
        self.change(module, version, |published| published.withdrawn = true);
    }

    /// Takes a whole module away.
    pub fn remove(&self, module: &str) {
        self.shelf.lock().unwrap().releases.retain(|published| published.module != module);
    }

    /// Has its author tell that a module is no longer kept up.
    pub fn deprecate(&self, module: &str) {
        self.shelf.lock().unwrap().deprecated.push(module.into());
    }

    /// From now on answers `path` (without its query) wrongly, for so many requests.
    pub fn fault(&self, path: &str, reply: Reply, times: u32) {
        self.shelf.lock().unwrap().faults.insert(path.into(), (reply, times));
    }

    /// The same as a delivery that fails: of the right answer if that is known, of nothing else.
    pub fn deliver(&self, path: &str, delivery: Delivery, times: u32) {
        let mut shelf = self.shelf.lock().unwrap();
        let right = shelf.right(&Request {
            method: "GET".into(),
            target: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        });
        shelf.faults.insert(path.into(), (Reply { delivery, ..right }, times));
    }

    /// Whether it is down: every connection is reset.
    pub fn down(&self, down: bool) {
        self.service.greet(down.then_some(Greeting::Reset));
    }

    /// Whether it says nothing, for so long on each connection; `None`: it answers again.
    pub fn silent(&self, time: Option<Duration>) {
        self.service.greet(time.map(Greeting::Silence));
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        self.service.take()
    }

    fn put(&self, module: &str, version: &str, metadata: Value, archive: Vec<u8>) {
        assert!(module.split_once('-').is_some_and(|(_, name)| !name.contains('-')), "{module}: owner-name");
        let stated = Stated::of(&archive);
        let published = Published {
            module: module.into(),
            version: version.into(),
            metadata,
            archive,
            stated,
            withdrawn: false,
        };
        let releases = &mut self.shelf.lock().unwrap().releases;
        releases.retain(|other| other.slug() != published.slug());
        releases.push(published);
        releases.sort_by_key(|release| std::cmp::Reverse(order(&release.version)));
    }

    fn change(&self, module: &str, version: &str, change: impl FnOnce(&mut Published)) {
        let releases = &mut self.shelf.lock().unwrap().releases;
        let found = releases.iter_mut().find(|known| known.module == module && known.version == version);
        change(found.unwrap_or_else(|| panic!("no release {version} of {module} on the Forge")));
    }
}

/// The file of a release: everything within one folder, which is named like the release.
fn packed(release: &Release<'_>) -> Vec<u8> {
    let top = format!("{}-{}", release.module, release.version);
    let written = format!("{:#}\n", metadata(release));
    let mut files: Vec<(String, &str)> =
        release.files.iter().map(|(path, content)| (format!("{top}/{path}"), *content)).collect();
    if release.files.iter().all(|(path, _)| *path != "metadata.json") {
        files.push((format!("{top}/metadata.json"), &written));
    }
    let mut folders: Vec<String> = files
        .iter()
        .flat_map(|(path, _)| path.match_indices('/').map(|(at, _)| format!("{}/", &path[..at])))
        .collect();
    folders.sort();
    folders.dedup();
    let folders = folders.iter().map(|path| Entry::folder(path));
    let entries: Vec<Entry<'_>> =
        folders.chain(files.iter().map(|(path, content)| Entry::file(path, 0o644, content))).collect();
    gzip(&tar(&entries))
}

fn metadata(release: &Release<'_>) -> Value {
    let stated = release.files.iter().find(|(path, _)| *path == "metadata.json");
    if let Some(value) = stated.and_then(|(_, text)| serde_json::from_str(text).ok()) {
        return value;
    }
    let dependencies: Vec<Value> = release
        .dependencies
        .iter()
        .map(|(name, range)| json!({"name": name.replacen('-', "/", 1), "version_requirement": range}))
        .collect();
    json!({
        "name": release.module, "version": release.version,
        "author": release.module.split('-').next(), "summary": "for a test", "license": "Apache-2.0",
        "source": "https://example.test/source", "dependencies": dependencies,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::run;

    fn get(forge: &PuppetForge, path: &str) -> (String, Value) {
        let url = format!("{}{path}", forge.url());
        let output = run(
            Command::new("curl").args(["--silent", "--max-time", "100", "-w", "\n%{http_code}", &url]),
            crate::process::PATIENCE,
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.into(), serde_json::from_str(body).unwrap_or_default())
    }

    fn forge() -> PuppetForge {
        let forge = PuppetForge::start();
        for version in ["1.2.0", "1.10.0", "2.0.0-rc1"] {
            forge.release("puppetlabs-apt", version, &[("manifests/init.pp", version)]);
        }
        forge
    }

    #[test]
    fn the_current_release_is_the_highest_that_is_whole_and_there() {
        let Some(_) = crate::tools::program("curl") else { return };
        let forge = forge();
        let current = || get(&forge, "/v3/modules/puppetlabs-apt").1["current_release"]["version"].clone();
        assert_eq!(current(), "1.10.0");
        forge.withdraw("puppetlabs-apt", "1.10.0");
        assert_eq!(current(), "1.2.0");
        assert_eq!(get(&forge, "/v3/releases/puppetlabs-apt-1.10.0").0, "404");
        assert_eq!(get(&forge, "/v3/files/puppetlabs-apt-1.10.0.tar.gz").0, "404");
        forge.remove("puppetlabs-apt");
        assert_eq!(get(&forge, "/v3/modules/puppetlabs-apt").0, "404");
    }

    #[test]
    fn releases_come_in_pages() {
        let Some(_) = crate::tools::program("curl") else { return };
        let forge = forge();
        let mut path = Value::from("/v3/releases?module=puppetlabs-apt&limit=2");
        let mut seen = Vec::new();
        while let Some(next) = path.as_str() {
            let page = get(&forge, next).1;
            seen.extend(page["results"].as_array().unwrap().iter().map(|release| release["version"].clone()));
            path = page["pagination"]["next"].clone();
        }
        assert_eq!(seen, ["2.0.0-rc1", "1.10.0", "1.2.0"]);
        assert_eq!(get(&forge, "/v3/releases?module=puppetlabs/ntp").1["pagination"]["total"], 0);
    }

    #[test]
    fn it_does_wrong_when_asked_to() {
        let Some(_) = crate::tools::program("curl") else { return };
        let forge = forge();
        let stated = |forge: &PuppetForge| {
            get(forge, "/v3/releases/puppetlabs-apt-1.2.0").1["file_sha256"].as_str().unwrap().to_owned()
        };
        let sent = |forge: &PuppetForge| {
            let url = format!("{}/v3/files/puppetlabs-apt-1.2.0.tar.gz", forge.url());
            let output = run(Command::new("curl").args(["--silent", &url]), crate::process::PATIENCE);
            Stated::of(&output.stdout).sha256
        };
        let before = stated(&forge);
        assert_eq!(sent(&forge), before);
        forge.damage("puppetlabs-apt", "1.2.0");
        assert_eq!(stated(&forge), before);
        assert_ne!(sent(&forge), before);
        forge.replace(&Release {
            module: "puppetlabs-apt",
            version: "1.2.0",
            files: &[("other", "")],
            ..Release::default()
        });
        assert_ne!(stated(&forge), before);
        assert_eq!(sent(&forge), stated(&forge));

        let path = "/v3/modules/puppetlabs-apt";
        forge.fault(path, Reply::new(503, "busy"), 1);
        assert_eq!(get(&forge, path).0, "503");
        assert_eq!(get(&forge, path).0, "200");
        forge.deliver(path, Delivery::Short(10), 1);
        assert_eq!(get(&forge, path).1, Value::Null);
        forge.down(true);
        assert_eq!(get(&forge, path).0, "000");
        forge.down(false);
        assert_eq!(get(&forge, path).0, "200");
    }
}
