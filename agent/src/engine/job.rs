//! The input and the result of an engine's run.

use std::path::{Path, PathBuf};

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
    /// The release's folder.
    pub path: &'a Path,
    /// The modules of earlier layers.
    pub modules: &'a Modules,
    /// This node.
    pub node: &'a Node,
    /// Only show what would be done.
    pub noop: bool,
    /// Write output to standard error, because standard output is for JSON.
    pub json: bool,
    /// The file that records the running engine.
    pub record: PathBuf,
    /// The proxy for the engine's downloads, and the hosts to reach without it.
    pub proxy: Option<(&'a str, &'a str)>,
    /// Secrets to remove from its output.
    pub secrets: &'a [String],
}

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
