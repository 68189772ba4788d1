//! A statement `mod` → a module: the keys decide its kind, and each value is checked.

use stringless_core::pack::check_path;
use stringless_core::suggest::nearest;

use super::check::{check_title, is_version, place, quoted, text, yes_or_no};
use super::problem::{Problem, both};
use super::revision::{branch, git_url, want};
use super::statement::Statement;
use super::value::{Given, Value};
use crate::puppetfile::model::{Declared, Origin, Want};

/// The module that a `mod` declares. Its folder is in `parent` unless it names another parent.
pub(crate) fn module(statement: Statement, parent: &str, line: usize) -> Result<Declared, Problem> {
    let Statement { at, mut plain, options, .. } = statement;
    if plain.is_empty() {
        return Err(Problem::new(at, "`mod` without a name", "write `mod 'owner/name'`"));
    }
    let (title, title_at) = plain.remove(0);
    let title = text(title, title_at, "the name of a module")?;
    let owned = check_title(&title, title_at)?;
    let mut options = Options { options };
    let kind = options.kind(&plain, at)?;
    let exclude_spec = options.take("exclude_spec").map(|given| yes_or_no(&given)).transpose()?;
    let own_place = options.take("install_path").map(|given| place(&given)).transpose()?;
    let origin = match kind {
        Kind::Forge if !owned => {
            let hint = format!("write `mod 'owner/{title}'`, or add its source, as in `git: 'https://…'`");
            return Err(Problem::new(
                title_at,
                format!("module `{title}` has no owner, which the forge needs"),
                hint,
            ));
        }
        Kind::Forge => Origin::Forge { version: options.version(plain)? },
        Kind::Git => options.git(at)?,
        Kind::Tarball => options.tarball(at)?,
        Kind::Local => {
            let given = options.take("local");
            match given.map(|given| (yes_or_no(&given), given.at)) {
                None | Some((Ok(true), _)) => Origin::Local,
                Some((Err(problem), _)) => return Err(problem),
                Some((Ok(false), at)) => {
                    let hint = "write `local: true`, or add the module's source";
                    return Err(Problem::new(at, "`local: false` is not a source of the module", hint));
                }
            }
        }
    };
    options.nothing_else(kind)?;
    let declared = Declared {
        title,
        line,
        // As in r10k: only modules in the module folder lose their `spec`.
        exclude_spec: exclude_spec.unwrap_or(false) && own_place.is_none(),
        parent: own_place.unwrap_or_else(|| parent.to_owned()),
        origin,
    };
    check_path(&declared.path()).map_err(|why| {
        let what = format!("the folder `{}` of module `{}`: {why}", declared.path(), declared.title);
        Problem::new(title_at, what, "choose another `install_path` or `moduledir`")
    })?;
    Ok(declared)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Forge,
    Git,
    Tarball,
    Local,
}

/// The keys of a `mod` that were not yet used.
struct Options {
    options: Vec<Given>,
}

impl Options {
    fn take(&mut self, key: &str) -> Option<Given> {
        let at = self.options.iter().position(|given| given.key == key)?;
        Some(self.options.remove(at))
    }

    fn has(&self, key: &str) -> bool {
        self.options.iter().any(|given| given.key == key)
    }

    fn kind(&mut self, plain: &[(Value, usize)], at: usize) -> Result<Kind, Problem> {
        if let Some((_, second)) = plain.get(1) {
            return Err(Problem::new(
                *second,
                "a third value without a key",
                "write the name and the version only",
            ));
        }
        if let Some(problem) = self.revision_without_repository(plain) {
            return Err(problem);
        }
        if let (Some((_, version_at)), false) = (plain.first(), self.options.is_empty()) {
            let hint = "write `type: 'forge', version: '1.2.3'` beside the other keys";
            return Err(Problem::new(*version_at, "a version without a key beside values with one", hint));
        }
        if let Some(given) = self.options.iter().find(|given| matches!(given.key.as_str(), "svn" | "hg")) {
            return Err(other_kind(&given.key, given.key_at));
        }
        let Some(given) = self.take("type") else {
            return match (self.has("git"), self.has("local"), self.options.is_empty()) {
                (true, true, _) => Err(Problem::new(at, "both `git` and `local`", "keep one of them")),
                (true, false, _) => Ok(Kind::Git),
                (false, true, _) => Ok(Kind::Local),
                (false, false, true) => Ok(Kind::Forge),
                (false, false, false) => {
                    let hint = "add `git: 'https://…'`, `type: 'forge'`, `type: 'tarball'` or `local: true`";
                    Err(Problem::new(at, "the module has no source", hint))
                }
            };
        };
        let (Value::Text(word) | Value::Symbol(word)) = given.value else {
            return Err(Problem::new(given.at, "`type` is not a word", TYPES));
        };
        match word.as_str() {
            "forge" => Ok(Kind::Forge),
            "git" => Ok(Kind::Git),
            "tarball" => Ok(Kind::Tarball),
            "local" => Ok(Kind::Local),
            "svn" | "hg" => Err(other_kind(&word, given.at)),
            _ => Err(Problem::new(given.at, format!("there is no type {}", quoted(&word)), TYPES)),
        }
    }

    /// The fault of a key for git or for a folder beside no repository.
    fn revision_without_repository(&self, plain: &[(Value, usize)]) -> Option<Problem> {
        let source = ["git", "local", "svn", "hg", "source", "type"].iter().any(|key| self.has(key));
        let given = self.options.iter().find(|given| {
            let revision = given.key != "version" && REVISIONS.contains(&&*given.key);
            revision || given.key == "path" || given.key.starts_with("default_branch")
        });
        let given = given.filter(|_| !source)?;
        let key = &given.key;
        if key == "path" {
            return Some(Problem::new(
                given.key_at,
                "`path` is not the source of a module",
                "for a folder of this repository write `local: true` and `install_path: '…'`, the folder above the module",
            ));
        }
        let hint = match plain.is_empty() {
            true => {
                "add `git: 'https://…'`; for a release of the forge write its version alone, as in '1.2.3'"
            }
            false => "keep the version, for a release of the forge; or write `git: 'https://…'` in its place",
        };
        let what = format!("`{key}` is for modules of a git repository, and this one names no repository");
        Some(Problem::new(given.key_at, what, hint))
    }

    /// The version of a forge module, positional or by its key.
    fn version(&mut self, plain: Vec<(Value, usize)>) -> Result<Option<String>, Problem> {
        let given =
            plain.into_iter().next().or_else(|| self.take("version").map(|given| (given.value, given.at)));
        let Some((value, at)) = given else { return Ok(None) };
        match value {
            Value::Nil => Ok(None),
            Value::Symbol(word) if word == "latest" => Ok(None),
            Value::Text(version) if is_version(&version) => Ok(Some(version)),
            Value::Text(version) if version == "latest" => {
                Err(Problem::new(at, "the version 'latest' in quotes", "write `:latest`"))
            }
            Value::Text(range) => {
                let what = format!("{} is not one exact version", quoted(&range));
                let hint = "write one version, as in '1.2.3', or `:latest`; the lock file holds the resolved version";
                Err(Problem::new(at, what, hint))
            }
            Value::Number(number) => {
                let hint = format!("write the whole version in quotes, as in '{number}.0'");
                Err(Problem::new(at, format!("the version `{number}` is a number"), hint))
            }
            Value::Symbol(word) => {
                let what = format!("the symbol {} is not a version", quoted(&word));
                Err(Problem::new(at, what, "write one version, as in '1.2.3', or `:latest`"))
            }
            Value::Bool(_) => {
                Err(Problem::new(at, "the version is not a text", "write one version, as in '1.2.3'"))
            }
        }
    }

    fn git(&mut self, at: usize) -> Result<Origin, Problem> {
        let url = match (self.take("git"), self.take("source")) {
            (Some(_), Some(source)) => return Err(both("git", "source", source.key_at)),
            (None, None) => {
                return Err(Problem::new(at, "the module names no repository", "add `git: 'https://…'`"));
            }
            (Some(given), None) | (None, Some(given)) => git_url(given)?,
        };
        let mut wants = REVISIONS.iter().filter_map(|key| self.take(key)).collect::<Vec<_>>();
        wants.sort_by_key(|given| given.key_at);
        let mut wants = wants.into_iter();
        let first = wants.next();
        if let (Some(first), Some(second)) = (&first, wants.next()) {
            return Err(both(&first.key, &second.key, second.key_at));
        }
        Ok(Origin::Git {
            url,
            want: first.map_or(Ok(Want::Head), want)?,
            or: self.take("default_branch").map(branch).transpose()?,
            or_first: self.take("default_branch_override").map(branch).transpose()?,
        })
    }

    fn tarball(&mut self, at: usize) -> Result<Origin, Problem> {
        let Some(source) = self.take("source") else {
            return Err(Problem::new(at, "the module names no archive", "add `source: 'https://…'`"));
        };
        let url = text(source.value, source.at, "`source`")?;
        if !["https://", "http://", "file:///", "/"].iter().any(|start| url.starts_with(start)) {
            let hint = "write a URL that begins with `https://`, `http://` or `file:///`, or a path that begins with `/`";
            return Err(Problem::new(source.at, "`source` is neither a URL nor an absolute path", hint));
        }
        let given = match (self.take("version"), self.take("checksum")) {
            (Some(_), Some(checksum)) => return Err(both("version", "checksum", checksum.key_at)),
            (given, None) | (None, given) => given,
        };
        let Some(given) = given else { return Ok(Origin::Tarball { url, sha256: None }) };
        let (key, at) = (given.key, given.at);
        let sha256 = text(given.value, at, &format!("`{key}`"))?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(hex) {
            let what = format!("`{key}` is not the SHA-256 of an archive");
            return Err(Problem::new(at, what, "write the 64 hex digits that `sha256sum` prints"));
        }
        Ok(Origin::Tarball { url, sha256: Some(sha256) })
    }

    /// Refuses all unused keys: a mistyped key must not be ignored.
    fn nothing_else(self, kind: Kind) -> Result<(), Problem> {
        let Some(left) = self.options.into_iter().next() else { return Ok(()) };
        let (name, keys): (_, &[&str]) = match kind {
            Kind::Forge => ("a forge module", &["type", "version", "install_path", "exclude_spec"]),
            Kind::Git => ("a git module", &GIT_KEYS),
            Kind::Tarball => {
                ("a tarball", &["source", "version", "checksum", "install_path", "exclude_spec"])
            }
            Kind::Local => ("a local module", &["local", "install_path", "exclude_spec"]),
        };
        let key = left.key;
        let hint = match (key.as_str(), kind) {
            ("source", Kind::Forge) => "remove it: all modules come from one `forge`".to_owned(),
            ("fallback", Kind::Git) => "write `default_branch: '…'`, with one branch".to_owned(),
            ("link", Kind::Git) => "write `branch: :control_branch`".to_owned(),
            ("sha256sum", _) => "take it out: the lock file holds the hash of every module".to_owned(),
            ("ignore_unreachable" | "ignore-unreachable", _) => {
                "take it out: what is cached is built without its remote by `--offline`".to_owned()
            }
            ("path", Kind::Git) => {
                "take it out: the module is the whole repository; move the folder into a repository of its own (`git subtree split`), or into this one with `local: true`".to_owned()
            }
            ("path", Kind::Local) => "write `install_path: '…'`, the folder above the module".to_owned(),
            (key, Kind::Forge) if REVISIONS.contains(&key) => {
                "a release of the forge has a `version`; for a branch, a tag or a commit write `git: 'https://…'` without `type`".to_owned()
            }
            ("github_tarball" | "path", _) => {
                "write `type: 'tarball', source: 'https://…'`, or `git: 'https://…'`".to_owned()
            }
            _ => {
                let list = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                match nearest(&format!("unknown field `{key}`, expected one of {list}")) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("{name} has {list}"),
                }
            }
        };
        Err(Problem::new(left.key_at, format!("{name} has no key {}", quoted(&key)), hint))
    }
}

fn other_kind(kind: &str, at: usize) -> Problem {
    let what = format!("modules are not fetched by `{kind}`");
    Problem::new(
        at,
        what,
        "move the module into a git repository, or write `type: 'tarball', source: 'https://…'`",
    )
}

const REVISIONS: [&str; 5] = ["tag", "branch", "commit", "ref", "version"];
const GIT_KEYS: [&str; 10] = [
    "git",
    "tag",
    "branch",
    "commit",
    "ref",
    "version",
    "default_branch",
    "default_branch_override",
    "install_path",
    "exclude_spec",
];
const TYPES: &str = "write `type: 'forge'`, `type: 'git'`, `type: 'tarball'` or `type: 'local'`";
