//! Programs that run beside a test, and programs that a test waits for: every wait has a limit.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for what needs no time of its own: a limit against hanging, which a machine with far
/// too much to do does not reach.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// A program in the background; dropping it ends it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command` with both its outputs in the file `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let out = File::create(log).unwrap();
        let err = out.try_clone().unwrap();
        let child = spawn(command.stdin(Stdio::null()).stdout(out).stderr(err));
        Self { child, log: log.to_path_buf() }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends SIGTERM, and SIGKILL to what has not ended within `limit`; tells how it ended.
    pub fn stop(&mut self, limit: Duration) -> Option<ExitStatus> {
        if let Some(status) = self.ended() {
            return Some(status);
        }
        self.signal(Signal::TERM);
        if until(limit, || self.ended().is_some()) {
            return self.ended();
        }
        self.child.kill().ok();
        self.child.wait().ok()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            kill_process(pid, signal).ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(3));
    }
}

/// Asks `done` often at first, and every 20 ms later; false when it did not say yes within `limit`.
pub fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if done() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Starts a program. One that the test wrote a moment ago may still be open for writing in a program that
/// another thread is starting: then it is tried again.
fn spawn(command: &mut Command) -> Child {
    let mut child = command.spawn();
    until(PATIENCE, || {
        if child.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::ExecutableFileBusy) {
            child = command.spawn();
        }
        !child.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::ExecutableFileBusy)
    });
    child.unwrap_or_else(|e| panic!("starting {command:?}: {e}"))
}

/// Runs `command` to its end and returns what it printed.
///
/// # Panics
/// When it cannot be started, or is still running after `limit` (it is killed then).
pub fn run(command: &mut Command, limit: Duration) -> Output {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let stdout = Drain::of(child.stdout.take());
    let stderr = Drain::of(child.stderr.take());
    let in_time = until(limit, || child.try_wait().is_ok_and(|status| status.is_some()));
    if !in_time {
        child.kill().ok();
    }
    let status = child.wait().unwrap();
    let output = Output { status, stdout: stdout.take(), stderr: stderr.take() };
    assert!(in_time, "{command:?} did not end within {limit:?}\n{}", both(&output));
    output
}

/// Runs `command` and returns its standard output.
///
/// # Panics
/// As [`run`], and when it fails: with everything that it printed.
pub fn succeed(command: &mut Command, limit: Duration) -> String {
    let output = run(command, limit);
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, both(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard output and standard error as one text.
pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a pipe delivers, read by a thread: a grandchild that keeps the pipe open delays nobody.
struct Drain {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: thread::JoinHandle<()>,
}

impl Drain {
    fn of(pipe: Option<impl io::Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let thread = thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut block = [0; 8192];
            while let Ok(n @ 1..) = pipe.read(&mut block) {
                sink.lock().unwrap().extend_from_slice(&block[..n]);
            }
        });
        Self { bytes, thread }
    }

    fn take(self) -> Vec<u8> {
        until(Duration::from_secs(2), || self.thread.is_finished());
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut sleeper = Running::start(Command::new("sleep").arg("600"), log.path());
        assert!(sleeper.ended().is_none());
        // By SIGTERM: SIGKILL would come after this time.
        let status = sleeper.stop(PATIENCE).unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::TERM.as_raw()));
    }

    #[test]
    #[should_panic(expected = "did not end within")]
    fn a_run_over_its_limit_fails() {
        run(Command::new("sleep").arg("60"), Duration::from_millis(50));
    }
}
