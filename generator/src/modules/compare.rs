//! Comparing a lock file with its `Puppetfile`. No IO.

use std::collections::BTreeSet;

use stringless_render::site::git_url;

use super::http;
use super::lockfile::{Follows, LockedModule, Lockfile};
use crate::puppetfile::Puppetfile;
use crate::puppetfile::model::{Declared, Origin, Want};
use crate::puppetfile::name::{short, slug};

impl Lockfile {
    /// The differences to what `puppetfile` declares; empty if there are none.
    #[must_use]
    pub fn differences(&self, puppetfile: &Puppetfile) -> Vec<String> {
        let mut found = Vec::new();
        let mut reached = BTreeSet::new();
        let mut open = Vec::new();
        for declared in puppetfile.modules.iter().filter(|declared| declared.origin != Origin::Local) {
            let path = declared.path();
            match self.modules.get(&path) {
                None => found.push(format!("`{}` of line {} is not in it", declared.title, declared.line)),
                Some(locked) => {
                    if let Some(why) = locked.differs(declared) {
                        found.push(format!("`{}` of line {}: {why}", declared.title, declared.line));
                    }
                    open.push(path);
                }
            }
        }
        let local = |name: &str| {
            puppetfile.modules.iter().any(|d| d.origin == Origin::Local && d.name() == short(name))
        };
        while let Some(path) = open.pop() {
            if !reached.insert(path.clone()) {
                continue;
            }
            for need in self.modules.get(&path).into_iter().flat_map(|locked| locked.needs.keys()) {
                match self.find(need) {
                    Some((path, _)) => open.push(path.clone()),
                    None if local(need) => {}
                    None => found.push(format!("`{need}`, which `{path}` needs, is not in it")),
                }
            }
        }
        let unneeded = self.modules.iter().filter(|(path, _)| !reached.contains(*path));
        found.extend(unneeded.map(|(path, _)| format!("it has `{path}`, which nothing needs")));
        found
    }
}

impl LockedModule {
    /// Why it differs from `declared`; `None` if it does not.
    #[must_use]
    pub fn differs(&self, declared: &Declared) -> Option<String> {
        if slug(&self.name) != slug(&declared.title) {
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
