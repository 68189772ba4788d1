//! `stringless modules outdated`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{CHANGES, Scope, release_name};
use crate::cli::OutdatedArgs;
use crate::error::Result;
use crate::modules::outdated::{Newer, outdated};
use crate::output::{format, json, print};

/// The output of `modules outdated --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    /// Whether there are newer releases.
    outdated: bool,
    /// The modules with newer releases, by path, and those with a note.
    modules: Vec<Line>,
}

/// A module with a newer release.
#[derive(Serialize, JsonSchema)]
pub struct Line {
    /// Its folder in the release.
    path: String,
    /// Its name.
    name: String,
    /// The release that is locked.
    locked: String,
    /// Null when there is no newer release.
    newest: Option<String>,
    /// What is to be known before it is updated.
    notes: Vec<String>,
}

/// Lists the locked modules that have newer releases; exit code 2 if there are any.
///
/// # Errors
/// When there is no lock file, or it cannot be read.
pub fn run(site: Option<&Path>, args: &OutdatedArgs) -> Result<u8> {
    let scope = Scope::open(site, &args.which, false)?;
    let lock = scope.locked()?;
    let found = outdated(&scope.request(), &lock)?;
    let line = |Newer { path, newest, notes }| {
        let locked = &lock.modules[&path];
        Line { name: locked.name.clone(), locked: release_name(locked), path, newest, notes }
    };
    let lines: Vec<Line> = found.into_iter().map(line).collect();
    if args.which.json {
        let report = Report { outdated: !lines.is_empty(), modules: lines };
        json::print(None, &report)?;
        return Ok(if report.outdated { CHANGES } else { 0 });
    }
    if lines.is_empty() {
        print::out(&format!("{}, none outdated\n", format::count(lock.modules.len(), "module")))?;
        return Ok(0);
    }
    let mut rows = vec![["MODULE", "LOCKED", "NEWEST", ""].map(str::to_owned).to_vec()];
    for line in &lines {
        let newest = line.newest.clone().unwrap_or_else(|| "-".into());
        rows.push(vec![line.name.clone(), line.locked.clone(), newest, line.notes.join("; ")]);
    }
    print::out(&format::table(&rows))?;
    Ok(CHANGES)
}
