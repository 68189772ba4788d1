//! Finds an engine that is still running after its agent was killed. `kill -9` ends the agent and releases
//! its lock, but does not end the engine.
//!
//! So the agent records the running engine: process id, start time, time limit and boot. The next run finds the
//! engine, does nothing while the engine is within its time limit, and ends it after that.
//!
//! The process id is known only after the start: when the agent is killed in the moment between the start
//! and the record, the next run starts a second engine beside the first. Only an engine that waits for its record
//! before it begins would prevent this. Code of the agent that waits between `fork` and `exec` is unsafe code,
//! which this program does without. If a shell waited instead, an engine that cannot be started would look like
//! an engine that failed.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::disk::{read_capped, write};
use crate::error::{Error, Result};
use crate::{host, log};

/// The record's name in the state folder.
pub const FILE: &str = "engine";

/// Records the running engine and its time limit.
pub fn record(path: &Path, pid: u32, limit: Duration) {
    // Without the start time, a later run could not recognise the process.
    if let Some(process) = host::process(pid) {
        let text = format!("{pid} {} {} {}\n", process.started, limit.as_secs(), boot());
        let _ = write::overwrite(path, text.as_bytes());
    }
}

/// Removes the record after the engine has ended.
pub fn forget(path: &Path) {
    let _ = write::remove_file(path);
}

/// Ends the engine of an earlier run if its time limit is over.
///
/// # Errors
/// Temporary, with the process id: the engine is still running, within its time limit.
pub fn end_orphan(path: &Path) -> Result<()> {
    let text = String::from_utf8(read_capped(path)?.unwrap_or_default()).unwrap_or_default();
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
    let found = || host::process(pid).filter(|process| at == boot() && process.matches(start));
    let there = || found().is_some();
    if found().is_some_and(|process| process.age > limit) {
        log::warn(format_args!("ending process {pid}, the engine of an earlier run: its time limit is over"));
        end(pid, there);
    }
    if !there() {
        forget(path);
        return Ok(());
    }
    let message = format!("an engine of an earlier run is still running: process {pid}");
    Err(Error::temporary(message).hint(format!("wait for it, or end it and its children: kill -- -{pid}")))
}

/// Ends the engine's process group: first with SIGTERM, ten seconds later with SIGKILL.
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

/// Identifies this boot. Process ids are reused after a boot.
fn boot() -> String {
    host::boot(Path::new("/")).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare the disk")]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    #[test]
    fn finds_only_the_recorded_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        record(&path, child.id(), Duration::from_secs(600));
        assert!(end_orphan(&path).is_err());
        // Another process with the same id has another start time.
        let start = host::process(child.id()).unwrap().started.to_string();
        let reused = fs::read_to_string(&path).unwrap().replace(&start, &format!("{start}1"));
        fs::write(&path, reused).unwrap();
        assert!(end_orphan(&path).is_ok() && !path.exists());
        // A record of another boot is ignored as well.
        record(&path, child.id(), Duration::from_secs(600));
        fs::write(&path, fs::read_to_string(&path).unwrap().replace(&boot(), "another")).unwrap();
        assert!(end_orphan(&path).is_ok() && !path.exists());
        record(&path, child.id(), Duration::from_secs(600));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(end_orphan(&path).is_ok());
    }

    #[test]
    fn ends_a_recorded_process_after_its_time_limit() {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        record(&path, child.id(), Duration::ZERO);
        thread::sleep(Duration::from_millis(2100));
        assert!(end_orphan(&path).is_ok() && !path.exists());
        assert!(child.wait().unwrap().code().is_none(), "a signal ended it");
    }
}
