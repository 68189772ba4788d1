//! The requirements that the resolver gets.

use std::fmt;

use semver::Version;

/// A module that the `Puppetfile` declares.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// `author/name`, or the name alone.
    pub name: String,
    /// The line of its declaration.
    pub line: usize,
    /// The declared release.
    pub pin: Pin,
}

/// The declared release of a module.
#[derive(Clone, Debug)]
pub enum Pin {
    /// Any release of the forge.
    Any,
    /// This release of the forge.
    Release(Version),
    /// The content of a repository, an archive or the environment: its version, if it names one, and its
    /// dependencies.
    Content(Option<Version>, Vec<(String, String)>),
}

/// The `Puppetfile`, or a module with its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Package {
    /// The `Puppetfile`.
    Puppetfile,
    /// A declared or needed module.
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
