//! The stores of a case.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use e2e::netns::Net;
use e2e::server::Server;
use e2e::tls::Authority;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::{Greets, Turns};
use crate::objects::{Holding, Shelf};

/// A store as a case has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    holds: Holding,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    greets: Option<Greets>,
    #[serde(default)]
    faults: BTreeMap<String, Turns>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Https,
    S3,
    File,
    /// Nobody listens there.
    Down,
}

/// A store of a case that is up.
pub struct Running {
    /// As a node's configuration has it.
    pub settings: Value,
    /// None for a folder, and for what does not listen.
    pub server: Option<Server>,
    /// Where one that is down will be.
    held: Option<TcpListener>,
    /// Where its files are.
    place: PathBuf,
    _folder: tempfile::TempDir,
}

impl Store {
    /// Fills it and sets it up.
    pub fn start(&self, shelf: &Shelf, authority: &Authority) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        match self.kind {
            Kind::Down => {
                let held = Net::host().hold();
                let url = format!("https://{}/site", held.local_addr().unwrap());
                return Running {
                    settings: json!({"url": url}),
                    server: None,
                    held: Some(held),
                    place: site,
                    _folder: folder,
                };
            }
            Kind::File => {
                shelf.fill(&site, self.holds);
                let url = format!("file://{}", site.display());
                return Running {
                    settings: json!({"url": url}),
                    server: None,
                    held: None,
                    place: site,
                    _folder: folder,
                };
            }
            Kind::Https | Kind::S3 => {}
        }
        let server = Server::start(&Net::host(), folder.path(), Some(&authority.issue(&["127.0.0.1"])));
        // With the port in its name, each store has an address of its own in messages.
        let prefix = format!("site/{}", server.port());
        fs::create_dir(&site).unwrap();
        let place = folder.path().join(&prefix);
        shelf.fill(&place, self.holds);
        server.greet(self.greets.as_ref().map(Greets::greeting));
        for (name, turns) in &self.faults {
            server.faults_in_turn(&format!("{prefix}/{}", shelf.key(name)), turns.of_server());
        }
        let settings = match self.kind {
            Kind::S3 => json!({
                "url": format!("s3://{prefix}"), "region": "eu-central-1",
                "endpoint": server.url(""), "style": "path", "credentials": ["none"],
            }),
            _ => json!({"url": server.url(&prefix)}),
        };
        Running { settings, held: None, server: Some(server), place, _folder: folder }
    }

    /// Ends its faults, and gives it what the publisher has; the server that came back, if it was down.
    pub fn mend(&self, running: &Running, shelf: &Shelf, authority: &Authority) -> Option<Server> {
        if self.holds.mended() != self.holds || self.kind == Kind::Down {
            fs::remove_dir_all(&running.place).ok();
            shelf.fill(&running.place, self.holds.mended());
        }
        if let Some(server) = &running.server {
            server.mend();
        }
        running.held.as_ref().map(|held| {
            rustix::net::listen(held, 128).unwrap();
            let folder = running.place.parent().unwrap();
            Server::on(held.try_clone().unwrap(), "127.0.0.1", folder, Some(&authority.issue(&["127.0.0.1"])))
        })
    }
}
