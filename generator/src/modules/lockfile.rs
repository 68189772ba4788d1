//! `Puppetfile.lock`: text ↔ what each module was resolved to. No IO.
//!
//! One block for each module, sorted by its folder, an empty line between two: git merges what two branches
//! change in different modules, and a block stands for itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::pack::check_path;
use stringless_render::yaml::from_yaml;

use crate::puppetfile::name::{short, slug};

/// The name of the file, beside the `Puppetfile`.
pub const LOCK_FILE: &str = "Puppetfile.lock";

/// What a lock file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the module's folder in the release: `modules/apt`.
    pub modules: BTreeMap<String, Locked>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// As the `Puppetfile` has it; of a module that others need, `author/name`.
    pub name: String,
    /// The forge that it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<String>,
    /// Or the git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The tag that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The branch that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What else was asked for by a name.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `control_branch` or `default`, where the branch was not asked for by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Or the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tarball: Option<String>,
    /// Of the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The version that its `metadata.json` tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether `spec/` is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_spec: bool,
    /// Of its content, as it is released.
    pub tree: Sha256,
    /// The modules that it needs, and in which versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<String, String>,
}

/// A branch that was not asked for by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// The one that is named like the environment's.
    ControlBranch,
    /// What the repository takes for its main one.
    Default,
}

impl Lock {
    /// Reads a lock file that came from `origin`.
    ///
    /// # Errors
    /// With file and line; the hint says how to make it anew.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        let anew = format!(
            "`git log {LOCK_FILE}` has the last good one; or remove it, and run `stringless modules update`"
        );
        if let Some(line) = text.lines().position(|line| MARKS.iter().any(|mark| line.starts_with(mark))) {
            let told = format!("reading {origin}:{}: a merge was left unfinished", line + 1);
            return Err(Fault::new(told).hint(
                "keep the blocks of both sides, then `stringless modules update` for what is in both",
            ));
        }
        if LIBRARIAN.iter().any(|head| text.trim_start().starts_with(head)) {
            return Err(Fault::new(format!("reading {origin}:1: it is a lock file of librarian-puppet"))
                .hint("remove it: `stringless modules update` writes one of its own"));
        }
        let blocks: Blocks = match text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
            true => Blocks::default(),
            false => from_yaml(text, origin).map_err(|fault: Fault| match fault.hint {
                Some(_) => fault,
                None => fault.hint(&*anew),
            })?,
        };
        let lock = Self { modules: blocks.0 };
        for (path, locked) in &lock.modules {
            let fault = |why: &str| Fault::new(format!("reading {origin}: `{path}`: {why}")).hint(&*anew);
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
            // A map of text, numbers and maps: there is nothing that YAML does not have.
            let block = serde_yaml::to_string(&BTreeMap::from([(path, locked)])).unwrap_or_default();
            text.push('\n');
            text.push_str(&block);
        }
        text
    }

    /// The module of that name: `author/name`, or the folder's name alone.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&String, &Locked)> {
        let exact = self.modules.iter().find(|(_, locked)| slug(&locked.name) == slug(name));
        exact.or_else(|| self.modules.iter().find(|(path, _)| folder_name(path) == short(name)))
    }
}

impl Locked {
    /// A block without its content: what is to be fetched is filled in.
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

    /// What stands for its content in messages and manifests: its version, its commit, or its archive's hash.
    #[must_use]
    pub fn release(&self) -> String {
        match (&self.forge, &self.version, &self.commit, &self.sha256) {
            (Some(_), Some(version), _, _) => version.clone(),
            (_, _, Some(commit), _) => commit.clone(),
            (_, _, _, Some(sha256)) => sha256.to_string(),
            (_, version, ..) => version.clone().unwrap_or_else(|| self.tree.to_string()),
        }
    }

    /// Where it is from.
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
                Some(commit) if is_commit(commit) => Ok(()),
                _ => Err("commit: 40 or 64 hex digits are needed".into()),
            },
            (None, None, Some(_)) if self.sha256.is_none() => Err("sha256: it is missing".into()),
            (Some(_), None, None) | (None, None, Some(_)) => Ok(()),
            _ => Err("one of `forge`, `git` and `tarball` is needed".into()),
        }
    }
}

fn folder_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether `text` is a commit's whole name.
#[must_use]
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[derive(Default)]
struct Blocks(BTreeMap<String, Locked>);

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
        while let Some((path, locked)) = map.next_entry::<String, Locked>()? {
            // What a merge leaves where both sides added a module.
            if blocks.0.insert(path.clone(), locked).is_some() {
                return Err(A::Error::custom(format!("`{path}` stands twice in it")));
            }
        }
        Ok(blocks)
    }
}

const HEAD: &str = "\
# Written by `stringless modules update`: what each module of the Puppetfile was resolved to, and what it needs.
# A block stands for itself: merge this file like any other text.
";
/// How git marks what it could not merge.
const MARKS: [&str; 3] = ["<<<<<<<", ">>>>>>>", "======="];
const LIBRARIAN: [&str; 3] = ["FORGE\n", "GIT\n", "PATH\n"];

#[cfg(test)]
mod tests;
