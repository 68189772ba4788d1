//! The input and the result of an engine's run.

use std::path::{Path, PathBuf};

use stringless_core::manifest::Source;
use stringless_core::name::Name;
use stringless_core::state::Release;

use crate::engine::modulepath::Modules;
use crate::error::Error;
use crate::node::Node;

/// The input of an engine's run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The site.
    pub site: &'a Name,
    /// The release.
    pub release: &'a Release,
    /// What the release was built from.
    pub source: &'a Source,
    /// The release's folder.
    pub path: &'a Path,
    /// The modules of earlier layers.
    pub modules: &'a Modules,
    /// This node.
    pub node: &'a Node,
    /// The folder that is used as `/`; `None`: `/` itself.
    pub root: Option<&'a Path>,
    /// Only show what would be done.
    pub noop: bool,
    /// Write output to standard error, because standard output is for JSON.
    pub json: bool,
    /// The file that records the running engine.
    pub record: PathBuf,
    /// The folder for the facts of this run.
    pub facts: PathBuf,
    /// The proxy for the engine's downloads, and the hosts to reach without it.
    pub proxy: Option<(&'a str, &'a str)>,
    /// Secrets to remove from its output.
    pub secrets: &'a [String],
}

impl Job<'_> {
    /// The commit that the release was built from, in hex digits; empty if it was not built from a repository.
    pub fn commit(&self) -> &str {
        let commit = self.source.commit.as_deref().unwrap_or_default();
        if commit.bytes().all(|b| b.is_ascii_hexdigit()) { commit } else { "" }
    }

    /// The name of the configuration for logs and reports: the serial, then the start of the commit, as in
    /// `17-1a2b3c4d5e6f`. `-dirty` at its end says that the source was changed after that commit.
    pub fn version(&self) -> String {
        let mut version = self.release.serial.to_string();
        let commit = self.commit();
        if let Some(start) = commit.get(..COMMIT.min(commit.len())).filter(|start| !start.is_empty()) {
            version = format!("{version}-{start}{}", if self.source.dirty { "-dirty" } else { "" });
        }
        version
    }
}

/// The number of digits of a commit that people see.
const COMMIT: usize = 12;

/// A successful run of an engine.
#[derive(Debug)]
pub struct Applied {
    /// Whether something changed; also true if the engine cannot tell.
    pub changed: bool,
    /// The exit status; `None` if nothing was run.
    pub status: Option<i32>,
    /// The end of its output.
    pub output: String,
}

/// A failed run of an engine.
#[derive(Debug)]
pub struct Failed {
    /// The error.
    pub error: Error,
    /// The exit status; `None` if a signal ended the engine or it never started.
    pub status: Option<i32>,
    /// The end of its output.
    pub output: String,
}
