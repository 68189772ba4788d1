//! The checks, the files that each checks, and their findings.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Manifests.
    Puppet,
    /// EPP templates.
    Epp,
    /// ERB templates.
    Erb,
    /// YAML files.
    Yaml,
    /// JSON files.
    Json,
    /// `hiera.yaml` and its data.
    Hiera,
    /// Code that reads what a checkout has and a release lacks.
    Checkout,
}

/// A finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// The file, relative to the release.
    pub path: String,
    /// The line, from 1, if it is known.
    pub line: Option<u64>,
    /// The check.
    pub check: Check,
    /// The fault.
    pub message: String,
    /// Whether it stops the build.
    pub required: bool,
}

/// A check that could not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unable {
    /// The check.
    pub check: Check,
    /// The number of files that it should have checked.
    pub files: usize,
    /// The reason.
    pub why: String,
    /// Whether this stops the build.
    pub required: bool,
}

/// The results of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checked {
    /// The number of files that were checked, now or before; for Hiera, each `hiera.yaml` and its data.
    pub files: BTreeMap<Check, usize>,
    /// The findings, sorted by path and line.
    pub findings: Vec<Finding>,
    /// Checks that could not run.
    pub unable: Vec<Unable>,
}

impl Checked {
    /// Whether `what` may be built.
    ///
    /// # Errors
    /// When a required check found something, or could not run.
    pub fn verdict(&self, what: &str) -> Result<()> {
        let faults: Vec<&Finding> = self.findings.iter().filter(|finding| finding.required).collect();
        if let Some(first) = faults.first() {
            let more = match faults.len() {
                1 => String::new(),
                more => format!(", and {} more", more - 1),
            };
            return Err(Error::refused(format!("checking `{what}`: {first}{more}")).hint(format!(
                "correct it; with `checks: {{{}: warn}}` in the site file it is only a warning",
                first.check
            )));
        }
        match self.unable.iter().find(|unable| unable.required) {
            None => Ok(()),
            Some(unable) => Err(Error::configuration(format!("checking `{what}`: {unable}")).hint(format!(
                "with `checks: {{{}: warn}}` in the site file the build continues without it",
                unable.check
            ))),
        }
    }
}

impl Check {
    /// Whether it checks the file at `path`.
    pub fn wants(self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some((stem, extension)) = name.rsplit_once('.') else { return false };
        let folders = || folder.split('/');
        // Fixtures are often faulty on purpose.
        if stem.is_empty() || format!("/{folder}/").contains("/spec/fixtures/") {
            return false;
        }
        // Skips hidden files, which belong to editors and other tools, and templates, with any file name.
        let plain = || !folders().chain([name]).any(|part| part.starts_with('.') || part == "templates");
        match self {
            Self::Puppet => extension == "pp",
            Self::Epp => extension == "epp",
            Self::Erb => extension == "erb",
            Self::Yaml => matches!(extension, "yaml" | "yml" | "eyaml") && plain(),
            Self::Json => extension == "json" && plain(),
            Self::Hiera => false,
            Self::Checkout => {
                let puppets = matches!(extension, "pp" | "epp" | "erb");
                puppets || extension == "rb" && folders().any(|part| part == "lib")
            }
        }
    }

    /// The programs that can run it, in order of preference; names are searched in `PATH`.
    pub fn program(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Puppet | Self::Epp => Some(&["puppet", "/opt/puppetlabs/bin/puppet"]),
            Self::Erb => Some(&["ruby", "/opt/puppetlabs/puppet/bin/ruby"]),
            _ => None,
        }
    }

    /// Plans may use more of the language than manifests.
    pub fn mode(self, path: &str) -> &'static str {
        if self == Self::Puppet && path.split('/').any(|part| part == "plans") { TASKS } else { "" }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Puppet => "puppet",
            Self::Epp => "epp",
            Self::Erb => "erb",
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Hiera => "hiera",
            Self::Checkout => "checkout",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {} ({})", self.path, self.message, self.check),
            None => write!(f, "{}: {} ({})", self.path, self.message, self.check),
        }
    }
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.files == 1 { "" } else { "s" };
        write!(f, "{} file{s} not checked ({}): {}", self.files, self.check, self.why)
    }
}

/// All checks, in the order in which they run.
pub const ALL: [Check; 7] =
    [Check::Puppet, Check::Epp, Check::Erb, Check::Yaml, Check::Json, Check::Hiera, Check::Checkout];
/// The mode for plans.
pub const TASKS: &str = "tasks";
