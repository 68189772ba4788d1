//! A bucket behind a real S3 server that checks signatures, over TLS with a private authority: published
//! by the generator, read by the agent.
//!
//! The server (garage) does not know session tokens: it takes any, as part of what is signed, and it
//! takes a clock that is hours off. So tests here prove that a token is sent and signed, not that it counts.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::thread;

use e2e::agent::Run;
use e2e::bucket::Bucket;
use e2e::garage::{Key, REGION};
use e2e::proxy::Proxy;
use e2e::random::hex;
use e2e::tls::{Authority, Terminator};
use serde_json::{Value, json};

fn goes_the_whole_way(style: &str) {
    let Some(mut bucket) = Bucket::new(style) else { return };
    let first = bucket.site.publish();
    assert_eq!(first["serial"], 1, "{first}");
    bucket.site.run(&["verify"]).expect(0);
    let reader = bucket.garage.reader.clone();
    let config = bucket.static_config(&reader);
    let Some(node) = bucket.node(&config) else { return };

    node.once().expect(0);
    assert_eq!(bucket.applied(), "node 1 first\n");

    // Nothing is new: one request, and it is answered 304.
    let before = bucket.garage.requests().len();
    let idle = report(&node.run(&["--once", "--json"]).expect(0));
    assert_eq!((&idle["requests"], &idle["received"]), (&json!(1), &json!(0)), "{idle}");
    let asked = bucket.asked(&reader, before);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].ends_with("/site/one/env/production/head"), "{asked:?}");
    let by_virtual_host = asked[0].starts_with("GET /site/");
    assert_eq!(by_virtual_host, style == "virtual", "{asked:?}");
    assert_eq!(bucket.applied(), "node 1 first\n");

    // One line is new: one pack and the manifest.
    bucket.site.write("text", "second\n", 0o644);
    let second = bucket.site.publish();
    assert_eq!((&second["serial"], &second["moved"]["packs"]), (&json!(2), &json!(1)), "{second}");
    let before = bucket.garage.requests().len();
    let changed = report(&node.run(&["--once", "--json"]).expect(0));
    assert_eq!(changed["fetched"], 1, "{changed}");
    assert_eq!(bucket.asked(&reader, before).len(), 2);
    assert_eq!(bucket.applied(), "node 1 first\nnode 2 second\n");

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
    let good = bucket.static_config(&reader);
    let Some(node) = bucket.node(&good) else { return };
    let store = "/layers/0/stores/0";
    let forged = json!([{"static": {"access_key_id": reader.id, "secret_access_key": hex(32)}}]);
    let unknown =
        json!([{"static": {"access_key_id": format!("GK{}", hex(12)), "secret_access_key": hex(32)}}]);
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
        assert!(run.err.contains("env/production/head") && run.err.contains("40"), "{name}: {}", run.err);
        assert!(!run.err.contains(&reader.secret), "{name}: {}", run.err);
        assert_eq!(bucket.applied(), "", "{name}");
    }
    node.configure(&good);
    node.once().expect(0);
    assert_eq!(bucket.applied(), "node 1 first\n");
}

#[test]
fn a_server_of_an_unknown_authority_is_not_believed() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.static_config(&reader);
    let Some(node) = bucket.node(&config) else { return };
    let before = bucket.garage.requests().len();

    config.as_object_mut().unwrap().remove("ca_file");
    node.configure(&config);
    let run = node.once().expect(1);
    assert!(run.err.to_lowercase().contains("certificate"), "{}", run.err);

    node.write("etc/stringless/ca.pem", Authority::new().pem());
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    node.configure(&config);
    node.once().expect(1);
    assert_eq!(bucket.asked(&reader, before), [""; 0], "nothing is asked of a stranger");
    assert_eq!(bucket.applied(), "");
}

#[test]
fn a_certificate_for_another_name_is_not_believed() {
    let Some(mut bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.static_config(&reader);
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
    bucket.site.run(&["verify"]).expect(0);
    let next = bucket.site.run(&["publish", "--force", "--json"]).expect(0);
    let next = serde_json::from_str::<Value>(&next.out).unwrap()["serial"].as_u64().unwrap();
    assert!(serials.iter().all(|serial| *serial < next), "{serials:?}, then {next}");
}

#[test]
fn a_node_behind_a_proxy_reaches_its_store() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.static_config(&reader);
    let proxy = Proxy::start(&bucket.lab.cloud);
    let address = format!("http://proxy.test:{}", proxy.port());
    let Some(node) = bucket.node(&config) else { return };
    let tunnel = format!("CONNECT configs.s3.test:{}", bucket.terminator.port());

    let mut by_environment = node.command(&["--once"]);
    Run::of(by_environment.env("https_proxy", &address)).expect(0);
    let asked = proxy.take();
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == tunnel), "{asked:?}");

    config["proxy"] = json!(address);
    node.configure(&config);
    node.once().expect(0);
    assert!(proxy.take().contains(&tunnel));

    config["no_proxy"] = json!("s3.test,configs.s3.test");
    node.configure(&config);
    node.once().expect(0);
    assert_eq!(proxy.take(), [""; 0]);
    assert_eq!(bucket.applied(), "node 1 first\n");
}

/// The report of the only layer.
fn report(run: &Run) -> Value {
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {}", run.out));
    report["layers"][0].clone()
}
