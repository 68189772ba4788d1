//! Checks of the site's own code: they find faults before nodes do.
//!
//! Results are cached by content: an unchanged file is not checked again.

mod cache;
mod checkout;
mod data;
mod erb;
mod finding;
mod hiera;
mod puppet;
pub mod tool;

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Serialize};
use stringless_core::pack::join_path;
use stringless_render::site::{CheckSettings, Want};

use self::cache::{Answers, CheckCache};
use self::finding::{ALL, TASKS};
pub use self::finding::{Check, Checked, Finding, Unable};
pub use self::hiera::Need;
use self::tool::Tool;
use crate::error::{Error, Result};
use crate::site::SiteDir;
use crate::source::content::FileContent;
use crate::source::{EntryKind, Tree};

/// A file of a release.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path in the release.
    pub path: String,
    /// Its kind.
    pub kind: FileKind,
}

/// The kind of a [`File`].
#[derive(Clone, Debug)]
pub enum FileKind {
    /// A regular file.
    Regular(FileContent),
    /// A symbolic link with this text.
    Link(FileContent),
}

/// One fault that a check finds in a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fault {
    /// The file, if the check is about several files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    message: String,
}

/// Checks the environment's own code in `tree` with the settings of the site file.
///
/// # Errors
/// As [`run`].
pub fn check(site: &SiteDir, tree: &Tree) -> Result<Checked> {
    run(&site.site.checks, &File::all(tree), &site.cache("checks")?)
}

/// What nodes need to read the data of `tree`, beside the release.
///
/// # Errors
/// When a file cannot be read.
pub fn needs(tree: &Tree) -> Result<Vec<Need>> {
    let files = File::all(tree);
    let files: Vec<&File> = files.iter().collect();
    let mut needs = Vec::new();
    for tree in hiera::trees(&files) {
        needs.extend(tree.needs()?);
    }
    Ok(needs)
}

/// Checks `files` with `settings`; `memory` is the folder of the cache.
///
/// # Errors
/// When a file cannot be read, or `checks.ignore` is invalid. Faults in the files are not an error here:
/// see [`Checked::verdict`].
pub fn run(settings: &CheckSettings, files: &[File], memory: &Path) -> Result<Checked> {
    let ignored = ignored(&settings.ignore)?;
    let files: Vec<&File> = files
        .iter()
        .filter(|file| !ignored.matched_path_or_any_parents(&file.path, false).is_ignore())
        .collect();
    let mut cache = CheckCache::read(memory)?;
    let mut checked = Checked::default();
    for check in ALL {
        let want = want(settings, check);
        if want == Want::Off {
            continue;
        }
        let required = want == Want::Required;
        let result = match check {
            Check::Hiera => hiera(&files, &mut cache),
            _ => each(check, &files, &mut cache),
        }?;
        if result.files > 0 {
            checked.files.insert(check, result.files);
        }
        checked.findings.extend(result.faults.into_iter().map(|(path, fault)| {
            let Fault { path: other, line, message } = fault;
            Finding { path: other.unwrap_or(path), line, check, message, required }
        }));
        let unable = result.unable.into_iter();
        checked.unable.extend(unable.map(|(files, why)| Unable { check, files, why, required }));
    }
    cache.write()?;
    checked.findings.sort();
    Ok(checked)
}

fn want(settings: &CheckSettings, check: Check) -> Want {
    match check {
        Check::Puppet => settings.puppet,
        Check::Epp => settings.epp,
        Check::Erb => settings.erb,
        Check::Yaml => settings.yaml,
        Check::Json => settings.json,
        Check::Hiera => settings.hiera,
        Check::Checkout => settings.checkout,
    }
}

impl File {
    /// The regular files and links of `tree`.
    #[must_use]
    pub fn all(tree: &Tree) -> Vec<Self> {
        let mut files = Vec::new();
        for (pack, found) in &tree.packs {
            for one in found {
                let kind = match &one.kind {
                    EntryKind::File { content, .. } => FileKind::Regular(content.clone()),
                    EntryKind::Link { target } => FileKind::Link(target.clone()),
                    EntryKind::Folder => continue,
                };
                let path = join_path(pack, &one.path);
                files.push(Self { path, kind });
            }
        }
        files
    }
}

/// The result of one check.
#[derive(Default)]
struct Found {
    files: usize,
    faults: Vec<(String, Fault)>,
    unable: Option<(usize, String)>,
}

/// Runs a check that reads one file at a time.
fn each(check: Check, files: &[&File], cache: &mut CheckCache) -> Result<Found> {
    let mine: Vec<(&str, &FileContent)> = files
        .iter()
        .filter(|file| check.wants(&file.path))
        .filter_map(|file| match &file.kind {
            FileKind::Regular(content) => Some((&*file.path, content)),
            FileKind::Link(_) => None,
        })
        .collect();
    if mine.is_empty() {
        return Ok(Found::default());
    }
    let tool = match check.program() {
        None => None,
        Some(programs) => match Tool::find(programs) {
            Some(tool) => Some(tool),
            None => {
                let unable = Some((mine.len(), format!("`{}` is not installed", programs[0])));
                return Ok(Found { unable, ..Found::default() });
            }
        },
    };
    let identity = tool.as_ref().map(Tool::identity).unwrap_or_default();
    let mut found = Found { files: mine.len(), ..Found::default() };
    for mode in MODES {
        let part: Vec<(&str, &FileContent)> =
            mine.iter().filter(|(path, _)| check.mode(path) == mode).copied().collect();
        let key = |content: &str| cache::key(&[&check.to_string(), &identity, mode, content]);
        let work = |contents: &[Vec<u8>]| match (check, &tool) {
            (Check::Puppet, Some(tool)) => puppet::manifests(tool, mode == TASKS, contents),
            (Check::Epp, Some(tool)) => puppet::templates(tool, contents),
            (Check::Erb, Some(tool)) => erb::templates(tool, contents),
            (Check::Checkout, _) => Ok(contents.iter().map(|content| checkout::faults(content)).collect()),
            (Check::Json, _) => Ok(contents.iter().map(|content| data::json(content)).collect()),
            _ => Ok(contents.iter().map(|content| data::yaml(content)).collect()),
        };
        let contents: Vec<&FileContent> = part.iter().map(|(_, content)| *content).collect();
        let Answers { faults, why } = cache.of_each(&contents, key, work)?;
        if let Some(why) = why {
            let left = faults.iter().filter(|faults| faults.is_none()).count();
            found.files -= left;
            found.unable = Some((left + found.unable.map_or(0, |(files, _)| files), why));
        }
        for ((path, _), faults) in part.iter().zip(faults) {
            found.faults.extend(faults.into_iter().flatten().map(|fault| ((*path).to_owned(), fault)));
        }
    }
    Ok(found)
}

/// Runs the check that reads several files together.
fn hiera(files: &[&File], cache: &mut CheckCache) -> Result<Found> {
    let mut found = Found::default();
    for tree in hiera::trees(files) {
        let mut words = tree.words()?;
        words.insert(0, Check::Hiera.to_string());
        let key = cache::key(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let faults = match cache.recall(&key) {
            Some(faults) => faults,
            None => {
                let faults = tree.check()?;
                cache.save(key, &faults);
                faults
            }
        };
        found.files += 1;
        found.faults.extend(faults.into_iter().map(|fault| (tree.path.clone(), fault)));
    }
    Ok(found)
}

fn ignored(patterns: &[String]) -> Result<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    let fault = |e: ignore::Error| {
        Error::configuration(format!("reading the site file: checks.ignore: {e}"))
            .hint("its patterns have the syntax of `.gitignore`")
    };
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(fault)?;
    }
    builder.build().map_err(fault)
}

const MODES: [&str; 2] = ["", TASKS];
#[cfg(test)]
mod tests;
