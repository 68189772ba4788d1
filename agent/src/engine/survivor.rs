//! An engine that outlived its agent: a `kill -9` ends the agent and its lock, and not the engine.
//!
//! So the engine is written down while it runs, by process id and start time; the next run finds it at
//! work, and leaves the node to it.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// The record's name in the state folder.
pub const FILE: &str = "engine";

/// Writes down that this process is the engine.
pub fn record(path: &Path, pid: u32) {
    // Where there is no start time to tell (no /proc), there is nothing to compare later.
    if let Some(start) = start_of(pid) {
        let _ = fs::write(path, format!("{pid} {start}\n"));
    }
}

/// The engine has ended.
pub fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Refuses to go on while the engine of an earlier run is at work.
///
/// # Errors
/// Temporary, with its process id.
pub fn none_left(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let Some((pid, start)) = text.trim().split_once(' ') else { return Ok(()) };
    let Ok(pid) = pid.parse::<u32>() else { return Ok(()) };
    if start_of(pid).as_deref() != Some(start) {
        forget(path);
        return Ok(());
    }
    let message = format!("an engine of an earlier run is still at work: process {pid}");
    Err(Error::temporary(message).hint(format!("wait for it, or end it with its children: kill -- -{pid}")))
}

/// When a process started, in ticks since boot: field 22 of proc_pid_stat(5), and no zombie.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn finds_the_recorded_process_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        record(&path, child.id());
        assert!(none_left(&path).is_err());
        // The same number, another process: the start time differs.
        let reused = fs::read_to_string(&path).unwrap().replace('\n', "1\n");
        fs::write(&path, reused).unwrap();
        assert!(none_left(&path).is_ok() && !path.exists());
        record(&path, child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(none_left(&path).is_ok());
    }
}
