//! Where the content of environments is, as the site file has it.

use crate::site::git_url;
#[cfg(feature = "patterns")]
use crate::site::patterns;
use serde::{Deserialize, Serialize};
use stringless_core::pack::check_path;

use super::ApplyOverride;
use stringless_core::fault::Fault;

/// Where the content of an environment is: in a folder, or in a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A folder, relative to the site file, or to the root of the repository. Default: all of it.
    #[serde(default = "here")]
    pub path: String,
    /// The URL of a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The branch. Default: the one named like the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// A tag in place of a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// A commit in place of a branch: its full id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A git repository whose branches are environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branches {
    /// Its URL.
    pub git: String,
    /// Only the branches that match one of these; `*` stands for any text. Default: all.
    #[serde(default = "all")]
    pub branches: Vec<String>,
    /// Branches that begin with one of these are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// What comes before the branch in the environment's name: the source's own name, or a text.
    #[serde(default)]
    pub prefix: Prefix,
    /// What is taken from the front of a branch's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
    /// What becomes of a branch whose name is none for an environment.
    #[serde(default)]
    pub invalid: Invalid,
    /// A folder, relative to the root of the repository. Default: all of it.
    #[serde(default = "here")]
    pub path: String,
    /// Settings of its environments that differ from the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyOverride>,
}

/// What comes before the name of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`prefix` is true, false or a text")]
pub enum Prefix {
    /// The source's own name and `_`, or nothing.
    Own(bool),
    /// This and `_`.
    Text(String),
}

/// What becomes of a branch whose name is none for an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// `_` stands for each other character, and it is told.
    #[default]
    CorrectAndWarn,
    /// The same without a word.
    Correct,
    /// It is left out, and it is told.
    Error,
}

impl Source {
    /// The key at fault, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, Fault)> {
        let named = [&self.branch, &self.tag, &self.commit].into_iter().flatten().count();
        let key = match (&self.commit, &self.tag) {
            (Some(_), _) => "commit",
            (None, Some(_)) => "tag",
            (None, None) => "branch",
        };
        if named > 1 {
            let fault = Fault::new("one of `branch`, `tag` and `commit` is enough");
            return Err((key, fault.hint("leave the others out")));
        }
        let Some(url) = &self.git else {
            let fault = Fault::new("it needs `git`, the repository's URL");
            let hint = "`source: {git: URL, branch: …}`; a folder is built as it is";
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

    /// The folder in the repository, as git has it.
    #[must_use]
    pub fn folder(&self) -> &str {
        folder(&self.path)
    }
}

impl Branches {
    /// The key at fault, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, Fault)> {
        check_repository(&self.git, &self.path)?;
        #[cfg(feature = "patterns")]
        if let Some(why) = patterns::check_patterns(&self.branches) {
            return Err((
                "branches",
                Fault::new(why).hint(
                    "`*`, `?`, `[ab]` and `{a,b}` stand for something; `\\` before one takes it as it is",
                ),
            ));
        }
        let regular = |text: &String| text.len() > 1 && text.starts_with('/') && text.ends_with('/');
        if self.strip.as_ref().is_some_and(regular) {
            let fault = Fault::new("regular expressions are not understood here, only the text itself");
            return Err(("strip", fault.hint("`strip: env/` makes `env/web` the environment `web`")));
        }
        let word = |text: &String| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match &self.prefix {
            Prefix::Text(text) if !word(text) => {
                let fault = Fault::new("letters, digits and `_` are possible");
                Err(("prefix", fault.hint("a `_` follows it by itself")))
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
        ("path", Fault::new(why).hint("with `git`, it is a folder of the repository, relative to its root"))
    })
}

/// `./a/b/` is `a/b`, and `.` is all.
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
