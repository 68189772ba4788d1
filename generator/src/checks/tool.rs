//! A program of the workstation: found, told apart from its other versions, and run on files for a while.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// A program.
#[derive(Clone, Debug)]
pub struct Tool {
    path: PathBuf,
}

/// What a program said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether it ended with 0.
    pub success: bool,
    /// On standard output.
    pub out: String,
    /// On standard error.
    pub err: String,
}

impl Tool {
    /// The first of `programs` that is there; names without `/` are looked up in `PATH`.
    pub fn find(programs: &[&str]) -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let places = programs.iter().flat_map(|program| match program.contains('/') {
            true => vec![PathBuf::from(program)],
            // A relative one would depend on where this runs.
            false => folders.iter().filter(|f| f.is_absolute()).map(|f| f.join(program)).collect(),
        });
        let runs = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.mode() & 0o111 != 0);
        Some(Self { path: places.into_iter().find(runs)? })
    }

    /// What changes when another version is installed.
    pub fn identity(&self) -> String {
        let real = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let told = fs::metadata(&real)
            .map(|m| format!("{} {} {}", m.size(), m.mtime(), m.ino()))
            .unwrap_or_default();
        format!("{} {told}", real.display())
    }

    /// Runs it in `folder`, without the secrets of the surroundings and without settings of its own.
    ///
    /// # Errors
    /// Why it did not run to its end.
    pub fn run(&self, folder: &Path, arguments: &[String]) -> Result<Said, String> {
        let mut command = Command::new(&self.path);
        let kept = KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?)));
        command.env_clear().envs(kept).env("LC_ALL", "C.UTF-8").env("HOME", folder);
        command.args(arguments).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("`{}`: {e}", self.path.display()))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            let out = scope.spawn(|| text(out));
            let err = scope.spawn(|| text(err));
            let success = wait(&mut child);
            let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
            let success = success.map_err(|why| format!("`{}`: {why}", self.path.display()))?;
            Ok(Said { success, out, err })
        })
    }
}

/// Writes `contents` into a folder of its own, each named by its number, and hands out that folder; names of
/// anybody's choice are nothing for a command line.
///
/// # Errors
/// Why not.
pub fn laid_out(contents: &[Vec<u8>], extension: &str) -> Result<(tempfile::TempDir, Vec<String>), String> {
    let told = |e: std::io::Error| format!("writing to a temporary folder: {e}");
    let folder = tempfile::tempdir().map_err(told)?;
    let mut names = Vec::new();
    for (n, content) in contents.iter().enumerate() {
        let name = format!("{n}.{extension}");
        fs::write(folder.path().join(&name), content).map_err(told)?;
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
            return Err(format!("it did not end within {} minutes", LIMIT.as_secs() / 60));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn text(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes).ok();
        // It may write on; nobody reads it.
        std::io::copy(&mut pipe, &mut std::io::sink()).ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How programs in Ruby find their parts, whoever installed them.
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
