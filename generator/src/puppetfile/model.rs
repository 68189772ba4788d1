//! What a `Puppetfile` declares.

use super::name::short;

/// The content of a `Puppetfile`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Puppetfile {
    /// The URL of the forge, as written in the file; `https://` is added if it has neither that nor `http://`.
    pub forge: Option<String>,
    /// The folder for modules without an `install_path`, relative to the environment. `None`: `modules`.
    /// If the file has several, the last one: each applies to the modules after it.
    pub moduledir: Option<String>,
    /// The modules, in the order of the file.
    pub modules: Vec<Declared>,
}

/// A `mod` of a `Puppetfile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The name as written: `puppetlabs/apt`, `puppetlabs-apt`, or `apt`.
    pub title: String,
    /// The line of its `mod`, from 1.
    pub line: usize,
    /// The parent of its folder, relative to the environment: its `install_path`, or the file's `moduledir`, or
    /// `modules`.
    pub parent: String,
    /// Whether `spec/` is left out: if it sets `exclude_spec` and has no `install_path` (r10k keeps `spec/` then).
    pub exclude_spec: bool,
    /// Its source.
    pub origin: Origin,
}

/// The source of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A forge.
    Forge {
        /// The exact version; `None`: the newest release.
        version: Option<String>,
    },
    /// A git repository.
    Git {
        /// Its URL.
        url: String,
        /// The revision.
        want: Want,
        /// The branch if the repository has no such revision: `:default_branch`.
        or: Option<String>,
        /// The branch that is tried before `or`: `:default_branch_override`.
        or_first: Option<String>,
    },
    /// An archive. As in r10k, its entries are the module's files, without a folder around them.
    Tarball {
        /// Its URL, or its path from `/`.
        url: String,
        /// The SHA-256 of the archive, 64 hex digits.
        sha256: Option<String>,
    },
    /// A folder of the environment itself.
    Local,
}

/// A revision of a git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// A tag.
    Tag(String),
    /// A commit: 4 to 64 hex digits of it.
    Commit(String),
    /// A branch.
    Branch(String),
    /// The branch, tag or commit with this name.
    Ref(String),
    /// The branch with the name of the environment's branch.
    ControlBranch,
    /// The default branch of the repository.
    Head,
}

impl Puppetfile {
    /// The folder in the release of a module that no line declares.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        match self.moduledir.as_deref().unwrap_or("modules") {
            "" => short(name).to_owned(),
            parent => format!("{parent}/{}", short(name)),
        }
    }
}

impl Declared {
    /// The name of its folder: its name without the author.
    #[must_use]
    pub fn name(&self) -> &str {
        self.title.rsplit_once(['/', '-']).map_or(&*self.title, |(_, name)| name)
    }

    /// Its folder in the release.
    #[must_use]
    pub fn path(&self) -> String {
        if self.parent.is_empty() {
            self.name().to_owned()
        } else {
            format!("{}/{}", self.parent, self.name())
        }
    }
}
