//! The settings `modules` of the site file: how the site gets the modules that `Puppetfile`s declare.

use serde::{Deserialize, Serialize};

/// How the site gets the modules that `Puppetfile`s declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ModulesSettings {
    /// The URL of the forge's API; it overrides the one in a `Puppetfile`. Default: the public forge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forge: Option<String>,
    /// Whether a build reads the `Puppetfile`. Default: true.
    pub puppetfile: bool,
    /// Whether a build requires `Puppetfile.lock`. Default: `wanted`.
    pub lock: LockNeed,
    /// Whether `stringless modules update` also locks the dependencies of modules. Default: true.
    pub dependencies: bool,
    /// Modules whose release the `Puppetfile` alone decides; what other modules require is ignored.
    #[serde(rename = "override", skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// Whether a build requires a lock file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LockNeed {
    /// Without a lock file, each build takes the newest releases at that time.
    #[default]
    Wanted,
    /// A build without a lock file fails.
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
    /// Checks the values. The error is the key at fault, and the reason.
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
