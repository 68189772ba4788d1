//! Every path that a rendered script or document names is in the table of what an installation leaves, or is one
//! that it only reads: `uninstall` has to remove every path that a template starts to write.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stringless_core::installed::{BIN, ETC, How, INSTALLED, STATE, Step};
use stringless_render::platform::{Form, Platforms};

use crate::every_pair::everywhere;

/// What a script only reads, runs, or changes in another program's name, by how it begins.
const NOT_OURS: [&str; 20] = [
    "/etc/os-release",
    "/etc/ssl/",
    "/etc/pki/",
    "/etc/rc.subr",
    "/etc/init.d/crond",
    "/opt/puppetlabs/bin",
    "/run/openrc",
    "/run/systemd/system",
    "/run/current-system/sw",
    "/usr/bin",
    "/usr/sbin",
    "/usr/sbin/daemon",
    "/usr/local/sbin",
    // A lock that a power cut left.
    "/var/lib/pacman/db.lck",
    // Folders that other programs share.
    "/etc/cron.d",
    "/etc/crontabs",
    "/usr/local/etc/rc.d",
    "/usr/local/bin",
    "/opt/bin",
    "/root",
];
/// What only others write: the administrator, and packages.
const OF_OTHERS: [&str; 2] = ["{etc}/environment", "/usr/bin/stringless-agent"];

#[test]
fn every_path_that_is_rendered_is_in_the_table() {
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    everywhere(|name, data| {
        let paths = match data.form {
            Form::Ignition => of_ignition(&data.body),
            Form::Nix => of_module(&data.body),
            // These also write around the script.
            Form::CloudConfig | Form::Bootcmd => of_script(&data.text),
            _ => of_script(&data.body),
        };
        for path in paths {
            named.entry(path).or_insert_with(|| name.to_owned());
        }
    });
    assert!(named.len() > 40, "{named:?}");
    let not_ours = |path: &str| {
        NOT_OURS.iter().any(|known| path == *known || known.ends_with('/') && path.starts_with(known))
    };
    let covered = |path: &str| INSTALLED.iter().any(|place| place.covers(path));
    let unknown: Vec<_> = named.iter().filter(|(path, _)| !not_ours(path) && !covered(path)).collect();
    assert!(unknown.is_empty(), "in no row of the table: {unknown:#?}");
    // And no row is there for nothing.
    for place in
        INSTALLED.iter().filter(|place| matches!(place.step, Step::Schedule | Step::Config | Step::Never))
    {
        let written = named.keys().any(|path| place.covers(path));
        let rest = OF_OTHERS.contains(&place.path) || matches!(place.how, How::Lines(_));
        let mask = place.path.ends_with("/puppet.service");
        assert!(written || rest || mask, "{}: nothing writes it", place.path);
    }
}

#[test]
fn the_folders_of_each_system_are_in_the_table() {
    for distro in Platforms::embedded().unwrap().distros {
        let paths = distro.paths;
        for (folder, known) in [(paths.bin, BIN), (paths.etc, ETC), (paths.state, STATE)] {
            assert!(known.contains(&&*folder), "{}: {folder}", distro.id);
        }
    }
}

/// The paths in a script, its variables resolved.
fn of_script(script: &str) -> BTreeSet<String> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut rest = String::new();
    for line in script.lines().map(str::trim) {
        match assignment(line) {
            Some((name, value)) => values.push((name.to_owned(), resolved(value, &values))),
            None if line.starts_with('#') || line.starts_with("{\"") || line.contains("/*.wants/") => {}
            None => rest += &format!("{line}\n"),
        }
    }
    // The longest name first: `$state` is the beginning of `$status`.
    values.sort_by_key(|(name, _)| name.len());
    // A function writes the entries of cron, each by its name.
    let entries = script.split("add_cron ").skip(1).filter_map(|rest| rest.split([' ', '(']).next());
    let entries = entries.filter(|name| script.contains("/etc/cron.d/\"$1\"") && !name.is_empty());
    let entries = entries.map(|name| format!("/etc/cron.d/{name}"));
    let values_too = values.iter().flat_map(|(_, value)| words(value));
    words(&resolved(&rest, &values))
        .into_iter()
        .chain(values_too)
        .chain(entries)
        .filter(|path| !is_start(path))
        .collect()
}

/// The name and the value of a line that gives a path to a variable.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_path = value.starts_with(['/', '$']) && !value.contains(['"', '\'', ' ', '(']);
    (is_name && is_path).then_some((name, value))
}

/// Whether it is only the beginning of the names of units.
fn is_start(value: &str) -> bool {
    value == "/etc/systemd/system/stringless"
}

/// The text with the values of the variables, and with their folders.
fn resolved(text: &str, values: &[(String, String)]) -> String {
    values.iter().rev().fold(text.to_owned(), |text, (name, value)| {
        let folder = value.rsplit_once('/').map_or("", |(folder, _)| folder);
        text.replace(&format!("${{{name}%/*}}"), folder).replace(&format!("${name}"), value)
    })
}

/// The words that are paths of folders that an installation may write to.
fn words(text: &str) -> BTreeSet<String> {
    const TOPS: [&str; 6] = ["/etc/", "/usr/", "/var/", "/opt/", "/run/", "/root"];
    let ends = |c: char| !(c.is_ascii_alphanumeric() || "/._-*".contains(c));
    let words = text.split(ends).filter(|word| TOPS.iter().any(|top| word.starts_with(top)));
    words.map(|word| word.trim_end_matches(['.', '/']).to_owned()).collect()
}

/// What a document for Ignition writes, and the units of systemd that it makes.
fn of_ignition(text: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(text).unwrap();
    let storage =
        ["files", "directories", "links"].iter().flat_map(|kind| document["storage"][kind].as_array());
    let mut paths: BTreeSet<String> =
        storage.flatten().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect();
    for unit in document["systemd"]["units"].as_array().into_iter().flatten() {
        paths.insert(format!("/etc/systemd/system/{}", unit["name"].as_str().unwrap()));
        paths.extend(words(unit["contents"].as_str().unwrap_or_default()));
    }
    paths
}

/// What the system has that is built from a module.
fn of_module(text: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        for (start, end) in [("systemd.services.", ".service"), ("systemd.timers.", ".timer")] {
            let name = line.strip_prefix(start).and_then(|rest| rest.split([' ', '.']).next());
            paths.extend(name.map(|name| format!("/etc/systemd/system/{name}{end}")));
        }
        let file = line.strip_prefix("environment.etc.\"").and_then(|rest| rest.split('"').next());
        paths.extend(file.map(|file| format!("/etc/{file}")));
    }
    paths
}
