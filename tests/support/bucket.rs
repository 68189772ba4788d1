//! The usual case: a site in a bucket of a real S3 server, over TLS with a private authority.

use std::fs;

use serde_json::{Value, json};

use crate::agent::Node;
use crate::garage::{Garage, Key};
use crate::netns::Lab;
use crate::site::Site;
use crate::tls::{Authority, SERVER_NAMES, Terminator};

/// A bucket with its server, and a site that is published to it.
#[derive(Debug)]
pub struct Bucket {
    /// With an `apply` that tells [`applied`](Bucket::applied) its serial and the file `text`.
    pub site: Site,
    /// The server.
    pub garage: Garage,
    /// What speaks TLS for it, at `s3.test`.
    pub terminator: Terminator,
    /// Whose certificate that is; the site knows it as its `ca_file`.
    pub authority: Authority,
    /// Where all of it is; the node's side is free.
    pub lab: Lab,
}

impl Bucket {
    /// Starts everything; nothing is published yet. `style` is `virtual` or `path`.
    pub fn new(style: &str) -> Option<Self> {
        let lab = Lab::new()?;
        let garage = Garage::start(&lab.cloud)?;
        let authority = Authority::new();
        let terminator = Terminator::start(&lab.cloud, &authority.issue(SERVER_NAMES), garage.port())?;
        let endpoint = format!("https://s3.test:{}", terminator.port());
        let site = Site::on_s3(&lab.cloud, &garage, &endpoint, style)?;
        site.write("ca.pem", authority.pem(), 0o644);
        site.edit("node:\n", "node:\n  ca_file: ca.pem\n");
        let applied = lab.etc.join(APPLIED);
        let printed = "$STRINGLESS_NODE $STRINGLESS_SERIAL $(cat text)";
        site.write("apply", format!("#!/bin/sh\necho \"{printed}\" >>{}\n", applied.display()), 0o755);
        site.write("text", "first\n", 0o644);
        Some(Self { site, garage, terminator, authority, lab })
    }

    /// What nodes that are folders have applied so far: lines of node, serial and text.
    pub fn applied(&self) -> String {
        fs::read_to_string(self.lab.etc.join(APPLIED)).unwrap_or_default()
    }

    /// The `agent.json` of a cloud without roles, with these keys in it.
    pub fn static_config(&mut self, key: &Key) -> Value {
        self.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &key.id);
        self.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &key.secret);
        self.site.edit("node:\n", "node:\n  credentials: [static]\n");
        let config = self.config("nocloud");
        self.site.edit("  credentials: [static]\n", "");
        config
    }

    /// The `agent.json` that is rendered for this cloud.
    pub fn config(&self, cloud: &str) -> Value {
        self.site.push_agent();
        let mut config = Site::config(&self.site.render("debian-12", cloud, &[]));
        config["node"] = json!("node");
        config
    }

    /// A node that is a folder, with this `agent.json` and the authority's certificate.
    pub fn node(&self, config: &Value) -> Option<Node> {
        let node = Node::new(&self.lab.node, config)?;
        node.write("etc/stringless/ca.pem", self.authority.pem());
        Some(node)
    }

    /// The requests that this key made, but for the first `before` requests of all.
    pub fn asked(&self, key: &Key, before: usize) -> Vec<String> {
        let mine = format!("(key {}) ", key.id);
        let all = self.garage.requests();
        all[before..].iter().filter_map(|line| line.strip_prefix(&mine).map(str::to_owned)).collect()
    }
}

const APPLIED: &str = "applied";
