//! Asks git about a folder in a work tree, without running a program that its repository names.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::finish::finish;
use super::run::{command, is_missing};
use crate::error::{Error, Result};

/// A folder on disk, which may be in a work tree.
#[derive(Debug)]
pub struct WorkTree {
    folder: PathBuf,
    /// Settings that replace every filter of the repository and its submodules: git would run their programs to find
    /// out whether a file has changed.
    filters: tempfile::NamedTempFile,
}

impl WorkTree {
    /// The folder, if git knows it.
    ///
    /// # Errors
    /// Temporary, when git does not finish in time.
    pub fn open(folder: &Path) -> Result<Option<Self>> {
        let filters =
            tempfile::NamedTempFile::new().map_err(|e| Error::io("making", &std::env::temp_dir(), e))?;
        let tree = Self { folder: folder.to_owned(), filters };
        let Some(top) = tree.run(folder, &["rev-parse", "--show-toplevel"])? else { return Ok(None) };
        // With `core.worktree` git would speak of other files than these.
        let top = Path::new(OsStr::from_bytes(top.strip_suffix(b"\n").unwrap_or(&top)));
        if !fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with(top)) {
            return Ok(None);
        }
        let mut settings: Vec<u8> = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for name in tree.filter_names(&folder)? {
                settings.extend([b"[filter \"", &*escaped(&name), b"\"]\n", NO_PROGRAM].concat());
            }
            open.extend(tree.submodules(&folder)?.into_iter().filter(|path| path.join(".git").exists()));
        }
        let path = tree.filters.path();
        fs::write(path, settings).map_err(|e| Error::io("writing", path, e))?;
        Ok(Some(tree))
    }

    /// The state of the folder, as `git status --porcelain=v2 --branch -z` prints it. No setting of the repository
    /// hides a difference to the commit, but ignored files are none.
    ///
    /// # Errors
    /// As [`WorkTree::open`].
    pub fn status(&self) -> Result<Option<Vec<u8>>> {
        let status = ["status", "--porcelain=v2", "--branch", "-z"];
        let all = ["--untracked-files=normal", "--ignore-submodules=none", "--", "."];
        self.read(&[&["-c", "core.fileMode=true"][..], &status, &all].concat())
    }

    /// Whether git was told not to look at some of its files: `git update-index --assume-unchanged`, or a sparse
    /// checkout.
    ///
    /// # Errors
    /// As [`WorkTree::open`].
    pub fn looks_away(&self) -> Result<bool> {
        let output = self.read(&["ls-files", "-v", "-z", "--", "."])?.unwrap_or_default();
        let away = |line: &[u8]| line.first().is_some_and(|tag| tag.is_ascii_lowercase() || *tag == b'S');
        Ok(output.split(|byte| *byte == 0).any(away))
    }

    /// The output of a command of git; `None` if it fails.
    ///
    /// # Errors
    /// As [`WorkTree::open`].
    pub fn read(&self, arguments: &[&str]) -> Result<Option<Vec<u8>>> {
        self.run(&self.folder, arguments)
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Option<Vec<u8>>> {
        let mut git = command();
        git.arg("-c").arg(format!("include.path={}", self.filters.path().display()));
        git.arg("-C").arg(folder).args(arguments);
        git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |e: std::io::Error| {
            let error = Error::temporary(format!("reading `{}` with git: {e}", folder.display()));
            if e.kind() != std::io::ErrorKind::TimedOut {
                return error;
            }
            error.hint(
                "does `git status` end there? A setting of its repository may name a pipe or a slow disk",
            )
        };
        let child = match git.spawn() {
            Ok(child) => child,
            // Without git, a folder is only a folder.
            Err(e) if is_missing(&e) => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let output = finish(child, b"", LIMIT).map_err(failed)?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// The names of the filters in all settings that apply in `folder`.
    fn filter_names(&self, folder: &Path) -> Result<BTreeSet<Vec<u8>>> {
        let output = self.run(folder, &["config", "-z", "--name-only", "--get-regexp", r"^filter\."])?;
        let name = |key: &[u8]| {
            let rest = key.strip_prefix(b"filter.")?;
            Some(rest[..rest.iter().rposition(|byte| *byte == b'.')?].to_owned())
        };
        Ok(output.unwrap_or_default().split(|byte| *byte == 0).filter_map(name).collect())
    }

    /// The folders of the submodules below `folder`: git asks each of them for changes.
    fn submodules(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let output = self.run(folder, &["ls-files", "--stage", "-z"])?;
        let path = |line: &[u8]| {
            let at = line.iter().position(|byte| *byte == b'\t')?;
            line.starts_with(b"160000 ").then(|| folder.join(OsStr::from_bytes(&line[at + 1..])))
        };
        Ok(output.unwrap_or_default().split(|byte| *byte == 0).filter_map(path).collect())
    }
}

/// A name between quotes in a file of settings.
fn escaped(name: &[u8]) -> Vec<u8> {
    let escaped = name.iter().flat_map(|&byte| {
        let sign = matches!(byte, b'\\' | b'"').then_some(b'\\');
        sign.into_iter().chain([byte])
    });
    escaped.collect()
}

const NO_PROGRAM: &[u8] = b"\tclean =\n\tsmudge =\n\tprocess =\n\trequired = false\n";
/// The time limit of one command.
const LIMIT: Duration = Duration::from_secs(120);
