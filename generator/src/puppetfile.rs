//! A `Puppetfile`: text → the modules that it declares. No IO, and no Ruby.
//!
//! What needs Ruby to be understood is refused, with what to write in its place. Where r10k passes over what it does
//! not know, as a mistyped key, this does not.

mod check;
mod declare;
mod place;
mod revision;
mod ruby;
mod statement;
mod token;

use crate::fault::Fault;
use statement::{Command, Statement};
use token::Tokens;

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

impl Puppetfile {
    /// Reads `text`, which came from the file `origin`.
    ///
    /// # Errors
    /// `reading ORIGIN:LINE:COLUMN: …`, both from 1, for the first thing in the file that is Ruby or that is wrong;
    /// with what to write in its place.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        Self::read(text).map_err(|problem| {
            let (line, column) = position(text, problem.at);
            Fault::new(format!("reading {origin}:{line}:{column}: {}", problem.what)).hint(problem.hint)
        })
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let mut file = Self::default();
        let mut tokens = Tokens::new(text);
        let mut places = Vec::new();
        while let Some(statement) = statement::statement(&mut tokens)? {
            let at = statement.at;
            match statement.command {
                Command::Forge => file.forge = Some(forge(statement)?),
                Command::Moduledir => {
                    let (path, at) = only(statement, "moduledir 'modules'")?;
                    file.moduledir = Some(place::inside(&path, "moduledir", at)?);
                }
                Command::Mod => {
                    let parent = file.moduledir.as_deref().unwrap_or("modules");
                    file.modules.push(declare::module(statement, parent, position(text, at).0)?);
                    places.push(at);
                }
            }
        }
        place::apart(&file.modules).map_err(|(n, what, hint)| Problem::new(places[n], what, hint))?;
        Ok(file)
    }
}

/// What is wrong, where (in bytes), and what to write.
#[derive(Debug)]
struct Problem {
    at: usize,
    what: String,
    hint: String,
}

impl Problem {
    fn new(at: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: hint.into() }
    }
}

fn forge(statement: Statement) -> Result<String, Problem> {
    let (url, at) = only(statement, "forge 'https://…'")?;
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        return Err(Problem::new(at, "`forge` is not the address of one", "write `forge 'https://…'`"));
    }
    Ok(url)
}

/// The one value of a command, and where it stands.
fn only(statement: Statement, form: &str) -> Result<(String, usize), Problem> {
    let Statement { command, at, plain, options } = statement;
    let word = command.word();
    if let Some(given) = options.first() {
        return Err(Problem::new(given.key_at, format!("`{word}` has no keys"), format!("write `{form}`")));
    }
    let mut plain = plain.into_iter();
    match (plain.next(), plain.next()) {
        (Some((value, at)), None) => Ok((check::text(value, at, &format!("`{word}`"))?, at)),
        (None, _) => Err(Problem::new(at, format!("`{word}` without a value"), format!("write `{form}`"))),
        (_, Some((_, at))) => {
            Err(Problem::new(at, format!("`{word}` with two values"), format!("write `{form}`")))
        }
    }
}

/// Line and column of a place, both from 1; a column is a character.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
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

#[cfg(test)]
mod tests;
