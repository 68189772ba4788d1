//! The configuration: whether it can be used, and which of its keys this agent does not know.

use std::path::Path;

use stringless_core::config::Config;
use stringless_core::diagnosis::Finding;

use super::finding;
use crate::disk::read_capped;
use crate::error::Error;

/// `error` is the reason why a run could not use the configuration.
pub fn look(path: &Path, error: Option<&Error>) -> Vec<Finding> {
    let shown = path.display();
    if let Some(error) = error {
        return vec![finding::error(
            CHECK,
            error,
            "correct the file, or run the user-data of this node again",
        )];
    }
    let mut findings = vec![Finding::ok(CHECK, format!("`{shown}`"))];
    let bytes = read_capped(path).ok().flatten().unwrap_or_default();
    let unknown = Config::parse_and_list_unknown(&bytes).map(|(_, unknown)| unknown).unwrap_or_default();
    if !unknown.is_empty() {
        let keys: Vec<String> = unknown.iter().map(|key| format!("`{key}`")).collect();
        let found = format!("`{shown}`: this agent does not know {}", keys.join(", "));
        findings.push(Finding::warning(CHECK, found, "correct the key; or a newer agent is needed for it"));
    }
    findings
}

const CHECK: &str = "configuration";
