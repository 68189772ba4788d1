//! One's own code → what is wrong with it, before nodes find out.
//!
//! What was found of a content is remembered: what did not change is not checked again.

mod cache;
mod data;
mod erb;
mod finding;
mod hiera;
mod puppet;
mod tool;

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Serialize};
use stringless_render::site::{CheckSettings, Want};

use self::cache::{Answers, Known};
use self::finding::{ALL, TASKS};
pub use self::finding::{Check, Checked, Finding, Unable};
use self::tool::Tool;
use crate::error::{Error, Result};
use crate::source::content::Content;
use crate::source::{FoundKind, Tree};

/// A file of a release.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path in the release.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
}

/// What a [`File`] is.
#[derive(Clone, Debug)]
pub enum FileKind {
    /// A regular file.
    Regular(Content),
    /// A symbolic link with this text.
    Link(Content),
}

/// One thing that a check says of the content that it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fault {
    /// The file, where the check is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    message: String,
}

/// Checks `files` as `settings` say; `memory` is the folder in which what was found is remembered.
///
/// # Errors
/// When a file cannot be read, or `checks.ignore` is not understood. What is wrong with the files is no
/// error here: see [`Checked::verdict`].
pub fn run(settings: &CheckSettings, files: &[File], memory: &Path) -> Result<Checked> {
    let ignored = ignored(&settings.ignore)?;
    let files: Vec<&File> = files
        .iter()
        .filter(|file| !ignored.matched_path_or_any_parents(&file.path, false).is_ignore())
        .collect();
    let mut known = Known::read(memory);
    let mut checked = Checked::default();
    for check in ALL {
        let want = want(settings, check);
        if want == Want::Off {
            continue;
        }
        let required = want == Want::Required;
        let result = match check {
            Check::Hiera => hiera(&files, &mut known),
            _ => each(check, &files, &mut known),
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
    known.write()?;
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
    }
}

impl File {
    /// The regular files of `tree`, and its links.
    #[must_use]
    pub fn all(tree: &Tree) -> Vec<Self> {
        let mut files = Vec::new();
        for (pack, found) in &tree.packs {
            for one in found {
                let kind = match &one.kind {
                    FoundKind::File { content, .. } => FileKind::Regular(content.clone()),
                    FoundKind::Link { target } => FileKind::Link(target.clone()),
                    FoundKind::Folder => continue,
                };
                let path = if pack.is_empty() { one.path.clone() } else { format!("{pack}/{}", one.path) };
                files.push(Self { path, kind });
            }
        }
        files
    }
}

/// What came of one check.
#[derive(Default)]
struct Found {
    files: usize,
    faults: Vec<(String, Fault)>,
    unable: Option<(usize, String)>,
}

/// A check that looks at one file at a time.
fn each(check: Check, files: &[&File], known: &mut Known) -> Result<Found> {
    let mine: Vec<(&str, &Content)> = files
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
                let unable = Some((mine.len(), format!("`{}` is not here", programs[0])));
                return Ok(Found { unable, ..Found::default() });
            }
        },
    };
    let identity = tool.as_ref().map(Tool::identity).unwrap_or_default();
    let mut found = Found { files: mine.len(), ..Found::default() };
    for mode in MODES {
        let part: Vec<(&str, &Content)> =
            mine.iter().filter(|(path, _)| check.mode(path) == mode).copied().collect();
        let key = |content: &str| cache::key(&[&check.to_string(), &identity, mode, content]);
        let work = |contents: &[Vec<u8>]| match (check, &tool) {
            (Check::Puppet, Some(tool)) => puppet::manifests(tool, mode == TASKS, contents),
            (Check::Epp, Some(tool)) => puppet::templates(tool, contents),
            (Check::Erb, Some(tool)) => erb::templates(tool, contents),
            (Check::Json, _) => Ok(contents.iter().map(|content| data::json(content)).collect()),
            _ => Ok(contents.iter().map(|content| data::yaml(content)).collect()),
        };
        let contents: Vec<&Content> = part.iter().map(|(_, content)| *content).collect();
        let Answers { faults, why } = known.of_each(&contents, key, work)?;
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

/// The check that looks at files together.
fn hiera(files: &[&File], known: &mut Known) -> Result<Found> {
    let mut found = Found::default();
    for tree in hiera::trees(files) {
        let mut words = tree.words()?;
        words.insert(0, Check::Hiera.to_string());
        let key = cache::key(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let faults = match known.recall(&key) {
            Some(faults) => faults,
            None => {
                let faults = tree.check()?;
                known.keep(key, &faults);
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
            .hint("its patterns are those of `.gitignore`")
    };
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(fault)?;
    }
    builder.build().map_err(fault)
}

const MODES: [&str; 2] = ["", TASKS];
#[cfg(test)]
mod tests;
