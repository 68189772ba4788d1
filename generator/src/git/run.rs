//! Running `git`: with the user's settings and keys, and without any setting of a repository.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use stringless_render::site::git_url::redacted;

use crate::error::{Error, Result};

/// A git repository on which commands run.
#[derive(Clone, Debug)]
pub struct Git {
    folder: Option<PathBuf>,
    /// Its name in messages.
    title: String,
}

impl Git {
    /// Git for the bare repository in `folder`.
    #[must_use]
    pub fn of(folder: &Path, title: &str) -> Self {
        Self { folder: Some(folder.to_owned()), title: title.to_owned() }
    }

    /// Git without a local repository; `url` is for messages.
    #[must_use]
    pub fn nowhere(title: &str) -> Self {
        Self { folder: None, title: title.to_owned() }
    }

    /// The standard output of a command that only reads the local disk.
    ///
    /// # Errors
    /// Temporary, with the last line of git's errors.
    pub fn read<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Result<Vec<u8>> {
        let child = self.start(arguments)?;
        let output = finish(child, input, None).map_err(|e| self.error("reading", &e.to_string()))?;
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
        Err(self.error("reading", &reason(&output)).hint(format!(
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
    ) -> std::result::Result<String, String> {
        let child = self.start(arguments).map_err(|e| e.to_string())?;
        let output = finish(child, b"", Some(limit)).map_err(|e| e.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(reason(&output).replace(url, &redacted(url)))
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
            git.arg("--git-dir").arg(folder);
        }
        git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        git.spawn().map_err(|e| {
            Error::configuration(format!("running `git`: {e}")).hint("install git: it reads the repositories")
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
    // Helpers of other protocols run only if the user's own settings name and allow them.
    git.env("GIT_PROTOCOL_FROM_USER", "0");
    for setting in SETTINGS {
        git.args(["-c", setting]);
    }
    git
}

/// Writes the input of `child` and waits for its end, at most `limit` if there is one.
fn finish(mut child: Child, input: &[u8], limit: Option<Duration>) -> std::io::Result<Output> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = input.to_owned();
    // A child that ends before it has read everything reports the reason itself.
    let writer = thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // Stops reading at the limit; git then ends because of the closed pipe.
            pipe.map_or(Ok(0), |pipe| pipe.take(MOST).read_to_end(&mut bytes)).map(|_| bytes)
        })
    };
    let stdout = reader(stdout.map(|pipe| Box::new(pipe) as _));
    let stderr = reader(stderr.map(|pipe| Box::new(pipe) as _));
    let status = match limit {
        None => child.wait()?,
        Some(limit) => {
            let (begun, mut pause) = (Instant::now(), Duration::from_millis(1));
            loop {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
                if begun.elapsed() > limit {
                    // Its children may hold the pipes open, so this does not wait for the pipes.
                    child.kill()?;
                    child.wait()?;
                    let why = format!("it did not finish within {} seconds", limit.as_secs());
                    return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, why));
                }
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        }
    };
    let joined =
        |pipe: thread::JoinHandle<std::io::Result<Vec<u8>>>| pipe.join().unwrap_or_else(|_| Ok(Vec::new()));
    let (stdout, stderr) = (joined(stdout)?, joined(stderr)?);
    writer.join().ok();
    Ok(Output { status, stdout, stderr })
}

/// The most useful line of git's errors: the first fatal one, otherwise the last.
fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let fatal =
        lines.clone().find_map(|line| line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")));
    let line = fatal.or_else(|| lines.next_back()).map(str::to_owned);
    let line = line.unwrap_or_else(|| format!("git ended with {}", output.status));
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The largest output: the largest size of a pack.
const MOST: u64 = stringless_core::pack::MAX_UNPACKED_BYTES;
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
const SETTINGS: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "protocol.fd.allow=never",
    "protocol.file.allow=always",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "gc.pruneExpire=never",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=60",
];
