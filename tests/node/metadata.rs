//! The role of an instance, by version 2 of the metadata service at its true address: a stand-in that
//! refuses a request without a token, and a real S3 server that checks what is signed with the role's keys.
//!
//! The S3 server knows no session tokens and no end of keys: it takes any token that is signed.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod clouds;
mod distrust;
mod identity;
mod tags;

use std::process::Command;
use std::time::Duration;

use e2e::bucket::Bucket;
use e2e::garage::{Key, REGION};
use e2e::imds::{Facts, Imds, RoleKeys};
use e2e::process::{PATIENCE, succeed, until};
use e2e::proxy::Proxy;
use e2e::random::hex;
use e2e::server::{Fault, Reply, Server};
use serde_json::json;

const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2099-01-01T00:00:00Z";
const TOKEN: &str = "FwoGZXIvYXdzEA4aD/secret+token==";

fn role_keys(key: &Key, expiration: &str) -> RoleKeys {
    RoleKeys {
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.clone(),
        token: TOKEN.into(),
        expiration: expiration.into(),
    }
}

fn metadata(bucket: &Bucket, role: &str, keys: Vec<RoleKeys>) -> Imds {
    let facts = Facts {
        instance_id: "i-0abc".into(),
        region: REGION.into(),
        role: role.into(),
        keys,
        user_data: None,
    };
    Imds::start(bucket.lab.cloud.listen_at("169.254.169.254:80"), facts)
}

#[test]
fn the_role_of_an_instance_without_ipv4() {
    let Some(bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let Some(node) = bucket.node(&bucket.config("aws")) else { return };
    for (net, address) in [(&bucket.lab.cloud, "fd00:ec2::254/64"), (&bucket.lab.node, "fd00:ec2::15/64")] {
        let namespace = net.path().unwrap();
        let mut ip = Command::new("ip");
        ip.arg("-netns").arg(namespace.file_name().unwrap());
        succeed(ip.args(["address", "add", address, "dev", "eth0", "nodad"]), PATIENCE);
    }
    let facts = Facts {
        instance_id: "i-0abc".into(),
        region: REGION.into(),
        role: "web-server".into(),
        keys: vec![role_keys(&reader, FUTURE)],
        user_data: None,
    };
    // Nobody listens at the address of IPv4.
    let imds = Imds::start(bucket.lab.cloud.listen_at("[fd00:ec2::254]:80"), facts);
    node.once().expect(0);
    assert_eq!(bucket.applied(), "node 1 first\n");
    assert_eq!(imds.take().len(), 3);
}

#[test]
fn the_role_of_the_instance_reads_the_bucket() {
    let Some(bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let Some(node) = bucket.node(&bucket.config("aws")) else { return };
    let imds = metadata(&bucket, "web-server", vec![role_keys(&reader, FUTURE)]);
    let before = bucket.garage.requests().len();

    let run = node.once().expect(0);
    assert_eq!(bucket.applied(), "node 1 first\n");
    let asked: Vec<_> = imds.take().iter().map(|seen| (seen.request.target.clone(), seen.status)).collect();
    let role = "/latest/meta-data/iam/security-credentials/";
    let expected = ["/latest/api/token".to_owned(), role.to_owned(), format!("{role}web-server")];
    assert_eq!(asked, expected.map(|target| (target, 200)), "the keys are asked for once in a run");
    let requests = bucket.asked(&reader, before);
    assert!(!requests.is_empty(), "{:?}", bucket.garage.requests());

    let kept = node.run(&["status", "--json"]);
    for secret in [reader.secret.as_str(), TOKEN] {
        assert!(!format!("{}{}{}{}", run.out, run.err, kept.out, kept.err).contains(secret));
        let grep = ["-r", "-l", "-F", secret].map(str::to_owned);
        let found = Command::new("grep").args(grep).arg(node.root()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "a secret is on disk");
    }
}

/// The S3 server of the other tests never calls a key expired, so here a plain folder plays the store.
#[test]
fn keys_that_the_store_calls_expired_are_asked_for_again() {
    let Some(bucket) = Bucket::new("path") else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/configs/site/one", folder.path().display());
    bucket.site.edit("s3://configs/site/one", &url);
    for setting in ["region", "endpoint", "style"] {
        bucket.site.drop_line(&format!("    {setting}: "));
    }
    bucket.site.publish();
    let mut config = bucket.config("aws");
    let store = Server::start(&bucket.lab.cloud, folder.path(), None);
    config["layers"][0]["stores"][0] = json!({
        "url": "s3://configs/site/one", "region": REGION, "endpoint": store.url(""), "style": "path",
        "credentials": ["instance_role"],
    });
    let Some(node) = bucket.node(&config) else { return };
    let keys = ["first", "second"].map(|id| role_keys(&Key { id: id.into(), secret: hex(32) }, FUTURE));
    let imds = metadata(&bucket, "node", keys.to_vec());
    let expired = Reply::new(403, "<Error><Code>ExpiredToken</Code></Error>");
    store.fault_times("configs/site/one/env/production/head", Fault::Answer(expired), 1);

    node.once().expect(0);
    assert_eq!(bucket.applied(), "node 1 first\n");
    let documents = imds.take().iter().filter(|seen| seen.request.target.ends_with("/node")).count();
    assert_eq!(documents, 2);
    let signed: Vec<_> = store.take().into_iter().map(|seen| seen.request).collect();
    for (n, request) in signed.iter().enumerate() {
        let key = if n == 0 { "Credential=first/" } else { "Credential=second/" };
        assert!(request.header("authorization").unwrap().contains(key), "{request:?}");
        assert_eq!(request.header("x-amz-security-token"), Some(TOKEN));
    }
}

#[test]
fn the_token_is_asked_for_without_a_body() {
    let Some(bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let Some(node) = bucket.node(&bucket.config("aws")) else { return };
    let imds = metadata(&bucket, "", Vec::new());
    node.once().expect(1);
    let seen = imds.take();
    let token = &seen[0].request;
    assert_eq!((token.method.as_str(), token.path()), ("PUT", "/latest/api/token"));
    // A simple server may not know a body in chunks, not even an empty one.
    assert_eq!((token.header("transfer-encoding"), token.header("content-length")), (None, Some("0")));
}

#[test]
fn a_daemon_outlives_the_keys_of_its_role() {
    let Some(bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let mut config = bucket.config("aws");
    config["layers"][0]["interval"] = json!(10);
    config["layers"][0]["splay"] = json!(0);
    let Some(node) = bucket.node(&config) else { return };
    let (reader, writer) = (bucket.garage.reader.clone(), bucket.garage.writer.clone());
    // The first keys end within the time at which a client renews them.
    let keys = vec![role_keys(&reader, PAST), role_keys(&writer, FUTURE)];
    let _imds = metadata(&bucket, "node", keys);
    let mut daemon = node.daemon();
    assert!(until(PATIENCE, || bucket.applied() == "node 1 first\n"), "{}", daemon.log());
    bucket.site.write("text", "second\n", 0o644);
    bucket.site.publish();
    let before = bucket.garage.requests().len();
    let arrived = until(PATIENCE, || bucket.applied() == "node 1 first\nnode 2 second\n");
    assert!(arrived, "{}\n{}", bucket.applied(), daemon.log());
    assert!(!bucket.asked(&writer, before).is_empty() && bucket.asked(&reader, before).is_empty());
    let ended = daemon.stop(PATIENCE);
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "SIGTERM: {}", daemon.log());
}

#[test]
fn an_instance_without_a_role_says_so() {
    let Some(bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let Some(node) = bucket.node(&bucket.config("aws")) else { return };
    let imds = metadata(&bucket, "", Vec::new());
    let run = node.once().expect(1);
    assert!(run.err.contains("no role"), "{}", run.err);
    assert!(run.took < Duration::from_secs(100), "{:?}", run.took);
    drop(imds);
    let run = node.once().expect(1);
    assert!(run.err.contains("metadata service"), "{}", run.err);
    assert!(run.took < Duration::from_secs(100), "{:?}", run.took);
    assert_eq!(bucket.applied(), "");
}

#[test]
fn the_next_way_to_keys_counts_where_there_is_no_role() {
    let Some(mut bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let mut config = bucket.static_config(&reader);
    let ways = &mut config["layers"][0]["stores"][0]["credentials"];
    *ways = json!(["instance_role", "environment"]);
    let Some(node) = bucket.node(&config) else { return };
    let mut once = node.command(&["--once"]);
    once.env("AWS_ACCESS_KEY_ID", &reader.id).env("AWS_SECRET_ACCESS_KEY", &reader.secret);
    let run = e2e::agent::Run::of(&mut once).expect(0);
    assert_eq!(bucket.applied(), "node 1 first\n", "{}", run.err);
}

#[test]
fn the_metadata_service_is_never_asked_through_a_proxy() {
    let Some(bucket) = Bucket::new("virtual") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let proxy = Proxy::start(&bucket.lab.cloud);
    let address = format!("http://proxy.test:{}", proxy.port());
    let mut config = bucket.config("aws");
    config["proxy"] = json!(address);
    let Some(node) = bucket.node(&config) else { return };
    let imds = metadata(&bucket, "node", vec![role_keys(&reader, FUTURE)]);
    let mut once = node.command(&["--once"]);
    e2e::agent::Run::of(once.env("http_proxy", &address).env("https_proxy", &address)).expect(0);
    let asked = proxy.take();
    assert!(!asked.is_empty() && asked.iter().all(|line| line.contains("s3.test")), "{asked:?}");
    assert_eq!(imds.take().len(), 3);
    assert_eq!(bucket.applied(), "node 1 first\n");
}
