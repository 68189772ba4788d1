//! Reads a release's `environment.conf` as Puppet does.
//!
//! Settings are lines `NAME = VALUE` before any section or in the section `main`. The first line with a name
//! counts. One quote at each end of a value is removed. `#` starts a comment only at the start of a line.
//! Puppet itself expands values that begin with `$`; other relative paths are relative to the release's
//! folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::read_capped;

/// The content of the file; empty if there is none.
#[derive(Debug)]
pub struct EnvironmentConf {
    release: PathBuf,
    text: String,
}

impl EnvironmentConf {
    /// Reads the file in a release's folder.
    pub fn read(release: &Path) -> Self {
        let bytes = read_capped(&release.join("environment.conf")).ok().flatten().unwrap_or_default();
        // Comments may have any encoding.
        Self { release: release.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// The manifest to pass to `puppet apply`; `None` if only Puppet can expand its path.
    pub fn manifest(&self) -> Option<PathBuf> {
        let value = self.setting("manifest").unwrap_or("manifests");
        // Joining an absolute path gives that path, as in Puppet.
        (!value.starts_with('$')).then(|| self.release.join(value))
    }

    /// The entries of the module path, as written.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        let value = self.setting("modulepath").unwrap_or("modules:$basemodulepath");
        value.split(':').filter(|entry| !entry.is_empty())
    }

    /// The folders of an entry on this node: the entry itself, or those that match its pattern.
    pub fn folders(&self, entry: &str) -> Vec<String> {
        if let Some(rest) = entry.strip_prefix("$environmentpath") {
            let parent = self.release.parent().unwrap_or(&self.release);
            return vec![format!("{}{rest}", parent.display())];
        }
        if entry.starts_with('$') {
            return vec![entry.to_owned()];
        }
        if !is_pattern(entry) {
            return vec![self.release.join(entry).display().to_string()];
        }
        let mut found = vec![PathBuf::from(if entry.starts_with('/') { "/" } else { "" })];
        for part in entry.split('/').filter(|part| !part.is_empty() && *part != ".") {
            found = found.iter().flat_map(|folder| self.named(folder, part)).collect();
        }
        found.iter().map(|folder| self.release.join(folder).display().to_string()).collect()
    }

    /// The sorted paths in a folder whose names match a pattern.
    fn named(&self, folder: &Path, pattern: &str) -> Vec<PathBuf> {
        if !is_pattern(pattern) {
            return vec![folder.join(pattern)];
        }
        let entries = fs::read_dir(self.release.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| !name.starts_with('.') && matches(pattern.as_bytes(), name.as_bytes()))
            .collect();
        names.sort();
        names.into_iter().map(|name| folder.join(name)).collect()
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let mut outside = false;
        for line in self.text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[') {
                outside = section != "main]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| !outside) else { continue };
            if key.trim() == name {
                let value = value.trim();
                let value = value.strip_prefix(['"', '\'']).unwrap_or(value);
                let value = value.strip_suffix(['"', '\'']).unwrap_or(value).trim_end();
                return Some(value).filter(|value| !value.is_empty());
            }
        }
        None
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a name matches a pattern with `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        ([b'?', rest @ ..], [_, name @ ..]) => matches(rest, name),
        ([one, rest @ ..], [other, name @ ..]) => one == other && matches(rest, name),
        ([], []) => true,
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare the disk")]
mod tests {
    use super::*;

    fn conf(text: &str) -> (tempfile::TempDir, EnvironmentConf) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("environment.conf"), text).unwrap();
        let conf = EnvironmentConf::read(folder.path());
        (folder, conf)
    }

    #[test]
    fn finds_the_same_manifest_as_puppet() {
        for (text, expected) in [
            ("", Some("manifests")),
            ("# manifest = no\nmodulepath = a:b\n manifest= site/x.pp\nmanifest = y", Some("site/x.pp")),
            ("[main]\nmanifest = 'site/x.pp'", Some("site/x.pp")),
            ("[agent]\nmanifest = no\n[main]\nmanifest = \"yes\"", Some("yes")),
            ("manifest =", Some("manifests")),
            ("manifest = /etc/puppet/site.pp", Some("/etc/puppet/site.pp")),
            ("manifest = $confdir/site.pp", None),
        ] {
            let (folder, conf) = conf(text);
            assert_eq!(conf.manifest(), expected.map(|path| folder.path().join(path)), "{text}");
        }
    }

    #[test]
    fn finds_the_same_modules_as_puppet() {
        let (folder, conf) =
            conf("modulepath = site:./modules:/opt/m:$basemodulepath:$environmentpath/x:p*/?");
        let at = |path: &str| folder.path().join(path).display().to_string();
        for path in ["pa/1", "pa/22", "pb/2", "q/1", "p.c", "pa/.h"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let found: Vec<String> = conf.entries().flat_map(|entry| conf.folders(entry)).collect();
        let parent = format!("{}/x", folder.path().parent().unwrap().display());
        let base = "$basemodulepath".to_owned();
        let own = [at("site"), at("./modules"), "/opt/m".into(), base, parent, at("pa/1"), at("pb/2")];
        assert_eq!(found, own);
    }

    #[test]
    fn a_comment_may_have_any_encoding() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("environment.conf"), b"# caf\xe9\nmanifest = site.pp\n").unwrap();
        let conf = EnvironmentConf::read(folder.path());
        assert_eq!(conf.manifest(), Some(folder.path().join("site.pp")));
    }

    #[test]
    fn without_the_file_the_default_modulepath_holds() {
        let folder = tempfile::tempdir().unwrap();
        let conf = EnvironmentConf::read(folder.path());
        assert_eq!(conf.entries().collect::<Vec<_>>(), ["modules", "$basemodulepath"]);
    }
}
