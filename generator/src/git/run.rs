//! Running `git`: with the user's settings and keys, and without any setting of a repository.

use std::env;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use stringless_render::site::git_url::redacted;

use super::finish::{MOST, finish};
use super::settings;
use crate::error::{Error, Result};
use crate::verbose::{self, plain_url};

/// A git repository on which commands run.
#[derive(Clone, Debug)]
pub struct Git {
    folder: Option<PathBuf>,
    /// Another index than the repository's own.
    index: Option<PathBuf>,
    /// Its name in messages.
    title: String,
}

/// Why git failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its message.
    pub why: String,
    /// Whether this machine's disk is the reason.
    pub disk: bool,
}

impl Git {
    /// Git for the bare repository in `folder`.
    #[must_use]
    pub fn of(folder: &Path, title: &str) -> Self {
        Self { folder: Some(folder.to_owned()), index: None, title: title.to_owned() }
    }

    /// The same with the index in this file. Only the attributes of what it lists count, not those of the user or the
    /// machine.
    #[must_use]
    pub fn with_index(self, index: PathBuf) -> Self {
        Self { index: Some(index), ..self }
    }

    /// Git without a local repository; `url` is for messages.
    #[must_use]
    pub fn nowhere(title: &str) -> Self {
        Self { folder: None, index: None, title: title.to_owned() }
    }

    /// The standard output of a command that only reads the local disk, with a time limit.
    ///
    /// # Errors
    /// Temporary, with the last line of git's errors.
    pub fn read<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Result<Vec<u8>> {
        let child = self.start(arguments)?;
        let output = finish(child, input, READING).map_err(|e| self.error("reading", &e.to_string()))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        if output.stdout.len() as u64 == MOST {
            return Err(Error::refused(format!(
                "reading `{}`: more than {MOST} bytes in one pack",
                self.title
            )));
        }
        let folder = self.folder.as_deref().unwrap_or(Path::new("."));
        let Failure { why, disk } = reason(&output);
        let error = self.error("reading", &why);
        if disk {
            return Err(error
                .hint(format!("is the disk of `{}` full, or its file system read-only?", folder.display())));
        }
        Err(error.hint(format!(
            "the cache may be damaged: `rm -r {}`, then the next run fetches it again",
            folder.display()
        )))
    }

    /// The standard output of a command that connects to the repository at `url`, with a time limit.
    ///
    /// # Errors
    /// The error of git, without the password of the URL.
    pub fn remote<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        url: &str,
        limit: Duration,
    ) -> std::result::Result<String, Failure> {
        verbose::step(format_args!("asking the repository {}", plain_url(url)));
        let child = self.start(arguments).map_err(|e| Failure::of(&e))?;
        let output = finish(child, b"", limit).map_err(|e| Failure::of(&e))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let Failure { why, disk } = reason(&output);
        Err(Failure { why: why.replace(url, &redacted(url)), disk })
    }

    /// The id and the type of the object that an expression such as `COMMIT:path` names; `None` if there is none.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn query(&self, expression: &str) -> Result<Option<(String, String)>> {
        if expression.contains('\n') {
            return Ok(None);
        }
        let output = self.read(
            &["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            format!("{expression}\n").as_bytes(),
        )?;
        let output = String::from_utf8_lossy(&output);
        // Otherwise git prints the expression and `missing` or `ambiguous`.
        Ok(output
            .trim_end()
            .split_once(' ')
            .filter(|(id, _)| stringless_render::site::git_url::is_full_id(id))
            .and_then(|(id, kind)| {
                ["commit", "tree", "blob", "tag"].contains(&kind).then(|| (id.to_owned(), kind.to_owned()))
            }))
    }

    fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Child> {
        let mut git = command();
        if let Some(folder) = &self.folder {
            settings::restore(folder)?;
            git.arg("--git-dir").arg(folder);
        }
        if let Some(index) = &self.index {
            git.env("GIT_INDEX_FILE", index).env("GIT_ATTR_NOSYSTEM", "1");
            git.args(["-c", "core.attributesFile=/dev/null"]);
        }
        git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        git.spawn().map_err(|e| {
            let why = format!("running `git`: {e}");
            if is_missing(&e) {
                Error::configuration(why).hint("install git: it reads the repositories")
            } else {
                Error::temporary(why)
            }
        })
    }

    fn error(&self, doing: &str, why: &str) -> Error {
        Error::temporary(format!("{doing} `{}`: {why}", self.title))
    }
}

/// `git` with the variables that it may use: for programs and for the user's own settings, keys and proxies.
/// No setting of a repository, or of a repository around it, applies.
#[must_use]
pub fn command() -> Command {
    let mut git = Command::new("git");
    let kept = env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        KEPT.contains(&&*name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    });
    git.env_clear().envs(kept);
    git.envs([("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")]);
    // An object is what its id says, and not what `refs/replace/` puts in its place.
    git.envs([
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_DEFAULT_REF_FORMAT", "files"),
    ]);
    // Helpers of other protocols run only if the user's own settings name and allow them.
    git.env("GIT_PROTOCOL_FROM_USER", "0");
    for setting in SETTINGS {
        git.args(["-c", setting]);
    }
    git
}

/// Whether git could not be started because this machine has none.
pub fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

/// The most useful line of git's errors: one about this machine's disk, otherwise the first fatal one, otherwise the
/// last.
fn reason(output: &Output) -> Failure {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let bare = |line: &'_ str| {
        ["fatal: ", "error: "].iter().find_map(|head| line.strip_prefix(head)).map(str::to_owned)
    };
    // The other side may have a full disk, too.
    let about_disk =
        |line: &&str| !line.starts_with("remote:") && DISK.iter().any(|word| line.contains(word));
    let disk = lines.clone().find(about_disk).map(|line| bare(line).unwrap_or_else(|| line.to_owned()));
    let fatal = lines.clone().find_map(bare);
    let full = disk.is_some();
    let line = disk.or(fatal).or_else(|| lines.next_back().map(str::to_owned));
    let line = line.unwrap_or_else(|| format!("git ended with {}", output.status));
    Failure { why: line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(), disk: full }
}

impl Failure {
    /// A failure before or after git ran.
    pub fn of(why: &impl std::fmt::Display) -> Self {
        let why = why.to_string();
        Self { disk: DISK.iter().any(|word| why.contains(word)), why }
    }
}

/// What git says when it cannot write.
const DISK: [&str; 4] =
    ["No space left on device", "Disk quota exceeded", "Out of diskspace", "Read-only file system"];
/// The time limit of a command that only reads the local disk.
const READING: Duration = Duration::from_secs(600);
/// The environment variables that git gets: those of the user.
const KEPT: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "KRB5CCNAME",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "GIT_ASKPASS",
    "DBUS_SESSION_BUS_ADDRESS",
];
/// The starts of further variables; with `GIT_CONFIG_…` a CI passes its token.
const KEPT_PREFIXES: [&str; 5] = ["SSH_", "GIT_SSH", "GIT_SSL_", "SSL_CERT_", "GIT_CONFIG_"];
/// Settings that override every file of settings. Old objects stay, because a lock file may name them.
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    // It repeats what the commits say, and nothing checks it.
    "core.commitGraph=false",
    "protocol.ext.allow=never",
    "protocol.fd.allow=never",
    "protocol.file.allow=always",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "gc.pruneExpire=never",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=60",
];

#[cfg(test)]
mod tests;
