//! Levels of a hierarchy → the files that they can read. No IO.

use std::collections::BTreeSet;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use stringless_core::pack::relative_path;

use super::config::{Config, Level};

/// The files that the levels of a `hiera.yaml` can read, relative to its folder.
pub struct Levels {
    patterns: GlobSet,
    /// Folders that hold only data of these levels.
    folders: BTreeSet<String>,
    /// The endings of the names of data files.
    extensions: BTreeSet<String>,
    /// Folders of data that no node has: sentences.
    pub absent: BTreeSet<String>,
}

impl Levels {
    /// # Errors
    /// For an invalid pattern.
    pub fn of(config: &Config) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        let mut folders = BTreeSet::new();
        let mut absent = BTreeSet::new();
        let mut extensions: BTreeSet<String> = DATA.iter().map(|&end| end.to_owned()).collect();
        for level in &config.levels {
            let datadir =
                level.datadir.as_ref().or(config.datadir.as_ref()).map_or("data", |datadir| datadir);
            // A path outside the release is not checked.
            if datadir.starts_with('/') {
                if SERVER.iter().any(|folder| relative_path(folder, datadir).is_some()) {
                    absent.insert(format!(
                        "`datadir: {datadir}` is a folder of a Puppet server, which nodes do not have: write it relative to `hiera.yaml`"
                    ));
                }
                continue;
            }
            folders.extend(fixed(datadir));
            for (place, is_glob) in places(level) {
                let Some(pattern) = pattern(datadir, place, is_glob) else { continue };
                set.add(glob(&pattern)?);
                let end = place.rsplit_once('.').map_or("", |(_, end)| end);
                if !end.is_empty() && end.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    extensions.insert(end.to_owned());
                }
            }
        }
        let patterns = set.build().map_err(|e| format!("its patterns are too many: {e}"))?;
        Ok(Self { patterns, folders, extensions, absent })
    }

    /// Whether the file at `path` is meant as data.
    pub fn is_data(&self, path: &str) -> bool {
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        let end = path.rsplit_once('.').map_or("", |(_, end)| end);
        let inside = |folder: &String| relative_path(folder, path).is_some();
        !hidden && self.extensions.contains(end) && self.folders.iter().any(inside)
    }

    /// Whether a level can read the file at `path`.
    pub fn reach(&self, path: &str) -> bool {
        self.patterns.is_match(path)
    }
}

/// `path` without `.`, `..` and doubled `/`; `None` if it leaves its folder.
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

/// The folder before the first `%{…}` of a datadir, if there is one.
fn fixed(datadir: &str) -> Option<String> {
    let head = match datadir.find("%{") {
        None => datadir,
        Some(at) => datadir[..at].rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    normal(head).filter(|folder| !folder.is_empty())
}

/// A path as a pattern: each `%{…}` matches anything, and the rest is literal or, in a glob, a glob. A folder whose
/// whole name is `%{…}` may be missing, because Puppet puts nothing in the place of an unknown variable. `None` if
/// the path leaves its folder.
fn pattern(datadir: &str, place: &str, is_glob: bool) -> Option<String> {
    let mut parts: Vec<(String, bool)> = Vec::new();
    let folders = split(datadir).into_iter().map(|text| (text, false));
    for (text, is_glob) in folders.chain(split(place).into_iter().map(|text| (text, is_glob))) {
        match wild(text, is_glob).as_str() {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push((part.to_owned(), part == "*" && may_be_empty(text))),
        }
    }
    let (name, _) = parts.pop()?;
    let folders = parts.iter().map(|(part, may_be_missing)| match may_be_missing {
        true => format!("{{{part}/,}}"),
        false => format!("{part}/"),
    });
    Some(folders.collect::<String>() + &name)
}

/// Whether a part consists of interpolations, and none of them always has a value.
fn may_be_empty(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, expression, after)) = interpolation(rest) {
        if !before.is_empty() || ALWAYS.contains(&expression.trim().trim_start_matches("::")) {
            return false;
        }
        rest = after;
    }
    rest.is_empty() && !text.is_empty()
}

/// The parts of a path. A `/` within `%{…}` divides nothing.
fn split(path: &str) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in path.char_indices() {
        match c {
            '%' if path[at..].starts_with("%{") => inside = true,
            '}' => inside = false,
            '/' if !inside => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts
}

/// One part of a path as a pattern.
fn wild(text: &str, is_glob: bool) -> String {
    let plain = |text: &str| if is_glob { text.to_owned() } else { globset::escape(text) };
    let mut pattern = String::new();
    let mut rest = text;
    while let Some((before, expression, after)) = interpolation(rest) {
        pattern.push_str(&plain(before));
        // Two stars would match folders, too.
        if !EMPTY.contains(&expression.trim()) && !pattern.ends_with('*') {
            pattern.push('*');
        }
        rest = after;
    }
    pattern + &plain(rest)
}

/// The text before the first `%{…}`, in it, and after it.
fn interpolation(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("%{")?;
    let (expression, after) = rest.split_once('}')?;
    Some((before, expression, after))
}

fn glob(pattern: &str) -> Result<Glob, String> {
    let built = GlobBuilder::new(pattern).literal_separator(true).empty_alternates(true).build();
    built.map_err(|e| format!("`{pattern}` is not a valid pattern: {}", e.kind()))
}

/// The endings of data files.
const DATA: [&str; 5] = ["yaml", "yml", "json", "eyaml", "hocon"];
/// Folders of a Puppet server.
const SERVER: [&str; 3] = ["/etc/puppetlabs/code", "/etc/puppet/code", "/etc/puppet/environments"];
/// Variables that every node has.
const ALWAYS: [&str; 4] = ["environment", "server_facts.environment", "trusted.certname", "certname"];
/// Interpolations that are replaced with nothing.
const EMPTY: [&str; 6] = ["", "::", "\"\"", "''", "\"::\"", "'::'"];
