//! The real agent on a node that is a folder: what it takes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod flow;
mod harm;
mod refusals;
mod told;
mod web;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use e2e::agent::{Node, Run};
use e2e::forge::Forge;
use e2e::netns::Net;

/// A site and a node that follows its folder.
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
    pub fn converged() -> Option<Self> {
        let pair = Self::new()?;
        pair.forge.release(7, "seven");
        pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\n"));
        Some(pair)
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

    /// The next run is refused for this reason, and release 7 goes on.
    pub fn refuses(&self, code: &str) {
        let run = self.run(&["--once"]).expect(3);
        assert!(run.err.contains(&format!("[{code}]")), "{}", run.err);
        assert_eq!(self.applied().as_deref(), Some("seven\n"));
        assert!(self.live().starts_with("releases/7-"), "{}", self.live());
        assert!(!self.node.root().join("escaped").exists());
    }
}

/// Waits a minute at most.
pub fn wait_for(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
