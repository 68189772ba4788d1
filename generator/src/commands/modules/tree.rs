//! `stringless modules tree`.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Scope, release_name};
use crate::cli::TreeArgs;
use crate::error::Result;
use crate::modules::lockfile::{LockedModule, Lockfile};
use crate::output::{json, print};
use crate::puppetfile::model::Origin;
use crate::puppetfile::name::same_folder;

/// The output of `modules tree --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The locked modules, by path.
    modules: Vec<Line<'a>>,
}

/// A locked module.
#[derive(Serialize, JsonSchema)]
pub struct Line<'a> {
    /// Its folder in the release.
    path: &'a str,
    /// The line of the Puppetfile, if it declares it.
    declared: Option<usize>,
    #[serde(flatten)]
    locked: &'a LockedModule,
}

/// Prints the locked modules with their dependencies.
///
/// # Errors
/// When there is no lock file, or it cannot be read.
pub fn run(site: Option<&Path>, args: &TreeArgs) -> Result<u8> {
    let scope = Scope::open(site, &args.which, true)?;
    let lock = scope.locked()?;
    if args.which.json {
        let modules =
            lock.modules.iter().map(|(path, locked)| Line { path, declared: scope.line(path), locked });
        json::print(None, &Report { modules: modules.collect() })?;
        return Ok(0);
    }
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    for declared in &scope.puppetfile.modules {
        match (&declared.origin, lock.modules.get(&declared.path())) {
            (Origin::Local, _) => text.push_str(&format!("{} (the environment's own)\n", declared.title)),
            (_, None) => text.push_str(&format!("{} (not locked)\n", declared.title)),
            (_, Some(locked)) => {
                text.push_str(&format!("{} {}", locked.name, release_name(locked)));
                branch(&scope, &lock, locked, "", &mut seen, &mut text);
            }
        }
    }
    print::out(&text)?;
    Ok(0)
}

/// The dependencies of a module; those that were printed before are not printed again.
fn branch<'l>(
    scope: &Scope,
    lock: &'l Lockfile,
    locked: &'l LockedModule,
    indent: &str,
    seen: &mut BTreeSet<&'l str>,
    text: &mut String,
) {
    if !seen.insert(&locked.name) && !locked.needs.is_empty() {
        text.push_str(" (as above)\n");
        return;
    }
    text.push('\n');
    let last = locked.needs.len().saturating_sub(1);
    for (n, (need, range)) in locked.needs.iter().enumerate() {
        let (turn, below) = if n == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let range = if range.is_empty() { "any version" } else { range };
        match lock.find(need) {
            Some((_, found)) => {
                text.push_str(&format!("{indent}{turn}{} {} ({range})", found.name, release_name(found)));
                branch(scope, lock, found, &format!("{indent}{below}"), seen, text);
            }
            None => {
                let own = scope
                    .puppetfile
                    .modules
                    .iter()
                    .any(|d| d.origin == Origin::Local && same_folder(&d.title, need));
                let what = if own { "the environment's own" } else { "not locked" };
                text.push_str(&format!("{indent}{turn}{need} ({range}; {what})\n"));
            }
        }
    }
}
