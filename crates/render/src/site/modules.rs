//! `modules`: how the site takes what `Puppetfile`s declare.

use serde::{Deserialize, Serialize};

/// How the site takes what `Puppetfile`s declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModulesSettings {
    /// The API of the forge, before what a `Puppetfile` says. Default: the public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forge: Option<String>,
    /// Whether a `Puppetfile` is heeded. Default: true.
    pub puppetfile: bool,
    /// Whether `Puppetfile.lock` must be there. Default: `wanted`.
    pub lock: LockNeed,
    /// Whether `stringless modules update` locks what modules need with them. Default: true.
    pub dependencies: bool,
    /// Of these modules the `Puppetfile` alone says which release is taken, whatever others ask of them.
    #[serde(rename = "override", skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// Whether there must be a lock file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockNeed {
    /// Where there is none, each build takes what there is at that time.
    #[default]
    Wanted,
    /// Nothing is built without one.
    Required,
}

impl Default for ModulesSettings {
    fn default() -> Self {
        Self {
            forge: None,
            puppetfile: true,
            lock: LockNeed::default(),
            dependencies: true,
            overrides: Vec::new(),
        }
    }
}

impl ModulesSettings {
    /// The key at fault and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if self.forge.as_deref().is_some_and(|url| !web(url) || !url.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(("forge", "expected `https://host/path`, the API of a forge".into()));
        }
        match self.overrides.iter().find(|name| !name.contains(['/', '-'])) {
            Some(name) => Err(("override", format!("`{name}` has no author: expected `author/name`"))),
            None => Ok(()),
        }
    }
}
