//! What `stringless policy` prints, loaded into stores that act by it: the real generator and the real agent
//! can do what they must, and a holder of their keys can do nothing else.
//!
//! The IAM here is moto's, with conditions and the 403 for what is missing as Amazon documents them, filled
//! in by `support/iam_server.py`: nobody asked Amazon itself.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod files;
mod garage;
mod groups;
mod nodes;
mod publisher;

use std::collections::BTreeMap;

use e2e::agent::Node;
use e2e::garage::{BUCKET, Key, REGION};
use e2e::iam::Iam;
use e2e::netns::Net;
use e2e::site::Site;
use serde_json::{Value, json};

/// Below [`BUCKET`].
const PREFIX: &str = "site/one";

/// A site with two environments, whose store is at `endpoint`.
fn site(endpoint: &str) -> Option<Site> {
    let store = format!("s3://{BUCKET}/{PREFIX}");
    let options = ["--store", &store, "--region", REGION, "--endpoint", endpoint, "--style", "path"];
    let site = Site::init(&Net::host(), &options)?;
    site.edit("  production:\n", "  staging:\n    source: {path: .}\n  production:\n");
    site.write("apply", "#!/bin/sh\nexit 0\n", 0o755);
    Some(site)
}

/// What `stringless policy ARGS` prints.
fn policy(site: &Site, args: &[&str]) -> String {
    site.run(&[&["policy"], args].concat()).expect(0).out
}

/// The policies of IAM for a site in [`BUCKET`] at [`PREFIX`]: for nodes of one environment, for a
/// publisher of one and of all.
fn documents() -> Option<BTreeMap<String, Value>> {
    // Where the store is does not matter to them.
    let site = site("http://127.0.0.1:9")?;
    let document = |args: &[&str]| -> Value { serde_json::from_str(&policy(&site, args)).unwrap() };
    let production = ["--environment", "production"];
    Some(BTreeMap::from([
        ("nodes".to_owned(), document(&[&["iam", "--for", "nodes"][..], &production].concat())),
        ("one".to_owned(), document(&[&["iam", "--for", "publisher"][..], &production].concat())),
        ("publisher".to_owned(), document(&["aws", "--for", "publisher"])),
    ]))
}

/// The server with those policies, and the site with both environments published by its publisher.
fn published(more: impl FnOnce(&mut BTreeMap<String, Value>)) -> Option<(Iam, Site)> {
    let mut documents = documents()?;
    more(&mut documents);
    let iam = Iam::start(&Net::host(), &documents)?;
    let mut site = site(&iam.endpoint())?;
    site.publish_with(&iam.users["publisher"].key());
    site.push_agent()?;
    for environment in ["production", "staging"] {
        site.run(&["publish", "--environment", environment]).expect(0);
    }
    Some((iam, site))
}

/// The `agent.json` of a node that has this key.
fn config(site: &mut Site, key: &Key, environment: &str) -> Value {
    site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &key.id);
    site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &key.secret);
    site.edit("node:\n", "node:\n  credentials: [static]\n");
    let script = site.render("debian-12", "nocloud", &["--environment", environment]);
    site.edit("  credentials: [static]\n", "");
    let mut config = Site::config(&script);
    config["node"] = json!("node");
    config
}

/// Another key takes the place of the site's.
fn rotate(site: &Site, name: &str) {
    let (key, public) = (format!("keys/{name}.key"), format!("keys/{name}.pub"));
    site.run(&["keygen", &key, "--no-password"]).expect(0);
    site.run(&["keys", "rotate", "release", "--public", &public]).expect(0);
}

fn node(config: &Value) -> Option<Node> {
    Node::new(&Net::host(), config)
}
