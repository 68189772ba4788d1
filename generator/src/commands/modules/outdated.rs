//! `stringless modules outdated`.

use std::path::Path;

use serde::Serialize;

use super::{CHANGES, Scope, release_name};
use crate::cli::OutdatedArgs;
use crate::error::Result;
use crate::modules::outdated::{Newer, outdated};
use crate::output::{format, json, print};

#[derive(Serialize)]
struct Report {
    outdated: bool,
    modules: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    path: String,
    name: String,
    locked: String,
    /// Null when there is no newer release.
    newest: Option<String>,
    notes: Vec<String>,
}

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
