//! `hiera.yaml` and its data: what Puppet would refuse of the one, and what it would never read of the other.
//!
//! Each `%{…}` of a level stands for anything but `/`: a file that is told is one that no value of any fact
//! leads to, as long as facts hold no `/`.

mod config;
mod levels;

use std::collections::BTreeSet;

use serde_yaml::Value;
use stringless_core::hash::Sha256;

use self::config::Read;
use self::levels::Levels;
use super::{Fault, File, FileKind, cache};
use crate::error::Result;
use crate::source::content::Content;

/// A `hiera.yaml` with the files around it.
pub struct Tree<'a> {
    /// Its path.
    pub path: String,
    /// Its folder; empty: that of the environment.
    root: String,
    config: &'a Content,
    /// All below its folder.
    members: Vec<&'a File>,
}

/// The environment's `hiera.yaml`, and those of modules.
pub fn trees<'a>(files: &[&'a File]) -> Vec<Tree<'a>> {
    let mut trees = Vec::new();
    for File { path, kind } in files {
        let (root, name) = path.rsplit_once('/').unwrap_or(("", path));
        let FileKind::Regular(config) = kind else { continue };
        if name != NAME || path.contains("/spec/fixtures/") {
            continue;
        }
        let members: Vec<&File> =
            files.iter().copied().filter(|file| below(root, &file.path).is_some()).collect();
        let module = |file: &&File| {
            let path = below(root, &file.path).unwrap_or_default();
            path == "metadata.json" || path.starts_with("manifests/")
        };
        if root.is_empty() || members.iter().any(module) {
            trees.push(Tree { path: path.clone(), root: root.to_owned(), config, members });
        }
    }
    trees
}

impl Tree<'_> {
    /// What the result depends on, one word for each thing: the content of what is read, and else the name.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn words(&self) -> Result<Vec<String>> {
        let mut words = vec![self.root.clone()];
        for file in &self.members {
            words.push(file.path.clone());
            let content = match &file.kind {
                FileKind::Link(target) => target,
                FileKind::Regular(content) if file.path == self.path || self.may_hold_keys(&file.path) => {
                    content
                }
                FileKind::Regular(_) => continue,
            };
            words.push(match cache::mark(content) {
                Some(mark) => mark,
                None => Sha256::of(&content.read()?).to_string(),
            });
        }
        Ok(words)
    }

    /// What is wrong with it and its data.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn check(&self) -> Result<Vec<Fault>> {
        let config = match config::read(&self.config.read()?, self.module().is_some()) {
            Read::Faulty(faults) => return Ok(faults),
            Read::Good(config) => config,
        };
        let levels = match Levels::of(&config) {
            Ok(levels) => levels,
            Err(message) => return Ok(vec![Fault { path: None, line: None, message }]),
        };
        let linked = self.linked()?;
        let mut faults = Vec::new();
        for file in &self.members {
            let path = below(&self.root, &file.path).unwrap_or_default();
            let FileKind::Regular(content) = &file.kind else { continue };
            if !levels.is_data(path) {
                continue;
            }
            if levels.reach(path) {
                faults.extend(self.foreign_keys(&file.path, content)?);
            } else if !linked.iter().any(|link| below(link, path).is_some() || link == path) {
                let message = format!("no level of `{}` reaches it", self.path);
                faults.push(Fault { path: Some(file.path.clone()), line: None, message });
            }
        }
        Ok(faults)
    }

    /// The module that it is of.
    fn module(&self) -> Option<&str> {
        (!self.root.is_empty()).then(|| self.root.rsplit('/').next().unwrap_or_default())
    }

    fn may_hold_keys(&self, path: &str) -> bool {
        self.module().is_some() && [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end))
    }

    /// Keys of a module's data that Puppet drops: only those with its name are ever looked up there.
    fn foreign_keys(&self, path: &str, content: &Content) -> Result<Option<Fault>> {
        let Some(module) = self.module().filter(|_| self.may_hold_keys(path)) else { return Ok(None) };
        // What is no YAML is another check's.
        let Ok(Value::Mapping(map)) = serde_yaml::from_slice::<Value>(&content.read()?) else {
            return Ok(None);
        };
        let prefix = format!("{module}::");
        let keys = map.keys().filter_map(Value::as_str);
        let foreign: Vec<&str> =
            keys.filter(|key| *key != "lookup_options" && !key.starts_with(&prefix)).collect();
        let Some(first) = foreign.first() else { return Ok(None) };
        let more = match foreign.len() {
            1 => String::new(),
            more => format!(" and {} more", more - 1),
        };
        let message =
            format!("`{first}`{more}: of a module's data Puppet only heeds keys that begin with `{prefix}`");
        Ok(Some(Fault { path: Some(path.to_owned()), line: None, message }))
    }

    /// What links below its folder lead to, relative to it: that is reached by the link's name.
    fn linked(&self) -> Result<BTreeSet<String>> {
        let mut linked = BTreeSet::new();
        for file in &self.members {
            let FileKind::Link(target) = &file.kind else { continue };
            let path = below(&self.root, &file.path).unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let target = target.read()?;
            let target = levels::normal(&format!("{folder}/{}", String::from_utf8_lossy(&target)));
            linked.extend(target.filter(|target| !target.is_empty()));
        }
        Ok(linked)
    }
}

/// `path` relative to `folder`, if it lies below.
fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

const NAME: &str = "hiera.yaml";

#[cfg(test)]
mod tests;
