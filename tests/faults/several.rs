//! Several stores: what a case file cannot say.

use std::fs;

use e2e::agent::{Node, Run};
use e2e::forge::{Forge, name};
use e2e::garage::{BUCKET, Garage, REGION};
use e2e::http::{Delivery, Meeting};
use e2e::netns::Net;
use e2e::server::{Fault, Seen, Server};
use e2e::tls::Authority;
use serde_json::{Value, json};
use stringless_core::layout;

use crate::objects::{Holding, Shelf};

/// Stores behind HTTPS that hold the same site, and a node that follows them all.
struct Mirrors {
    shelf: Shelf,
    servers: Vec<Server>,
    folders: Vec<tempfile::TempDir>,
    node: Node,
}

impl Mirrors {
    /// As many as there are holdings. The node has not run yet.
    fn new(holdings: &[Holding]) -> Option<Self> {
        let (shelf, authority) = (Shelf::new(), Authority::new());
        let node = Node::new(&Net::host(), &json!({}))?;
        node.write("ca.pem", authority.pem());
        let (mut servers, mut folders) = (Vec::new(), Vec::new());
        for holding in holdings {
            let folder = tempfile::tempdir().unwrap();
            shelf.fill(&folder.path().join("site"), *holding);
            let certificate = authority.issue(&["127.0.0.1"]);
            servers.push(Server::start(&Net::host(), folder.path(), Some(&certificate)));
            folders.push(folder);
        }
        let mirrors = Self { shelf, servers, folders, node };
        let urls = mirrors.servers.iter().map(|server| json!({"url": server.url("site")}));
        mirrors.follow(&urls.collect::<Vec<_>>());
        Some(mirrors)
    }

    fn follow(&self, stores: &[Value]) {
        let mut config = self.shelf.forge.config("");
        config["ca_file"] = json!("/ca.pem");
        config["layers"][0]["stores"] = json!(stores);
        self.node.configure(&config);
    }

    fn run(&self) -> Run {
        Run::of(self.node.command(&["--once", "--json"]).env("OUT", self.node.root()))
    }

    fn applied(&self) -> String {
        self.node.read("applied").unwrap_or_default().trim().to_owned()
    }

    /// Replaces what a mirror holds.
    fn refill(&self, number: usize, holding: Holding) {
        let place = self.folders[number].path().join("site");
        fs::remove_dir_all(&place).unwrap();
        self.shelf.fill(&place, holding);
    }

    fn take(&self) -> Vec<Vec<Seen>> {
        self.servers.iter().map(Server::take).collect()
    }
}

#[test]
fn all_are_asked_at_once() {
    let Some(mirrors) = Mirrors::new(&[Holding::Fresh, Holding::Stale, Holding::Old]) else { return };
    let meeting = Meeting::of(3);
    for server in &mirrors.servers {
        server.fault_times(&manifest(), Fault::Deliver(Delivery::Together(meeting.clone())), 1);
    }
    mirrors.run().expect(0);
    assert!(meeting.took_place(), "one answer was awaited before another was asked for");
    assert_eq!(mirrors.applied(), "release 8");
    let asked: Vec<usize> = mirrors.take().iter().map(Vec::len).collect();
    assert_eq!(asked, [3, 1, 1], "packs come from where the manifest came from");
}

#[test]
fn an_idle_check_is_one_request_to_each() {
    let Some(mirrors) = Mirrors::new(&[Holding::Fresh, Holding::Fresh, Holding::Fresh]) else { return };
    // Two of the stores have the same name at different services.
    let bucket = |server: &Server| {
        json!({"url": "s3://site", "region": REGION, "endpoint": server.url(""), "style": "path",
            "credentials": ["none"]})
    };
    let [one, two, three] = &mirrors.servers[..] else { unreachable!() };
    mirrors.follow(&[json!({"url": one.url("site")}), bucket(two), bucket(three)]);
    mirrors.run().expect(0);
    mirrors.take();
    for _ in 0..2 {
        let run = mirrors.run().expect(0);
        assert_eq!(run.err, "");
        for seen in mirrors.take() {
            let [seen] = &seen[..] else { panic!("{seen:?}") };
            assert_eq!((seen.status, seen.sent), (304, 0), "{seen:?}");
        }
        let report: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(report["layers"][0]["requests"], 3);
        assert_eq!(report["layers"][0]["received"], 0);
    }
}

#[test]
fn what_is_not_modified_here_may_be_newer_there() {
    for newer in [0, 1] {
        let Some(mirrors) = Mirrors::new(&[Holding::Stale, Holding::Stale]) else { return };
        mirrors.run().expect(0);
        assert_eq!(mirrors.applied(), "release 7");
        mirrors.refill(newer, Holding::Fresh);
        mirrors.take();
        let run = mirrors.run().expect(0);
        assert_eq!(mirrors.applied(), "release 8", "{}", run.err);
        let seen = mirrors.take();
        assert_eq!(seen[newer][0].status, 200);
        assert_eq!(seen[1 - newer].iter().map(|seen| seen.status).collect::<Vec<_>>(), [304]);
        // The store that lags behind does not take the node back.
        let run = mirrors.run().expect(0);
        assert!(run.err.contains("ignored store") && run.err.contains("serial 7"), "{}", run.err);
        assert_eq!(mirrors.applied(), "release 8");
        mirrors.refill(1 - newer, Holding::Fresh);
        let run = mirrors.run().expect(0);
        assert_eq!(run.err, "", "caught up");
    }
}

#[test]
fn of_two_truths_under_one_serial_the_first_is_kept() {
    for (one, two) in [(Holding::Fresh, Holding::Twin), (Holding::Twin, Holding::Fresh)] {
        let Some(mirrors) = Mirrors::new(&[one, two]) else { return };
        mirrors.run().expect(0);
        let first = mirrors.applied();
        assert!(["release 8", "release another 8"].contains(&&*first), "{first}");
        let run = mirrors.run().expect(0);
        assert!(run.err.contains("ignored store") && run.err.contains("other bytes"), "{}", run.err);
        assert_eq!(mirrors.applied(), first);
    }
}

#[test]
fn a_download_goes_on_at_another_store_where_it_was_cut() {
    let Some(mirrors) = Mirrors::new(&[Holding::Fresh, Holding::Fresh]) else { return };
    let pack = format!("site/{}", mirrors.shelf.key("pack"));
    let size = fs::metadata(mirrors.folders[0].path().join(&pack)).unwrap().len();
    // The second store has the packs alone.
    mirrors.servers[1].fault(&manifest(), Fault::status(404));
    mirrors.servers[0].fault(&pack, Fault::Deliver(Delivery::Short(30_000)));
    mirrors.run().expect(0);
    assert_eq!(mirrors.applied(), "release 8");
    let seen = mirrors.take();
    let of_pack = |number: usize| seen[number].iter().filter(|seen| seen.request.path().contains(&pack));
    let resumed = of_pack(1).find_map(|seen| seen.request.header("range").map(str::to_owned));
    assert!(resumed.as_deref().is_some_and(|range| range.starts_with("bytes=")), "{resumed:?}");
    let sent: usize = of_pack(0).chain(of_pack(1)).map(|seen| seen.sent).sum();
    assert_eq!(sent as u64, size, "no byte came twice");
}

#[test]
fn a_real_bucket_a_web_server_and_a_folder() {
    let Some(mirrors) = Mirrors::new(&[Holding::Stale]) else { return };
    let Some(garage) = Garage::start(&Net::host()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("site");
    mirrors.shelf.fill(&here, Holding::Fresh);
    for key in [
        manifest(),
        format!("site/{}", mirrors.shelf.key("pack")),
        format!("site/{}", mirrors.shelf.key("script")),
    ] {
        let file = folder.path().join(&key).display().to_string();
        assert_eq!(garage.curl(&garage.writer, &key, &["--upload-file", &file]).0, 200);
    }
    fs::remove_dir_all(&here).unwrap();
    mirrors.shelf.fill(&here, Holding::Old);
    let bucket = |secret: &str| {
        let key = json!({"access_key_id": garage.reader.id, "secret_access_key": secret});
        json!({"url": format!("s3://{BUCKET}/site"), "region": REGION, "endpoint": garage.endpoint(),
            "style": "path", "credentials": [{"static": key}]})
    };
    let others = [
        json!({"url": mirrors.servers[0].url("site")}),
        json!({"url": format!("file://{}", here.display())}),
    ];
    let follow = |bucket: Value| mirrors.follow(&[others.to_vec(), vec![bucket]].concat());

    // A bucket that does not let the node in leaves the others; the folder's release is the older one.
    let forged = garage.writer.secret.clone();
    follow(bucket(&forged));
    let run = mirrors.run().expect(0);
    assert!(run.err.contains(&format!("ignored store `s3://{BUCKET}/site`")), "{}", run.err);
    assert!(!run.err.contains(&forged) && !run.out.contains(&forged), "{}", run.err);
    assert_eq!(mirrors.applied(), "release 7");

    follow(bucket(&garage.reader.secret));
    mirrors.run().expect(0);
    assert_eq!(mirrors.applied(), "release 8");
    let before = garage.requests().len();
    mirrors.take();
    let run = mirrors.run().expect(0);
    let asked = garage.requests().split_off(before);
    assert_eq!(asked, [format!("(key {}) GET /{BUCKET}/{}", garage.reader.id, manifest())]);
    assert_eq!(mirrors.take()[0].len(), 1);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let warned = report["layers"][0]["warnings"].to_string();
    assert!(warned.contains("serial 6") && warned.contains("serial 7"), "{warned}");
}

/// The path of the manifest at the stores here.
fn manifest() -> String {
    format!("site/{}", layout::head(&name("production")))
}

#[test]
fn a_stranger_with_a_higher_serial_does_not_hide_the_next_release() {
    let Some(mirrors) = Mirrors::new(&[Holding::Foreign, Holding::Stale]) else { return };
    for (holding, release) in [(Holding::Stale, "release 7"), (Holding::Fresh, "release 8")] {
        mirrors.refill(1, holding);
        let run = mirrors.run().expect(0);
        assert!(run.err.contains("ignored store") && run.err.contains("signature"), "{}", run.err);
        assert_eq!(mirrors.applied(), release);
    }
    let stranger = Forge::new();
    stranger.release(u64::MAX, "endless");
    let file = layout::head(&name("production"));
    fs::copy(stranger.bucket().join(&file), mirrors.folders[0].path().join("site").join(file)).unwrap();
    mirrors.run().expect(0);
    assert_eq!(mirrors.applied(), "release 8");
}
