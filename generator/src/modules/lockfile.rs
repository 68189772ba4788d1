//! `Puppetfile.lock`: text ↔ the locked release of each module. No IO.
//!
//! One block for each module, sorted by its folder, with an empty line between blocks. So git can merge two
//! branches that change different modules.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::json::{self, HeadError};
use stringless_core::pack::check_path;
use stringless_render::site::git_url::is_full_id;
use stringless_render::yaml::from_yaml;

use crate::puppetfile::name::{same, short};

/// The name of the file; it is beside the `Puppetfile`.
pub const LOCK_FILE: &str = "Puppetfile.lock";

/// The content of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// By the module's folder in the release: `modules/apt`.
    pub modules: BTreeMap<String, LockedModule>,
}

/// A block: one locked module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockedModule {
    /// The name in the `Puppetfile`; for a dependency, `author/name`.
    pub name: String,
    /// The source, if it is a forge: its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<String>,
    /// The source, if it is a git repository: its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The declared tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The declared branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The declared `ref`.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `control_branch` or `default`, if the branch was not declared by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The source, if it is an archive: its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tarball: Option<String>,
    /// The hash of the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The version in its `metadata.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether `spec/` is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_spec: bool,
    /// The hash of its content in a release.
    pub tree: Sha256,
    /// Its dependencies: names and ranges of versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<String, String>,
}

/// A branch that was not declared by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// The branch with the name of the environment's branch.
    ControlBranch,
    /// The default branch of the repository.
    Default,
}

impl Lockfile {
    /// Reads a lock file that came from `origin`.
    ///
    /// # Errors
    /// Names file and line; the hint says how to write the file again.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        let rewrite = format!(
            "restore the last good one from `git log {LOCK_FILE}`; or remove it, and run `stringless modules update`"
        );
        if let Some(line) = text.lines().position(|line| MARKS.iter().any(|mark| line.starts_with(mark))) {
            let message = format!("reading {origin}:{}: an unfinished merge", line + 1);
            return Err(Fault::new(message).hint(
                "keep the blocks of both sides, then run `stringless modules update` for modules in both",
            ));
        }
        if is_of_librarian(text) {
            return Err(Fault::new(format!("reading {origin}:1: it is a lock file of librarian-puppet"))
                .hint("`stringless modules update` replaces it; commit the new one"));
        }
        let blocks: Blocks = match text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
            true => Blocks::default(),
            false => from_yaml(text, origin).map_err(|fault: Fault| match fault.hint {
                Some(_) => fault,
                None => fault.hint(&*rewrite),
            })?,
        };
        json::check_format(blocks.format, FORMAT).map_err(|why| newer(origin, &why))?;
        json::check_needs(blocks.needs).map_err(|error| match error {
            HeadError::Format(why) => newer(origin, &why),
            HeadError::Needs(names) => newer(origin, &json::needs("this needs a newer stringless", &names)),
        })?;
        let lock = Self { modules: blocks.modules };
        for (path, locked) in &lock.modules {
            let fault = |why: &str| Fault::new(format!("reading {origin}: `{path}`: {why}")).hint(&*rewrite);
            check_path(path).map_err(|why| fault(&format!("the path {why}")))?;
            locked.check().map_err(|why| fault(&why))?;
        }
        Ok(lock)
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (path, locked) in &self.modules {
            // Cannot fail: YAML has texts, numbers and maps.
            let block = serde_yaml::to_string(&BTreeMap::from([(path, locked)])).unwrap_or_default();
            text.push('\n');
            text.push_str(&block);
        }
        text
    }

    /// The module with this name: `author/name`, or only the folder's name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&String, &LockedModule)> {
        let exact = self.modules.iter().find(|(_, locked)| same(&locked.name, name));
        exact.or_else(|| {
            self.modules.iter().find(|(path, _)| folder_name(path).eq_ignore_ascii_case(short(name)))
        })
    }
}

impl LockedModule {
    /// A block without a source; the caller fills it in.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            forge: None,
            git: None,
            tag: None,
            branch: None,
            reference: None,
            follows: None,
            commit: None,
            tarball: None,
            sha256: None,
            version: None,
            exclude_spec: false,
            tree: Sha256::of(b""),
            needs: BTreeMap::new(),
        }
    }

    /// The release in messages and manifests: the version, the commit, or the archive's hash.
    #[must_use]
    pub fn release(&self) -> String {
        match (&self.forge, &self.version, &self.commit, &self.sha256) {
            (Some(_), Some(version), _, _) => version.clone(),
            (_, _, Some(commit), _) => commit.clone(),
            (_, _, _, Some(sha256)) => sha256.to_string(),
            (_, version, ..) => version.clone().unwrap_or_else(|| self.tree.to_string()),
        }
    }

    /// The URL of its source.
    #[must_use]
    pub fn from(&self) -> &str {
        [&self.forge, &self.git, &self.tarball].into_iter().flatten().next().map_or("", |url| url)
    }

    fn check(&self) -> Result<(), String> {
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !plain(&self.name) {
            return Err("name: it is empty, or holds a control character".into());
        }
        match (&self.forge, &self.git, &self.tarball) {
            (Some(_), None, None) if self.version.is_none() => Err("version: it is missing".into()),
            (None, Some(_), None) => match &self.commit {
                Some(commit) if is_full_id(commit) => Ok(()),
                _ => Err("commit: expected 40 or 64 hex digits".into()),
            },
            (None, None, Some(_)) if self.sha256.is_none() => Err("sha256: it is missing".into()),
            (Some(_), None, None) | (None, None, Some(_)) => Ok(()),
            _ => Err("expected exactly one of `forge`, `git` and `tarball`".into()),
        }
    }
}

/// Whether `text` is a lock file of librarian-puppet, which has the same name.
#[must_use]
pub fn is_of_librarian(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.next().is_some_and(|line| LIBRARIAN.contains(&line.trim_start_matches('\u{feff}')))
}

fn folder_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn newer(origin: &str, why: &str) -> Fault {
    Fault::new(format!("reading {origin}: {why}"))
        .hint("install the newest stringless, or the one that the others of this site use")
}

struct Blocks {
    modules: BTreeMap<String, LockedModule>,
    /// [`FORMAT`], where the file names none.
    format: u32,
    /// What a reader must understand to use the file.
    needs: Vec<String>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { modules: BTreeMap::new(), format: FORMAT, needs: Vec::new() }
    }
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BlocksVisitor)
    }
}

struct BlocksVisitor;

impl<'de> Visitor<'de> for BlocksVisitor {
    type Value = Blocks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a block for each module")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blocks, A::Error> {
        let mut blocks = Blocks::default();
        while let Some(path) = map.next_key::<String>()? {
            match &*path {
                "format" => {
                    blocks.format = map.next_value()?;
                    continue;
                }
                "needs" => {
                    blocks.needs = map.next_value()?;
                    continue;
                }
                _ => {}
            }
            // A merge of two branches that both added the module leaves this.
            if blocks.modules.insert(path.clone(), map.next_value()?).is_some() {
                return Err(A::Error::custom(format!("`{path}` is in it twice")));
            }
        }
        Ok(blocks)
    }
}

/// The format that this code writes, and the only one that it reads. It writes no number: a block stands for itself.
const FORMAT: u32 = 1;
const HEAD: &str = "\
# Written by `stringless modules update`: what each module of the Puppetfile was resolved to, and what it needs.
# A block stands for itself: merge this file like any other text.
";
/// The lines by which git marks a conflict.
const MARKS: [&str; 3] = ["<<<<<<<", ">>>>>>>", "======="];
/// The heads of the sections of librarian-puppet.
const LIBRARIAN: [&str; 5] = ["FORGE", "GIT", "GITHUBTARBALL", "PATH", "DEPENDENCIES"];

#[cfg(test)]
mod tests;
