//! A site and a node that follows its folder: what most tests of the agent begin with.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::agent::{Node, Run};
use crate::forge::Forge;
use crate::netns::Net;
use crate::server::Server;
use crate::tls::Authority;

/// A site and a node that follows it.
#[derive(Debug)]
pub struct Pair {
    /// The site.
    pub forge: Forge,
    /// The node.
    pub node: Node,
}

impl Pair {
    /// A node that has not run yet.
    pub fn new() -> Option<Self> {
        let forge = Forge::new();
        let node = Node::new(&Net::host(), &forge.config(&forge.url()))?;
        Some(Self { forge, node })
    }

    /// A node with release 7 applied.
    ///
    /// # Panics
    /// When that fails.
    pub fn converged() -> Option<Self> {
        let pair = Self::new()?;
        pair.forge.release(7, "seven");
        let _ = pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\n"));
        Some(pair)
    }

    /// Serves the site over https, and lets the node follow it there.
    ///
    /// # Panics
    /// When the server does not start.
    #[must_use]
    pub fn over_https(&self) -> Server {
        let authority = Authority::new();
        let certificate = authority.issue(&["127.0.0.1"]);
        let server = Server::start(&Net::host(), self.forge.bucket(), Some(&certificate));
        let mut config = self.forge.config(&server.url(""));
        config["ca_file"] = json!("/etc/stringless/ca.pem");
        self.node.write("etc/stringless/ca.pem", authority.pem());
        self.node.configure(&config);
        server
    }

    /// Runs the agent; scripts find the node in `$OUT`.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.node.command(args).env("OUT", self.node.root()))
    }

    /// What the last script wrote.
    pub fn applied(&self) -> Option<String> {
        self.node.read("applied")
    }

    /// A path in the state folder.
    pub fn state(&self, path: &str) -> PathBuf {
        self.node.root().join("var/lib/stringless").join(path)
    }

    /// Where `current` leads.
    pub fn live(&self) -> String {
        let link = fs::read_link(self.state("layers/example/current"));
        link.map(|target| target.display().to_string()).unwrap_or_default()
    }

    /// The next run is refused for this reason, and release 7 goes on. Returns what the agent said.
    ///
    /// # Panics
    /// When anything else happens.
    pub fn refuses(&self, code: &str) -> Run {
        let run = self.run(&["--once"]).expect(3);
        assert!(run.err.contains(&format!("[{code}]")), "{}", run.err);
        self.goes_on();
        run
    }

    /// Release 7 is live, whole and the last one that was applied; nothing escaped.
    ///
    /// # Panics
    /// When one of it is not so.
    pub fn goes_on(&self) {
        assert_eq!(self.applied().as_deref(), Some("seven\n"));
        assert!(self.live().starts_with("releases/7-"), "{}", self.live());
        assert!(self.state("layers/example/current/apply").is_file(), "the live release is not whole");
        assert!(!self.node.root().join("escaped").exists(), "something escaped");
    }
}
