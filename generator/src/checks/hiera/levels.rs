//! Levels of a hierarchy → which files they can reach. No IO.

use std::collections::BTreeSet;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::config::{Config, Level};

/// What the levels of a `hiera.yaml` can reach, relative to its folder.
pub struct Levels {
    patterns: GlobSet,
    /// Folders in which all data is meant for them.
    folders: BTreeSet<String>,
    /// What ends the name of data.
    extensions: BTreeSet<String>,
}

impl Levels {
    /// # Errors
    /// For a pattern that means nothing.
    pub fn of(config: &Config) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        let mut folders = BTreeSet::new();
        let mut extensions: BTreeSet<String> = DATA.iter().map(|&end| end.to_owned()).collect();
        for level in &config.levels {
            let datadir =
                level.datadir.as_ref().or(config.datadir.as_ref()).map_or("data", |datadir| datadir);
            // What lies elsewhere on the node is no part of a release.
            if datadir.starts_with('/') {
                continue;
            }
            folders.extend(fixed(datadir));
            for (place, is_glob) in places(level) {
                let pattern = format!("{}/{}", wild(datadir, false), wild(place, is_glob));
                let Some(pattern) = normal(&pattern) else { continue };
                set.add(glob(&pattern)?);
                let end = place.rsplit_once('.').map_or("", |(_, end)| end);
                if !end.is_empty() && end.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    extensions.insert(end.to_owned());
                }
            }
        }
        let patterns = set.build().map_err(|e| format!("its patterns are too many: {e}"))?;
        Ok(Self { patterns, folders, extensions })
    }

    /// Whether the file at `path` is there to be looked up.
    pub fn is_data(&self, path: &str) -> bool {
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        let end = path.rsplit_once('.').map_or("", |(_, end)| end);
        let inside = |folder: &String| super::below(folder, path).is_some();
        !hidden && self.extensions.contains(end) && self.folders.iter().any(inside)
    }

    /// Whether a level can reach the file at `path`.
    pub fn reach(&self, path: &str) -> bool {
        self.patterns.is_match(path)
    }
}

/// `path` without `.`, `..` and doubled `/`; `None` when it leaves its folder.
pub fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn places(level: &Level) -> impl Iterator<Item = (&str, bool)> {
    let paths = level.paths.iter().map(|path| (&**path, false));
    paths.chain(level.globs.iter().map(|glob| (&**glob, true)))
}

/// The folder before the first `%{…}` of a datadir, if that says anything.
fn fixed(datadir: &str) -> Option<String> {
    let head = match datadir.find("%{") {
        None => datadir,
        Some(at) => datadir[..at].rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    normal(head).filter(|folder| !folder.is_empty())
}

/// `text` as a pattern: its `%{…}` match anything, and the rest itself, or what it says as a glob.
fn wild(text: &str, is_glob: bool) -> String {
    let plain = |text: &str| if is_glob { text.to_owned() } else { globset::escape(text) };
    let mut pattern = String::new();
    let mut rest = text;
    while let Some((before, expression, after)) = interpolation(rest) {
        pattern.push_str(&plain(before));
        if !EMPTY.contains(&expression.trim()) {
            pattern.push('*');
        }
        rest = after;
    }
    pattern + &plain(rest)
}

/// What stands before the first `%{…}`, in it, and after it.
fn interpolation(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("%{")?;
    let (expression, after) = rest.split_once('}')?;
    Some((before, expression, after))
}

fn glob(pattern: &str) -> Result<Glob, String> {
    let built = GlobBuilder::new(pattern).literal_separator(true).build();
    built.map_err(|e| format!("`{pattern}` is no pattern: {}", e.kind()))
}

/// What data is called.
const DATA: [&str; 5] = ["yaml", "yml", "json", "eyaml", "hocon"];
/// Interpolations of nothing.
const EMPTY: [&str; 6] = ["", "::", "\"\"", "''", "\"::\"", "'::'"];
