//! What is odd about modules that are used nevertheless.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::http;
use super::lockfile::LockedModule;
use super::metadata::Metadata;
use super::tree::quoted;
use crate::error::Result;
use crate::git::Repository;
use crate::puppetfile::model::Declared;
use crate::puppetfile::name::same;

/// Notes for people: sentences, each once.
#[derive(Debug, Default)]
pub struct Notes(Mutex<BTreeSet<String>>);

impl Notes {
    /// Notes what is odd about the `metadata.json` of a module.
    pub fn about(&self, locked: &LockedModule, metadata: &Metadata) {
        let name = &locked.name;
        if let Some(fault) = &metadata.fault {
            self.add(format!("module `{name}`: {fault}: what it depends on is not read from it"));
        }
        let Some(forge) = &locked.forge else { return };
        let version = locked.version.as_deref().unwrap_or_default();
        let other_name = metadata.name.as_deref().filter(|found| !same(found, name));
        let other_version = metadata.version.as_deref().filter(|found| *found != version);
        for (what, found) in [("name", other_name), ("version", other_version)] {
            if let Some(found) = found {
                self.add(format!(
                    "module `{name}` {version} from {}: its `metadata.json` has the {what} `{}`",
                    http::plain(forge),
                    quoted(found)
                ));
            }
        }
    }

    /// Notes that r10k would take another branch, if it would.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn master(&self, declared: &Declared, mirror: &Repository) -> Result<()> {
        let Some(head) = mirror.head()?.filter(|head| head != "master") else { return Ok(()) };
        if mirror.resolve("refs/heads/master")?.is_none() {
            return Ok(());
        }
        self.add(format!(
            "`{}` of line {} names no branch: it is `{head}`, the default branch of its repository, and r10k takes `master`; write `branch: '{head}'` or `branch: 'master'`",
            declared.title, declared.line
        ));
        Ok(())
    }

    /// The notes until now, sorted.
    #[must_use]
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a sentence.
    pub fn add(&self, sentence: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_of_another_name_or_version_is_noted() {
        let mut locked = LockedModule::new("puppetlabs/apt");
        locked.version = Some("9.4.0".into());
        let metadata = |name: &str, version: &str| Metadata {
            name: Some(name.into()),
            version: Some(version.into()),
            ..Metadata::default()
        };
        let noted = |locked: &LockedModule, metadata: &Metadata| {
            let notes = Notes::default();
            notes.about(locked, metadata);
            notes.take().into_iter().collect::<Vec<_>>().join("\n")
        };
        assert_eq!(noted(&locked, &metadata("evil-x", "1.0.0")), "", "only a forge says what it sends");
        locked.forge = Some("https://forge.test".into());
        assert_eq!(noted(&locked, &metadata("Puppetlabs-apt", "9.4.0")), "");
        assert_eq!(noted(&locked, &Metadata::default()), "");
        let both = noted(&locked, &metadata("evil-x", "1.0.0"));
        assert!(both.contains("the name `evil-x`") && both.contains("the version `1.0.0`"), "{both}");
        let fault = Metadata { fault: Some("its `metadata.json` is not JSON".into()), ..Metadata::default() };
        assert!(noted(&locked, &fault).contains("is not JSON: what it depends on is not read"));
    }
}
