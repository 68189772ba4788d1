//! The other usual case: a bucket that is a folder here, and an `https://` store for the nodes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::netns::Lab;
use crate::server::Server;
use crate::site::Site;
use crate::tls::{Authority, SERVER_NAMES};

/// A site that is published into a folder which a web server offers over TLS.
#[derive(Debug)]
pub struct Web {
    /// Published to the folder; its `nodes.yaml` is written into the nodes' configuration.
    pub site: Site,
    /// The web server, at `files.test` in the lab.
    pub server: Server,
    /// Where all of it is; the node's side is free.
    pub lab: Lab,
    bucket: tempfile::TempDir,
}

impl Web {
    /// Starts it, with these options for `stringless init` and these lines for `node:`.
    pub fn new(options: &[&str], node: &[&str]) -> Option<Self> {
        let lab = Lab::new()?;
        let bucket = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let certificate = authority.issue(SERVER_NAMES);
        let server = Server::on(lab.cloud.listen(), "files.test", bucket.path(), Some(&certificate));
        let folder = format!("file://{}", bucket.path().display());
        let site = Site::init(&lab.cloud, &[&["--store", &folder], options].concat())?;
        site.write("ca.pem", authority.pem(), 0o644);
        site.set_schedule(node);
        let text = fs::read_to_string(site.path("stringless.yaml")).unwrap();
        let nodes = text.replace(&folder, &server.url("")).replace("node:\n", "node:\n  ca_file: ca.pem\n");
        site.write("nodes.yaml", nodes, 0o644);
        Some(Self { site, server, lab, bucket })
    }

    /// Publishes what the site's folder holds, the built agents first.
    pub fn publish(&self) -> Option<Value> {
        self.site.push_agent()?;
        Some(self.site.publish())
    }

    /// The user-data for a pair; `options` such as `--form`.
    pub fn render(&self, distro: &str, cloud: &str, options: &[&str]) -> String {
        self.site.render(distro, cloud, &[&["--site-file", "nodes.yaml"], options].concat())
    }

    /// The same as bytes, with the user's own files beside it, by name and text.
    pub fn render_with(&self, distro: &str, cloud: &str, options: &[&str], own: &[(&str, &str)]) -> Vec<u8> {
        self.site.render_with(distro, cloud, &[&["--site-file", "nodes.yaml"], options].concat(), own)
    }

    /// The folder that is the bucket.
    pub fn bucket(&self) -> &Path {
        self.bucket.path()
    }
}
