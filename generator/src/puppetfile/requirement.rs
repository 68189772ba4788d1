//! What the resolver is asked.

use std::fmt;

use semver::Version;

/// A module that the `Puppetfile` declares.
#[derive(Clone, Debug)]
pub struct Root {
    /// `author/name`, or the name alone.
    pub name: String,
    /// Its line.
    pub line: usize,
    /// What is declared of it.
    pub pin: Pin,
}

/// What is declared of a module.
#[derive(Clone, Debug)]
pub enum Pin {
    /// Any release of the forge.
    Any,
    /// This release of the forge.
    Release(Version),
    /// What is in a repository, an archive or the environment: its version, if it tells one, and what it needs.
    Content(Option<Version>, Vec<(String, String)>),
}

/// The `Puppetfile`, or a module by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Package {
    /// What declares.
    Puppetfile,
    /// What is declared or needed.
    Module(String),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Puppetfile => f.write_str("the Puppetfile"),
            Self::Module(name) => write!(f, "`{name}`"),
        }
    }
}
