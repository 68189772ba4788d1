//! `stringless modules why`.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Scope, release_name};
use crate::cli::WhyArgs;
use crate::error::{Error, Result};
use crate::modules::lockfile::{LOCK_FILE, Lockfile};
use crate::output::{json, print};

/// The output of `modules why --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Its folder in the release.
    path: &'a str,
    /// Its name.
    name: &'a str,
    /// The release that is locked.
    release: String,
    /// The line of the Puppetfile, if it declares it.
    declared: Option<usize>,
    /// The modules that need it.
    needed_by: Vec<Need<'a>>,
}

/// A module that needs it.
#[derive(Serialize, JsonSchema)]
pub struct Need<'a> {
    /// Its name.
    name: &'a str,
    /// The releases that it accepts.
    range: &'a str,
}

/// Prints what needs a module.
///
/// # Errors
/// When there is no lock file, or it cannot be read.
pub fn run(site: Option<&Path>, args: &WhyArgs) -> Result<u8> {
    let scope = Scope::open(site, &args.which, true)?;
    let lock = scope.locked()?;
    let (path, locked) = lock.find(&args.name).ok_or_else(|| {
        Error::usage(format!("looking for `{}`: {LOCK_FILE} has no such module", args.name))
            .hint("`stringless modules tree` shows the locked modules")
    })?;
    if args.which.json {
        let needed_by = needed_by(&lock, path).into_iter().map(|(_, name, range)| Need { name, range });
        json::print(
            None,
            &Report {
                path,
                name: &locked.name,
                release: release_name(locked),
                declared: scope.line(path),
                needed_by: needed_by.collect(),
            },
        )?;
        return Ok(0);
    }
    let mut text = format!("{} {} in {path}\n", locked.name, release_name(locked));
    explain(&scope, &lock, path, 1, &mut BTreeSet::new(), &mut text);
    print::out(&text)?;
    Ok(0)
}

/// Where the module is declared, which modules need it, and why those are locked.
fn explain<'l>(
    scope: &Scope,
    lock: &'l Lockfile,
    path: &'l str,
    depth: usize,
    seen: &mut BTreeSet<&'l str>,
    text: &mut String,
) {
    let indent = "  ".repeat(depth);
    if !seen.insert(path) {
        text.push_str(&format!("{indent}as above\n"));
        return;
    }
    if let Some(line) = scope.line(path) {
        text.push_str(&format!("{indent}{}:{line} declares it\n", scope.origin));
    }
    for (by, name, range) in needed_by(lock, path) {
        let range = if range.is_empty() { "any version" } else { range };
        let release = lock.modules.get(by).map(release_name).unwrap_or_default();
        text.push_str(&format!("{indent}{name} {release} needs {range}\n"));
        explain(scope, lock, by, depth + 1, seen, text);
    }
}

/// Path, name and range of each module that needs the module at `path`.
fn needed_by<'l>(lock: &'l Lockfile, path: &str) -> Vec<(&'l str, &'l str, &'l str)> {
    let needs = lock.modules.iter().flat_map(|(by, locked)| {
        locked
            .needs
            .iter()
            .map(move |(need, range)| (by.as_str(), locked.name.as_str(), need, range.as_str()))
    });
    let meant = needs.filter(|(_, _, need, _)| lock.find(need).is_some_and(|(at, _)| at == path));
    meant.map(|(by, name, _, range)| (by, name, range)).collect()
}
