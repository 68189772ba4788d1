//! What a `Puppetfile` declares.

/// What a `Puppetfile` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Puppetfile {
    /// The forge that it names: the address of one, with `http://` or `https://`, as it stands there.
    pub forge: Option<String>,
    /// Where modules go that name no place of their own; relative to the environment. `None`: `modules`.
    /// The last one, where it has several: each holds for what stands below it.
    pub moduledir: Option<String>,
    /// In the order of the file.
    pub modules: Vec<Declared>,
}

/// A `mod` of a `Puppetfile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// As it stands there: `puppetlabs/apt`, `puppetlabs-apt`, or `apt`.
    pub title: String,
    /// The line of its `mod`, from 1.
    pub line: usize,
    /// The folder that its own folder goes into, relative to the environment: its `install_path`, or else
    /// the file's `moduledir`, or else `modules`.
    pub parent: String,
    /// Whether `spec/` is left out: where it asks for that, and has no `install_path` (r10k leaves it there then).
    pub exclude_spec: bool,
    /// Where it is from.
    pub origin: Origin,
}

/// Where a module is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A forge; `None` is the newest release of it.
    Forge {
        /// An exact version.
        version: Option<String>,
    },
    /// A git repository.
    Git {
        /// Its URL.
        url: String,
        /// What of it.
        want: Want,
        /// What else, where there is no such thing: `:default_branch`.
        or: Option<String>,
        /// What else, before that: `:default_branch_override`.
        or_first: Option<String>,
    },
    /// An archive. Its entries are the module's own, without a folder around them, as r10k unpacks it.
    Tarball {
        /// Its URL, or its path from `/`.
        url: String,
        /// The SHA-256 of the archive, 64 hex digits.
        sha256: Option<String>,
    },
    /// A folder of the environment itself.
    Local,
}

/// What of a git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// A tag.
    Tag(String),
    /// A commit: 4 to 64 hex digits of it.
    Commit(String),
    /// A branch.
    Branch(String),
    /// A branch, a tag or a commit, whichever has this name.
    Ref(String),
    /// The branch that is named like the environment's own.
    ControlBranch,
    /// What the repository takes for its main branch.
    Head,
}

impl Declared {
    /// The name of its folder: what follows the author.
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
