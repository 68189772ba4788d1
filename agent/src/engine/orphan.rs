//! An engine that outlived its agent: a `kill -9` ends the agent and its lock, and not the engine.
//!
//! So the engine is written down while it runs: process id, start time, time limit and boot. The next run
//! finds it at work, and leaves the node to it until its time is over; then it ends it.
//!
//! The process id is known only after the start: when the agent is killed in the moment between the start
//! and the record, the next run starts a second engine beside the first. Only an engine that waits for its record
//! before it begins would prevent this. Code of the agent that waits between `fork` and `exec` is unsafe code,
//! which this program does without. If a shell waited instead, an engine that cannot be started would look like
//! an engine that failed.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::disk::write;
use crate::error::{Error, Result};
use crate::{host, log};

/// The record's name in the state folder.
pub const FILE: &str = "engine";

/// Writes down that this process is the engine, and may run for so long.
pub fn record(path: &Path, pid: u32, limit: Duration) {
    // Where the system does not tell when it began, there is nothing to compare later.
    if let Some(process) = host::process(pid) {
        let text = format!("{pid} {} {} {}\n", process.began, limit.as_secs(), boot());
        let _ = write::overwrite(path, text.as_bytes());
    }
}

/// The engine has ended.
pub fn forget(path: &Path) {
    let _ = write::remove_file(path);
}

/// Refuses to go on while the engine of an earlier run is at work within its time; ends one whose time is
/// over.
///
/// # Errors
/// Temporary, with its process id.
pub fn none_left(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut fields = text.trim().split(' ');
    let (Some(pid), Some(start), Some(limit), Some(at)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Ok(());
    };
    let (Ok(pid), Ok(start), Ok(limit)) = (pid.parse::<u32>(), start.parse::<u64>(), limit.parse::<u64>())
    else {
        return Ok(());
    };
    let found = || host::process(pid).filter(|process| at == boot() && process.is_of(start));
    let there = || found().is_some();
    if found().is_some_and(|process| process.age > limit) {
        log::warn(format_args!("process {pid}, an engine of an earlier run, is ended: its time is over"));
        end(pid, there);
    }
    if !there() {
        forget(path);
        return Ok(());
    }
    let message = format!("an engine of an earlier run is still at work: process {pid}");
    Err(Error::temporary(message).hint(format!("wait for it, or end it with its children: kill -- -{pid}")))
}

/// Asks the engine's whole process group to end, and ends it.
fn end(pid: u32, there: impl Fn() -> bool) {
    let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    for signal in [Signal::TERM, Signal::KILL] {
        let _ = kill_process_group(group, signal);
        for _ in 0..100 {
            if !there() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Which boot this is: process ids begin anew with each.
fn boot() -> String {
    host::boot(Path::new("/")).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare the disk")]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn finds_the_recorded_process_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        record(&path, child.id(), Duration::from_secs(600));
        assert!(none_left(&path).is_err());
        // The same number, another process: the start time differs.
        let start = host::process(child.id()).unwrap().began.to_string();
        let reused = fs::read_to_string(&path).unwrap().replace(&start, &format!("{start}1"));
        fs::write(&path, reused).unwrap();
        assert!(none_left(&path).is_ok() && !path.exists());
        // Another boot, too.
        record(&path, child.id(), Duration::from_secs(600));
        fs::write(&path, fs::read_to_string(&path).unwrap().replace(&boot(), "another")).unwrap();
        assert!(none_left(&path).is_ok() && !path.exists());
        record(&path, child.id(), Duration::from_secs(600));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(none_left(&path).is_ok());
    }

    #[test]
    fn ends_a_recorded_process_whose_time_is_over() {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        record(&path, child.id(), Duration::ZERO);
        thread::sleep(Duration::from_millis(2100));
        assert!(none_left(&path).is_ok() && !path.exists());
        assert!(child.wait().unwrap().code().is_none(), "a signal ended it");
    }
}
