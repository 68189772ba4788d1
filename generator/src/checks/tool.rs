//! A program on the workstation: finding it, identifying its version, and running it on files with a time limit.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::parallel::no_thread;

/// A program.
#[derive(Clone, Debug)]
pub struct Tool {
    path: PathBuf,
}

/// The output of a program.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether its exit code was 0.
    pub success: bool,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Tool {
    /// The first of `programs` that exists; names without `/` are searched in `PATH`.
    pub fn find(programs: &[&str]) -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let places = programs.iter().flat_map(|program| match program.contains('/') {
            true => vec![PathBuf::from(program)],
            // A relative folder in `PATH` would depend on the working folder.
            false => folders.iter().filter(|f| f.is_absolute()).map(|f| f.join(program)).collect(),
        });
        let runs = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.mode() & 0o111 != 0);
        Some(Self { path: places.into_iter().find(runs)? })
    }

    /// A text that changes when another version is installed.
    pub fn identity(&self) -> String {
        let real = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let state = fs::metadata(&real)
            .map(|m| format!("{} {} {}", m.size(), m.mtime(), m.ino()))
            .unwrap_or_default();
        format!("{} {state}", real.display())
    }

    /// Runs it in `folder`, without secrets in its environment and without settings of the user.
    ///
    /// # Errors
    /// Why it did not finish.
    pub fn run(&self, folder: &Path, arguments: &[String]) -> Result<Said, String> {
        let mut command = Command::new(&self.path);
        let kept = KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?)));
        command.env_clear().envs(kept).env("LC_ALL", "C.UTF-8").env("HOME", folder);
        command.args(arguments).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("`{}`: {e}", self.path.display()))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            let failed = |why: String| format!("`{}`: {why}", self.path.display());
            let out = thread::Builder::new().spawn_scoped(scope, || text(out));
            let err = thread::Builder::new().spawn_scoped(scope, || text(err));
            let (out, err) = match (out, err) {
                (Ok(out), Ok(err)) => (out, err),
                (Err(cause), _) | (_, Err(cause)) => {
                    child.kill().ok();
                    child.wait().ok();
                    return Err(failed(no_thread(&cause).to_string()));
                }
            };
            let success = wait(&mut child);
            let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
            let success = success.map_err(failed)?;
            Ok(Said { success, out, err })
        })
    }
}

/// Writes `contents` into a new temporary folder, each named by its number, and returns the folder: file names
/// that others chose must not go onto a command line.
///
/// # Errors
/// Why a file could not be written.
pub fn laid_out(contents: &[Vec<u8>], extension: &str) -> Result<(tempfile::TempDir, Vec<String>), String> {
    let failed = |e: std::io::Error| format!("writing to a temporary folder: {e}");
    let folder = tempfile::tempdir().map_err(failed)?;
    let mut names = Vec::new();
    for (n, content) in contents.iter().enumerate() {
        let name = format!("{n}.{extension}");
        fs::write(folder.path().join(&name), content).map_err(failed)?;
        names.push(name);
    }
    Ok((folder, names))
}

fn wait(child: &mut Child) -> Result<bool, String> {
    let (begun, mut pause) = (Instant::now(), Duration::from_millis(2));
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status.success());
        }
        if begun.elapsed() > LIMIT {
            child.kill().ok();
            child.wait().ok();
            return Err(format!("it did not finish within {} minutes", LIMIT.as_secs() / 60));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn text(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes).ok();
        // It may still write; the output is no longer read.
        std::io::copy(&mut pipe, &mut std::io::sink()).ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The variables through which Ruby programs find their libraries.
const KEPT: &[&str] = &[
    "PATH",
    "GEM_HOME",
    "GEM_PATH",
    "RUBYLIB",
    "RBENV_ROOT",
    "RBENV_VERSION",
    "RBENV_DIR",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "ASDF_RUBY_VERSION",
    "MISE_DATA_DIR",
    "MISE_CONFIG_DIR",
    "BUNDLE_GEMFILE",
    "TMPDIR",
];
const LIMIT: Duration = Duration::from_secs(600);
const MAX_OUTPUT: u64 = 16 << 20;
