//! The settings `source` and `sources` of the site file: where environments get their content.

use crate::site::git_url;
#[cfg(feature = "patterns")]
use crate::site::patterns;
use serde::{Deserialize, Serialize};
use stringless_core::pack::check_path;

use super::ApplyOverride;
use stringless_core::fault::Fault;

/// Where an environment gets its content: from a folder, or from a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A folder, relative to the site file, or with `git` to the root of the repository. Default: `.`.
    #[serde(default = "here")]
    pub path: String,
    /// The URL of a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The branch. Default: the branch with the environment's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// A tag, instead of a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// A commit, instead of a branch: its full id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A git repository whose branches are environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Branches {
    /// The URL of the repository.
    pub git: String,
    /// Patterns: only branches that match one of them become environments; `*` matches any text.
    /// Default: all branches.
    #[serde(default = "all")]
    pub branches: Vec<String>,
    /// Branches whose name begins with one of these texts do not become environments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// What the environment's name begins with, before the branch: the source's name, or a text.
    #[serde(default)]
    pub prefix: Prefix,
    /// A text that is removed from the front of a branch's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
    /// What happens to a branch whose name is not allowed for an environment.
    #[serde(default)]
    pub invalid: Invalid,
    /// A folder, relative to the root of the repository. Default: `.`.
    #[serde(default = "here")]
    pub path: String,
    /// Settings in which these environments differ from the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyOverride>,
}

/// What the name of an environment begins with, before the name of the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "`prefix` is true, false or a text")]
pub enum Prefix {
    /// True: the source's own name and `_`. False: nothing.
    Own(bool),
    /// This text and `_`.
    Text(String),
}

/// What happens to a branch whose name is not allowed for an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// `_` replaces each character that is not allowed, with a warning.
    #[default]
    CorrectAndWarn,
    /// The same without a warning.
    Correct,
    /// The branch is left out, with a warning.
    Error,
}

impl Source {
    /// Checks the values. The error is the key at fault, and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, Fault)> {
        let named = [&self.branch, &self.tag, &self.commit].into_iter().flatten().count();
        let key = match (&self.commit, &self.tag) {
            (Some(_), _) => "commit",
            (None, Some(_)) => "tag",
            (None, None) => "branch",
        };
        if named > 1 {
            let fault = Fault::new("only one of `branch`, `tag` and `commit` is possible");
            return Err((key, fault.hint("remove the others")));
        }
        let Some(url) = &self.git else {
            let fault = Fault::new("it needs `git`, the repository's URL");
            let hint = "write `source: {git: URL, branch: …}`; a folder has no branches";
            return if named == 0 { Ok(()) } else { Err((key, fault.hint(hint))) };
        };
        check_repository(url, &self.path)?;
        match &self.commit {
            Some(id) if !git_url::is_full_id(id) => {
                let fault = Fault::new("expected a full id: 40 lower-case hex digits");
                Err(("commit", fault.hint("`git rev-parse NAME` prints it")))
            }
            _ => Ok(()),
        }
    }

    /// The folder in the repository, as git writes it: empty for the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        folder(&self.path)
    }
}

impl Branches {
    /// Checks the values. The error is the key at fault, and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, Fault)> {
        check_repository(&self.git, &self.path)?;
        #[cfg(feature = "patterns")]
        if let Some(why) = patterns::check_patterns(&self.branches) {
            return Err((
                "branches",
                Fault::new(why).hint(
                    "`*`, `?`, `[ab]` and `{a,b}` are patterns; `\\` before a character takes it literally",
                ),
            ));
        }
        let regular = |text: &String| text.len() > 1 && text.starts_with('/') && text.ends_with('/');
        if self.strip.as_ref().is_some_and(regular) {
            let fault = Fault::new("a regular expression is not supported here, only a plain text");
            return Err(("strip", fault.hint("`strip: env/` makes `env/web` the environment `web`")));
        }
        let word = |text: &String| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match &self.prefix {
            Prefix::Text(text) if !word(text) => {
                let fault = Fault::new("only letters, digits and `_` are possible");
                Err(("prefix", fault.hint("a `_` is added after the prefix")))
            }
            _ => Ok(()),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self { path: here(), git: None, branch: None, tag: None, commit: None }
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self::Own(false)
    }
}

fn check_repository(url: &str, path: &str) -> Result<(), (&'static str, Fault)> {
    git_url::check_url(url).map_err(|fault| ("git", fault))?;
    let folder = folder(path);
    if folder.is_empty() {
        return Ok(());
    }
    check_path(folder).map_err(|why| {
        (
            "path",
            Fault::new(why).hint("with `git`, `path` is a folder of the repository, relative to its root"),
        )
    })
}

/// `./a/b/` becomes `a/b`; `.` becomes the empty path, the root.
fn folder(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    if path == "." { "" } else { path.strip_prefix("./").unwrap_or(path) }
}

fn here() -> String {
    ".".into()
}

fn all() -> Vec<String> {
    vec!["*".into()]
}
