//! What an engine is given, and what comes back.

use std::path::{Path, PathBuf};
use std::process::Command;

use stringless_core::name::Name;
use stringless_core::state::Release;

use crate::engine::modulepath::Modules;
use crate::error::{Error, Result};
use crate::node::Node;

/// What an engine is given.
#[derive(Debug)]
pub struct Job<'a> {
    /// The site.
    pub site: &'a Name,
    /// The release.
    pub release: &'a Release,
    /// Its folder.
    pub path: &'a Path,
    /// What it sees of earlier layers.
    pub modules: &'a Modules,
    /// This node.
    pub node: &'a Node,
    /// Say what would be done, and do nothing.
    pub noop: bool,
    /// Output goes to standard error, as standard output carries JSON.
    pub json: bool,
    /// Where it is written down while it runs.
    pub record: PathBuf,
    /// For the engine's downloads.
    pub proxy: Option<(&'a str, &'a str)>,
    /// What its output may not show.
    pub secrets: &'a [String],
}

/// How an engine's run ended.
#[derive(Debug)]
pub struct Applied {
    /// Whether something was changed; true also when the engine cannot tell.
    pub changed: bool,
    /// Its exit status.
    pub status: Option<i32>,
    /// The end of its output.
    pub output: String,
}

/// A failed run, with what it said.
#[derive(Debug)]
pub struct Failed {
    /// The error.
    pub error: Error,
    /// Its exit status; `None` when a signal ended it or it never ran.
    pub status: Option<i32>,
    /// The end of its output.
    pub output: String,
}

/// The result of finding an engine's program.
pub type Found = Result<Command>;
