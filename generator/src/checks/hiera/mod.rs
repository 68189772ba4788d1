//! `hiera.yaml` and its data: what Puppet would refuse, and data that Puppet would never read.
//!
//! Each `%{…}` of a level matches anything but `/`. So a reported file is one that no value of any fact
//! selects, as long as facts hold no `/`.

mod config;
mod levels;
mod needs;

use std::collections::BTreeSet;

use serde_yaml::Value;
use stringless_core::hash::Sha256;
use stringless_core::pack::relative_path;
use stringless_render::yaml::too_deep;

use self::config::Read;
use self::levels::Levels;
pub use self::needs::Need;
use super::{Fault, File, FileKind, cache};
use crate::error::Result;
use crate::source::content::FileContent;

/// A `hiera.yaml`, with the files around it.
pub struct Tree<'a> {
    /// Its path.
    pub path: String,
    /// Its folder; empty: the environment's folder.
    root: String,
    config: &'a FileContent,
    /// All files below its folder.
    members: Vec<&'a File>,
}

/// Finds the `hiera.yaml` of the environment, and those of modules.
pub fn trees<'a>(files: &[&'a File]) -> Vec<Tree<'a>> {
    let mut trees = Vec::new();
    for File { path, kind } in files {
        let (root, name) = path.rsplit_once('/').unwrap_or(("", path));
        let FileKind::Regular(config) = kind else { continue };
        if name != NAME || path.contains("/spec/fixtures/") {
            continue;
        }
        let members: Vec<&File> =
            files.iter().copied().filter(|file| relative_path(root, &file.path).is_some()).collect();
        let module = |file: &&File| {
            let path = relative_path(root, &file.path).unwrap_or_default();
            path == "metadata.json" || path.starts_with("manifests/")
        };
        if root.is_empty() || members.iter().any(module) {
            trees.push(Tree { path: path.clone(), root: root.to_owned(), config, members });
        }
    }
    trees
}

impl Tree<'_> {
    /// Everything on which the result depends: the content of each file that is read, the name of each other file.
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

    /// The faults of it and of its data.
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
        let mut faults: Vec<Fault> = levels
            .absent
            .iter()
            .map(|message| Fault { path: None, line: None, message: message.clone() })
            .collect();
        for file in &self.members {
            let path = relative_path(&self.root, &file.path).unwrap_or_default();
            let FileKind::Regular(content) = &file.kind else { continue };
            if !levels.is_data(path) {
                continue;
            }
            if levels.reach(path) {
                faults.extend(self.foreign_keys(&file.path, content)?);
            } else if !linked.iter().any(|link| relative_path(link, path).is_some() || link == path) {
                let message = format!("no level of `{}` reads it", self.path);
                faults.push(Fault { path: Some(file.path.clone()), line: None, message });
            }
        }
        Ok(faults)
    }

    /// What a node needs to read its data; nothing if Puppet refuses it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn needs(&self) -> Result<Vec<Need>> {
        Ok(match config::read(&self.config.read()?, self.module().is_some()) {
            Read::Faulty(_) => Vec::new(),
            Read::Good(config) => needs::needs(&config),
        })
    }

    /// The module to which it belongs.
    fn module(&self) -> Option<&str> {
        (!self.root.is_empty()).then(|| self.root.rsplit('/').next().unwrap_or_default())
    }

    fn may_hold_keys(&self, path: &str) -> bool {
        self.module().is_some() && [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end))
    }

    /// Keys of a module's data that Puppet ignores: it looks up only keys with the module's name there.
    fn foreign_keys(&self, path: &str, content: &FileContent) -> Result<Option<Fault>> {
        let Some(module) = self.module().filter(|_| self.may_hold_keys(path)) else { return Ok(None) };
        // Another check reports invalid YAML.
        let bytes = content.read()?;
        let text = str::from_utf8(&bytes).ok().filter(|text| too_deep(text).is_none());
        let value = text.and_then(|text| serde_yaml::from_str::<Value>(text).ok());
        let Some(Value::Mapping(map)) = value else { return Ok(None) };
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
            format!("`{first}`{more}: in a module's data Puppet only uses keys that begin with `{prefix}`");
        Ok(Some(Fault { path: Some(path.to_owned()), line: None, message }))
    }

    /// The targets of links below its folder, relative to it: such a file is read through the link's name.
    fn linked(&self) -> Result<BTreeSet<String>> {
        let mut linked = BTreeSet::new();
        for file in &self.members {
            let FileKind::Link(target) = &file.kind else { continue };
            let path = relative_path(&self.root, &file.path).unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let target = target.read()?;
            let target = levels::normal(&format!("{folder}/{}", String::from_utf8_lossy(&target)));
            linked.extend(target.filter(|target| !target.is_empty()));
        }
        Ok(linked)
    }
}

const NAME: &str = "hiera.yaml";

#[cfg(test)]
mod tests;
