//! Runs a command in its own process group with a time limit. Forwards its output at once, and saves the end
//! of it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use rustix::process::{Pid, Signal, kill_process_group};

use super::orphan;
use super::redact::Redactor;
use crate::{guard, signals};

/// The result of a command.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// The end of its output, at most `OUTPUT_TAIL` bytes.
    pub output: String,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// The agent ended it after its time limit, in seconds.
    TimedOut(u64),
    /// The agent ended it because a signal asked the agent to stop.
    Stopped,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "ended with status {status}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Stopped => f.write_str("was ended because the agent must stop"),
            Self::TimedOut(limit) => write!(f, "was ended after its time limit of {limit} seconds"),
        }
    }
}

/// How long a command may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To run.
    pub run: Duration,
    /// To end, after it was asked to.
    pub end: Duration,
}

impl From<Duration> for Limits {
    fn from(run: Duration) -> Self {
        Self { run, end: END_GRACE }
    }
}

/// Runs `command`, forwards its output to `output`, and saves the end of it. `record` is the file that names the
/// running engine; `None` for a program that a later run need not end.
///
/// # Errors
/// The command cannot be started.
pub fn run(
    command: &mut Command,
    limits: impl Into<Limits>,
    output: impl Write + Send + 'static,
    redactor: Redactor,
    record: Option<&Path>,
) -> io::Result<Finished> {
    let limits = limits.into();
    let (read, write) = io::pipe()?;
    command.stdout(write.try_clone()?).stderr(write).process_group(0);
    // The reader starts first: without it, the engine must not start.
    let tail = Arc::new(Mutex::new(VecDeque::new()));
    let reader = {
        let tail = Arc::clone(&tail);
        let work = move || forward(File::from(OwnedFd::from(read)), &tail, redactor, output);
        thread::Builder::new().spawn(work)?
    };
    let started = guard::with_former_limit(|| command.spawn());
    // Close our copy of the pipe's writing end; otherwise the reader would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = started?;
    if let Some(record) = record {
        orphan::record(record, child.id(), limits.run);
    }
    let end = wait(&mut child, limits)?;
    if let Some(record) = record {
        orphan::forget(record);
    }
    // A daemon that the command started may keep the pipe open. The run is over anyway.
    let deadline = Instant::now() + OUTPUT_GRACE;
    while !reader.is_finished() && Instant::now() < deadline {
        thread::sleep(TICK);
    }
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = tail.iter().copied().collect();
    Ok(Finished { end, output: end_of(&String::from_utf8_lossy(&bytes)) })
}

/// The end of a text, cut between two characters. The text may be longer than the bytes it was made from,
/// because invalid bytes are replaced by a longer character.
fn end_of(text: &str) -> String {
    let mut start = text.len().saturating_sub(OUTPUT_TAIL);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

fn wait(child: &mut Child, limits: Limits) -> io::Result<End> {
    if let Some(status) = poll(child, limits.run, signals::stop_requested)? {
        return Ok(ended(status));
    }
    let group = Pid::from_child(child);
    for (signal, grace) in [(Signal::TERM, limits.end), (Signal::KILL, END_GRACE)] {
        let _ = kill_process_group(group, signal);
        poll(child, grace, || false)?;
    }
    Ok(if signals::stop_requested() { End::Stopped } else { End::TimedOut(limits.run.as_secs()) })
}

/// Waits for the child, at most `limit` or until `stop` is true. The pauses between two looks become longer.
fn poll(child: &mut Child, limit: Duration, stop: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() || stop() {
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

fn ended(status: ExitStatus) -> End {
    match status.code() {
        Some(code) => End::Exit(code),
        None => End::Signal(status.signal().unwrap_or_default()),
    }
}

fn forward(mut from: File, tail: &Mutex<VecDeque<u8>>, mut redactor: Redactor, mut to: impl Write) {
    let mut emit = |bytes: &[u8]| {
        // Ignore errors: if nobody reads the output, the run still continues.
        let _ = to.write_all(bytes).and_then(|()| to.flush());
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(bytes);
        let over = tail.len().saturating_sub(OUTPUT_TAIL);
        tail.drain(..over);
    };
    let mut buffer = [0; 4096];
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        emit(&redactor.redact(&buffer[..got]));
    }
    emit(&redactor.finish());
}

const OUTPUT_TAIL: usize = 16 * 1024;
pub const END_GRACE: Duration = Duration::from_secs(10);
const OUTPUT_GRACE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: u64) -> Finished {
        run(
            Command::new("sh").args(["-c", script]).stdin(Stdio::null()),
            Duration::from_secs(limit),
            io::sink(),
            Redactor::new(&[]),
            None,
        )
        .unwrap()
    }

    #[test]
    fn returns_the_exit_status_and_the_output() {
        let finished = shell("echo out; echo err >&2; exit 3", 60);
        assert_eq!(finished.end, End::Exit(3));
        assert_eq!(finished.output, "out\nerr\n");
        assert_eq!(shell("kill -9 $$", 60).end, End::Signal(9));
    }

    #[test]
    fn ends_a_command_and_its_children_after_the_time_limit() {
        let start = Instant::now();
        let finished = shell("sleep 600 & echo $!; wait", 3);
        assert_eq!(finished.end, End::TimedOut(3));
        assert!(start.elapsed() < Duration::from_secs(120));
        // Wait until it is gone or a zombie; a busy machine takes a while.
        let stat = format!("/proc/{}/stat", finished.output.trim());
        let stat = || std::fs::read_to_string(&stat).unwrap_or_default();
        let gone = || stat().is_empty() || stat().contains(") Z ");
        while !gone() && start.elapsed() < Duration::from_secs(120) {
            thread::sleep(TICK);
        }
        assert!(gone(), "{}", stat());
    }

    #[test]
    fn does_not_wait_for_a_daemon_that_keeps_the_pipe_open() {
        let start = Instant::now();
        assert_eq!(shell("setsid sleep 60 & exit 0", 60).end, End::Exit(0));
        assert!(start.elapsed() < Duration::from_secs(45));
    }

    #[test]
    fn saves_only_the_end_of_long_output() {
        let finished = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo end", 60);
        assert!(finished.output.len() <= OUTPUT_TAIL && finished.output.ends_with("xend\n"));
    }
}
