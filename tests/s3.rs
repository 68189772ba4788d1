//! A bucket behind a real S3 server that checks signatures, over TLS with a private authority: published
//! by the generator, read by the agent.
//!
//! The server (garage) does not know session tokens: it takes any, as part of what is signed, and it
//! takes a clock that is hours off. So tests here prove that a token is sent and signed, not that it counts.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::thread;

use e2e::agent::{Node, Run};
use e2e::garage::{Garage, Key, REGION};
use e2e::netns::Lab;
use e2e::proxy::Proxy;
use e2e::random::hex;
use e2e::site::Site;
use e2e::tls::{Authority, SERVER_NAMES, Terminator};
use serde_json::{Value, json};

/// A bucket over TLS, and a site that is published to it.
struct Bucket {
    site: Site,
    garage: Garage,
    terminator: Terminator,
    authority: Authority,
    lab: Lab,
}

impl Bucket {
    fn new(style: &str) -> Option<Self> {
        let lab = Lab::new()?;
        let garage = Garage::start(&lab.cloud)?;
        let authority = Authority::new();
        let terminator = Terminator::start(&lab.cloud, &authority.issue(SERVER_NAMES), garage.port())?;
        let endpoint = format!("https://s3.test:{}", terminator.port());
        let site = Site::on_s3(&lab.cloud, &garage, &endpoint, style)?;
        site.write("ca.pem", authority.pem(), 0o644);
        site.edit("node:\n", "node:\n  ca_file: ca.pem\n");
        let applied = lab.etc.join("applied");
        let apply = format!("#!/bin/sh\necho \"$STRINGLESS_SERIAL $(cat text)\" >>{}\n", applied.display());
        site.write("apply", apply, 0o755);
        site.write("text", "first\n", 0o644);
        Some(Self { site, garage, terminator, authority, lab })
    }

    /// What the node's runs have applied so far.
    fn applied(&self) -> String {
        fs::read_to_string(self.lab.etc.join("applied")).unwrap_or_default()
    }

    /// The `agent.json` that `stringless render` makes for static keys, with these keys.
    fn config(&mut self, key: &Key) -> Value {
        self.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &key.id);
        self.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &key.secret);
        self.site.push_agent();
        let mut config = Site::config(&self.site.render("debian-12", "nocloud", &[]));
        // The script would have put it there; a node that is a folder has its own.
        config["ca_file"] = json!("/etc/stringless/ca.pem");
        config
    }

    fn node(&self, config: &Value) -> Option<Node> {
        let node = Node::new(&self.lab.node, config)?;
        node.write("etc/stringless/ca.pem", self.authority.pem());
        Some(node)
    }

    /// The requests that runs of the agent made: those by `key`, since `before`.
    fn asked(&self, key: &Key, before: usize) -> Vec<String> {
        let mine = format!("(key {}) ", key.id);
        let all = self.garage.requests();
        all[before..].iter().filter_map(|line| line.strip_prefix(&mine).map(str::to_owned)).collect()
    }
}

fn goes_the_whole_way(style: &str) {
    let Some(mut bucket) = Bucket::new(style) else { return };
    let first = bucket.site.publish();
    assert_eq!(first["serial"], 1, "{first}");
    let _ = bucket.site.run(&["verify"]).expect(0);
    let reader = bucket.garage.reader.clone();
    let config = bucket.config(&reader);
    let Some(node) = bucket.node(&config) else { return };

    let _ = node.once().expect(0);
    assert_eq!(bucket.applied(), "1 first\n");

    // Nothing is new: one request, and it is answered 304.
    let before = bucket.garage.requests().len();
    let idle = report(&node.run(&["--once", "--json"]).expect(0));
    assert_eq!((&idle["requests"], &idle["received"]), (&json!(1), &json!(0)), "{idle}");
    let asked = bucket.asked(&reader, before);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].ends_with("/site/one/env/production/manifest"), "{asked:?}");
    let by_virtual_host = asked[0].starts_with("GET /site/");
    assert_eq!(by_virtual_host, style == "virtual", "{asked:?}");
    assert_eq!(bucket.applied(), "1 first\n");

    // One line is new: one pack and the manifest.
    bucket.site.write("text", "second\n", 0o644);
    let second = bucket.site.publish();
    assert_eq!((&second["serial"], &second["moved"]["packs"]), (&json!(2), &json!(1)), "{second}");
    let before = bucket.garage.requests().len();
    let changed = report(&node.run(&["--once", "--json"]).expect(0));
    assert_eq!(changed["fetched"], 1, "{changed}");
    assert_eq!(bucket.asked(&reader, before).len(), 2);
    assert_eq!(bucket.applied(), "1 first\n2 second\n");

    let nothing = bucket.site.publish();
    assert_eq!(nothing["published"], false, "{nothing}");
}

#[test]
fn a_release_goes_the_whole_way_with_the_bucket_in_the_host() {
    goes_the_whole_way("virtual");
}

#[test]
fn a_release_goes_the_whole_way_with_the_bucket_in_the_path() {
    goes_the_whole_way("path");
}

#[test]
fn a_node_that_may_not_read_says_so_and_applies_nothing() {
    let Some(mut bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let good = bucket.config(&reader);
    let Some(node) = bucket.node(&good) else { return };
    let store = "/layers/0/stores/0";
    let forged = json!([{"static": {"access_key_id": reader.id, "secret_access_key": hex(32)}}]);
    let unknown = json!([{"static": {"access_key_id": format!("GK{}", hex(12)), "secret_access_key": hex(32)}}]);
    let faults = [
        ("wrong secret", "credentials", forged),
        ("unknown key", "credentials", unknown),
        ("unsigned", "credentials", json!(["none"])),
        ("wrong region", "region", json!("us-west-2")),
    ];
    for (name, setting, value) in faults {
        let mut config = good.clone();
        config.pointer_mut(store).unwrap()[setting] = value;
        node.configure(&config);
        let run = node.once().expect(1);
        assert!(run.err.contains("env/production/manifest") && run.err.contains("40"), "{name}: {}", run.err);
        assert!(!run.err.contains(&reader.secret), "{name}: {}", run.err);
        assert_eq!(bucket.applied(), "", "{name}");
    }
    node.configure(&good);
    let _ = node.once().expect(0);
    assert_eq!(bucket.applied(), "1 first\n");
}

#[test]
fn a_server_of_an_unknown_authority_is_not_believed() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.config(&reader);
    let Some(node) = bucket.node(&config) else { return };
    let before = bucket.garage.requests().len();

    config.as_object_mut().unwrap().remove("ca_file");
    node.configure(&config);
    let run = node.once().expect(1);
    assert!(run.err.to_lowercase().contains("certificate"), "{}", run.err);

    node.write("etc/stringless/ca.pem", Authority::new().pem());
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    node.configure(&config);
    let _ = node.once().expect(1);
    assert_eq!(bucket.asked(&reader, before), [""; 0], "nothing is asked of a stranger");
    assert_eq!(bucket.applied(), "");
}

#[test]
fn a_certificate_for_another_name_is_not_believed() {
    let Some(mut bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.config(&reader);
    let other = bucket.authority.issue(&["elsewhere.test"]);
    let Some(stranger) = Terminator::start(&bucket.lab.cloud, &other, bucket.garage.port()) else { return };
    config.pointer_mut("/layers/0/stores/0").unwrap()["endpoint"] =
        json!(format!("https://s3.test:{}", stranger.port()));
    let Some(node) = bucket.node(&config) else { return };
    let run = node.once().expect(1);
    assert!(run.err.to_lowercase().contains("certificate"), "{}", run.err);
}

#[test]
fn publishing_needs_a_key_that_may_write() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    let reader = bucket.garage.reader.clone();
    let forged = Key { secret: hex(32), ..bucket.garage.writer.clone() };
    for key in [&reader, &forged] {
        bucket.site.publish_with(key);
        let run = bucket.site.run(&["publish"]);
        assert_ne!(run.code, 0, "{}", run.out);
        assert!(run.err.contains("403"), "{}", run.err);
        assert!(!run.err.contains(&key.secret), "{}", run.err);
    }
    let writer = bucket.garage.writer.clone();
    bucket.site.publish_with(&writer);
    bucket.site.edit(REGION, "us-west-2");
    assert_ne!(bucket.site.run(&["publish"]).code, 0);
    bucket.site.edit("us-west-2", REGION);
    assert_eq!(bucket.site.publish()["serial"], 1);
}

#[test]
fn two_publishers_do_not_overwrite_one_another() {
    let Some(bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let runs: Vec<Run> = thread::scope(|scope| {
        let publish = || scope.spawn(|| bucket.site.run(&["publish", "--force", "--json"]));
        let both = [publish(), publish(), publish()];
        both.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut serials: Vec<u64> = Vec::new();
    for run in &runs {
        match run.code {
            0 => serials.push(serde_json::from_str::<Value>(&run.out).unwrap()["serial"].as_u64().unwrap()),
            _ => assert_eq!(run.code, 1, "{}", run.err),
        }
    }
    let distinct: std::collections::BTreeSet<_> = serials.iter().collect();
    assert!(!serials.is_empty() && distinct.len() == serials.len(), "{serials:?}");
    let _ = bucket.site.run(&["verify"]).expect(0);
    let next = bucket.site.run(&["publish", "--force", "--json"]).expect(0);
    let next = serde_json::from_str::<Value>(&next.out).unwrap()["serial"].as_u64().unwrap();
    assert!(serials.iter().all(|serial| *serial < next), "{serials:?}, then {next}");
}

#[test]
fn a_node_behind_a_proxy_reaches_its_store() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.config(&reader);
    let proxy = Proxy::start(&bucket.lab.cloud);
    let address = format!("http://proxy.test:{}", proxy.port());
    let Some(node) = bucket.node(&config) else { return };
    let tunnel = format!("CONNECT configs.s3.test:{}", bucket.terminator.port());

    let mut by_environment = node.command(&["--once"]);
    let _ = Run::of(by_environment.env("https_proxy", &address)).expect(0);
    let asked = proxy.take();
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == tunnel), "{asked:?}");

    config["proxy"] = json!(address);
    node.configure(&config);
    let _ = node.once().expect(0);
    assert!(proxy.take().contains(&tunnel));

    config["no_proxy"] = json!("s3.test,configs.s3.test");
    node.configure(&config);
    let _ = node.once().expect(0);
    assert_eq!(proxy.take(), [""; 0]);
    assert_eq!(bucket.applied(), "1 first\n");
}

/// The report of the only layer.
fn report(run: &Run) -> Value {
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {}", run.out));
    report["layers"][0].clone()
}
