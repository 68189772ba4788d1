//! Where the agent is installed, and whether another one can be put there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Access, access, statvfs};
use stringless_core::manifest::AgentFile;

use super::Failure;
use crate::error::{At, Error, Result};

/// The names of the agent's files.
pub struct Place {
    /// The installed agent.
    pub exe: PathBuf,
    /// The new one, until it is renamed to `exe`.
    pub next: PathBuf,
    /// The one before.
    pub previous: PathBuf,
}

/// The path of this agent when it was started. After an upgrade the system calls the running file deleted.
static EXE: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let path = std::env::current_exe().ok()?;
    let text = path.to_str()?;
    Some(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
});

static REPLACED: AtomicBool = AtomicBool::new(false);

impl Place {
    /// The place of the running agent.
    ///
    /// # Errors
    /// Temporary: the system does not say which file this is.
    pub fn of_this_agent() -> Result<Self> {
        let exe = EXE.clone().ok_or_else(|| Error::temporary("finding the agent's own file"))?;
        let beside = |end: &str| {
            let mut name = exe.file_name().unwrap_or_default().to_owned();
            name.push(end);
            exe.with_file_name(name)
        };
        Ok(Self { next: beside(NEW), previous: beside(".previous"), exe })
    }

    /// Checks that the installed file is still the one that runs: a package may have brought another one.
    ///
    /// # Errors
    /// Temporary.
    pub fn check_running(&self) -> Result<()> {
        if is_running(&self.exe) {
            return Ok(());
        }
        Err(Error::temporary(format!("`{}` is not the agent that runs", self.exe.display())))
    }

    /// Checks that a program can be written and run there, and that there is space for it.
    pub fn check(&self, file: &AgentFile) -> std::result::Result<(), Failure> {
        let folder = self.exe.parent().unwrap_or(Path::new("/"));
        let shown = folder.display();
        self.check_running()?;
        let system = statvfs(folder).at("asking for the free space of", folder)?;
        #[cfg(target_os = "linux")]
        if system.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC) {
            return Err(Failure::Unwritable(format!("`{shown}` is mounted noexec")));
        }
        if let Err(error) = access(folder, Access::WRITE_OK) {
            return Err(Failure::Unwritable(format!("`{shown}` cannot be written: {error}")));
        }
        let there = fs::symlink_metadata(&self.next).map_or(0, |found| found.len());
        let needed = (file.size + SPARE).saturating_sub(there);
        let free = system.f_bavail.saturating_mul(system.f_frsize);
        if free < needed {
            let message =
                format!("making room in `{shown}`: it needs {needed} bytes, the file system has {free}");
            return Err(Failure::Passing(Error::temporary(message)));
        }
        Ok(())
    }
}

/// Whether the installed file is the one that this process runs. If there is none, nothing better is there.
pub fn is_running_here() -> bool {
    let running = |place: Place| is_running(&place.exe) || !place.exe.is_file();
    !REPLACED.load(Ordering::Relaxed) && Place::of_this_agent().map_or(true, running)
}

/// Whether this agent is a new one that the agent at work has started beside itself.
pub fn is_on_trial() -> bool {
    EXE.as_ref().and_then(|exe| exe.to_str()).is_some_and(|exe| exe.ends_with(NEW))
}

/// This process has put another file into its place.
pub fn set_replaced() {
    REPLACED.store(true, Ordering::Relaxed);
}

/// Whether `path` is the file that this process runs. Where the system does not say, it is.
fn is_running(path: &Path) -> bool {
    let Ok(running) = fs::metadata("/proc/self/exe") else { return true };
    fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (running.dev(), running.ino()))
}

/// The end of the name of an agent that is not installed yet.
const NEW: &str = ".new";
/// What stays free, in bytes.
const SPARE: u64 = 1 << 20;
