//! `stringless modules update`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Scope, release_name};
use crate::cli::UpdateArgs;
use crate::error::{Error, Result};
use crate::fs::write_atomic;
use crate::modules::lockfile::{LOCK_FILE, LockedModule, Lockfile, is_of_librarian};
use crate::modules::update::{Update, Updated, update};
use crate::output::{format, json, print};
use crate::release::diff::ChangeKind;

/// The output of `modules update --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The lock file.
    lock: String,
    /// False with --dry-run, and when nothing changed.
    written: bool,
    /// The modules whose lock changed, by path.
    changes: &'a [Change],
    /// What is to be known about the result.
    notes: &'a [String],
}

/// A module whose lock changed.
#[derive(Serialize, JsonSchema)]
pub struct Change {
    /// Its folder in the release.
    path: String,
    /// Its name.
    name: String,
    /// How it changed.
    kind: ChangeKind,
    /// Null for a new module.
    from: Option<String>,
    /// Null for a removed module.
    to: Option<String>,
    /// A warning about the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// Locks the newest releases that fit together.
///
/// # Errors
/// When there is no lock file, or it cannot be read.
pub fn run(site: Option<&Path>, args: &UpdateArgs) -> Result<u8> {
    let scope = Scope::open(site, &args.which, args.offline)?;
    // A dry run writes nothing, so it can say what would change in a commit, too.
    let in_commit = args.dry_run.then(|| PathBuf::from(LOCK_FILE));
    let file = scope.lock_file.clone().or(in_commit).ok_or_else(|| {
        Error::usage(format!("writing {LOCK_FILE}: the environment is a commit, which cannot be changed"))
            .hint("run it in a checkout with `--puppetfile FILE`, then commit both files; `--dry-run` shows what would change")
    })?;
    let foreign = scope.lock.as_deref().is_some_and(is_of_librarian);
    let old = match scope.lock.as_deref().filter(|_| !foreign) {
        Some(text) => Lockfile::parse(text, LOCK_FILE)?,
        None => Lockfile::default(),
    };
    let request = scope.request();
    let overrides = &scope.site.site.modules.overrides;
    let mut updated = update(&Update { request: &request, names: &args.names, overrides }, old)?;
    if foreign {
        updated.notes.push(format!("{LOCK_FILE} was of librarian-puppet: it is replaced"));
    }
    let changes = changes(&updated);
    let text = updated.new.text();
    let differs = scope.lock.as_deref() != Some(&text);
    if differs && !args.dry_run {
        write_atomic(&file, text.as_bytes())?;
    }
    if args.which.json {
        json::print(
            None,
            &Report {
                lock: file.display().to_string(),
                written: differs && !args.dry_run,
                changes: &changes,
                notes: &updated.notes,
            },
        )?;
        return Ok(0);
    }
    for note in &updated.notes {
        print::note(&format!("note: {note}"));
    }
    print::out(&lines(&changes))?;
    let modules = format::count(updated.new.modules.len(), "module");
    let verb = match (differs, args.dry_run) {
        (false, _) => {
            return print::out(&format!("{} is unchanged: {modules}\n", file.display())).map(|()| 0);
        }
        (true, true) => "would write",
        (true, false) => "wrote",
    };
    print::out(&format!("{verb} {}: {modules}\n", file.display()))?;
    Ok(0)
}

fn lines(changes: &[Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut rows = vec![["MODULE", "FROM", "TO", ""].map(str::to_owned).to_vec()];
    for change in changes {
        let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let note = change.note.unwrap_or_default().to_owned();
        rows.push(vec![change.name.clone(), cell(&change.from), cell(&change.to), note]);
    }
    format::table(&rows)
}

fn changes(updated: &Updated) -> Vec<Change> {
    let paths: BTreeSet<&String> = updated.old.modules.keys().chain(updated.new.modules.keys()).collect();
    let mut changes = Vec::new();
    for path in paths {
        let (old, new) = (updated.old.modules.get(path), updated.new.modules.get(path));
        let kind = match (old, new) {
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Removed,
            (Some(old), Some(new)) if old.tree != new.tree || release_name(old) != release_name(new) => {
                ChangeKind::Changed
            }
            _ => continue,
        };
        let name = new.or(old).map(|locked| locked.name.clone()).unwrap_or_default();
        let note = old.zip(new).and_then(|(old, new)| suspicious(old, new));
        changes.push(Change {
            path: path.clone(),
            name,
            kind,
            from: old.map(release_name),
            to: new.map(release_name),
            note,
        });
    }
    changes
}

/// A warning for a change that should not happen.
fn suspicious(old: &LockedModule, new: &LockedModule) -> Option<&'static str> {
    if old.from() != new.from() {
        return Some("from another source");
    }
    if old.tag.is_some() && old.tag == new.tag && old.commit != new.commit {
        return Some("the tag moved");
    }
    let same = old.release() == new.release() && old.exclude_spec == new.exclude_spec;
    (same && old.tree != new.tree).then_some("different content under the same name")
}
