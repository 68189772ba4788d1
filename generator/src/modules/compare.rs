//! Comparing a lock file with its `Puppetfile`. No IO.

use std::collections::{BTreeMap, BTreeSet};

use stringless_render::site::git_url;

use super::http;
use super::lockfile::{Follows, LockedModule, Lockfile};
use super::metadata::Metadata;
use super::tree::quoted;
use crate::puppetfile::Puppetfile;
use crate::puppetfile::model::{Declared, Origin, Want};
use crate::puppetfile::name::{same, same_folder};

impl Lockfile {
    /// The differences to what `puppetfile` declares, and to the address of the forge; empty if there are none.
    #[must_use]
    pub fn differences(&self, puppetfile: &Puppetfile, forge: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut declared_paths = BTreeSet::new();
        for declared in puppetfile.modules.iter().filter(|declared| declared.origin != Origin::Local) {
            let path = declared.path();
            match self.modules.get(&path) {
                None => found.push(format!("`{}` of line {} is not in it", declared.title, declared.line)),
                Some(locked) => {
                    let differs = locked.differs(declared).or_else(|| locked.differs_in_forge(forge));
                    found.extend(
                        differs.map(|why| format!("`{}` of line {}: {why}", declared.title, declared.line)),
                    );
                    declared_paths.insert(path);
                }
            }
        }
        let local = |name: &str| {
            puppetfile.modules.iter().any(|d| d.origin == Origin::Local && same_folder(&d.title, name))
        };
        // A declared module replaces every other one with its folder; another module must be the needed one itself.
        let provider = |need: &str| {
            let (path, locked) = self.find(need)?;
            (declared_paths.contains(path) || same(&locked.name, need)).then_some(path)
        };
        let (mut reached, mut open) = (BTreeSet::new(), Vec::from_iter(declared_paths.iter().cloned()));
        while let Some(path) = open.pop() {
            if !reached.insert(path.clone()) {
                continue;
            }
            for need in self.modules.get(&path).into_iter().flat_map(|locked| locked.needs.keys()) {
                match provider(need) {
                    Some(path) => open.push(path.clone()),
                    None if local(need) => {}
                    None => found.push(format!("`{need}`, which `{path}` needs, is not in it")),
                }
            }
        }
        for (path, locked) in self.modules.iter().filter(|(path, _)| !declared_paths.contains(*path)) {
            if !reached.contains(path) {
                found.push(format!("it has `{path}`, which nothing needs"));
            } else if locked.forge.is_none() {
                found.push(format!("it has `{path}` from {}, and no line declares that", locked.from()));
            } else if *path != puppetfile.path_of(&locked.name) {
                found.push(format!("it has `{}` in `{path}`, and no line declares that", locked.name));
            } else if let Some(why) = locked.differs_in_forge(forge) {
                found.push(format!("`{path}`: {why}"));
            }
        }
        found
    }
}

impl LockedModule {
    /// Why it differs from `declared`; `None` if it does not.
    #[must_use]
    pub fn differs(&self, declared: &Declared) -> Option<String> {
        if !same(&self.name, &declared.title) {
            return Some(format!("it has `{}` in this folder", self.name));
        }
        if self.exclude_spec != declared.exclude_spec {
            let (now, then) = if self.exclude_spec { ("kept", "left out") } else { ("left out", "kept") };
            return Some(format!("`spec` must be {now}, but was {then}"));
        }
        let other = |locked: &Option<String>, now: &str| {
            (locked.as_deref() != Some(now))
                .then(|| format!("it has {}, not {now}", locked.as_deref().unwrap_or("another source")))
        };
        match &declared.origin {
            Origin::Local => None,
            Origin::Forge { version } => match (&self.forge, version) {
                (None, _) => Some(format!("it has {}, not the forge", self.from())),
                (_, Some(version)) => other(&self.version, version),
                _ => None,
            },
            Origin::Tarball { url, sha256 } => other(&self.tarball, &http::plain(url)).or_else(|| {
                let now = sha256.as_deref()?.to_ascii_lowercase();
                other(&self.sha256.map(|sha256| sha256.to_string()), &now)
            }),
            Origin::Git { url, want, .. } => {
                other(&self.git, &git_url::redacted(url)).or_else(|| self.differs_in_want(want))
            }
        }
    }

    /// Why it is not from the forge at this address; `None` if it is, or is from no forge.
    fn differs_in_forge(&self, forge: &str) -> Option<String> {
        let locked = self.forge.as_deref().filter(|locked| *locked != forge)?;
        Some(format!("it is from the forge {locked}, and the forge is {forge}"))
    }

    /// What it says otherwise than the module itself; `None` if nothing. `with_dependencies`: whether dependencies are
    /// locked.
    #[must_use]
    pub fn misdescribes(&self, metadata: &Metadata, with_dependencies: bool) -> Option<String> {
        if self.forge.is_none() && self.version != metadata.version {
            let or = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".into());
            let (locked, found) = (or(&self.version), or(&metadata.version));
            return Some(format!("it has the version {locked}, and its `metadata.json` {}", quoted(&found)));
        }
        // A forge may have read what cannot be read here.
        let unknown = self.forge.is_some() && metadata.fault.is_some();
        if unknown || self.needs.is_empty() && !with_dependencies {
            return None;
        }
        let both = [&self.needs, &metadata.needs];
        let names: BTreeSet<&String> = both.iter().flat_map(|needs| needs.keys()).collect();
        let name = names.into_iter().find(|name| self.needs.get(*name) != metadata.needs.get(*name))?;
        let range = |needs: &BTreeMap<String, String>| match needs.get(name).map(String::as_str) {
            None => "does not need it".to_owned(),
            Some("") => "needs any version of it".to_owned(),
            Some(range) => format!("needs {}", quoted(range)),
        };
        let (locked, found) = (range(&self.needs), range(&metadata.needs));
        Some(format!("`{}`: by the lock file it {locked}, by its `metadata.json` it {found}", quoted(name)))
    }

    fn differs_in_want(&self, want: &Want) -> Option<String> {
        let mut same = Self::new(&self.name);
        let commit = self.commit.as_deref().unwrap_or_default();
        match want {
            Want::Tag(tag) => same.tag = Some(tag.clone()),
            Want::Branch(branch) => same.branch = Some(branch.clone()),
            Want::Ref(name) => same.reference = Some(name.clone()),
            Want::ControlBranch => same.follows = Some(Follows::ControlBranch),
            Want::Head => same.follows = Some(Follows::Default),
            Want::Commit(asked) if !commit.starts_with(asked.as_str()) => {
                return Some(format!("it has the commit {commit}, not {asked}"));
            }
            Want::Commit(_) => {}
        }
        let asked = |l: &Self| (l.tag.clone(), l.branch.clone(), l.reference.clone(), l.follows);
        (asked(self) != asked(&same))
            .then(|| format!("it was locked for {}, not {}", self.asked(), same.asked()))
    }

    /// The revision of the repository that was declared when it was locked.
    #[must_use]
    pub fn asked(&self) -> String {
        match (&self.tag, &self.branch, &self.reference, self.follows) {
            (Some(tag), ..) => format!("the tag `{tag}`"),
            (_, Some(branch), ..) => format!("the branch `{branch}`"),
            (_, _, Some(name), _) => format!("`{name}`"),
            (.., Some(Follows::ControlBranch)) => "the control branch".into(),
            (.., Some(Follows::Default)) => "the default branch".into(),
            _ => "a commit".into(),
        }
    }
}
