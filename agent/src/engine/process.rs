//! Runs a command to its end: in a process group of its own, with a time limit, its output passed on
//! as it comes and the end of it kept.

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
use super::redact::Mask;
use crate::signals;

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub end: End,
    /// At most `KEPT` bytes of the end of its output.
    pub output: String,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// By us, after so many seconds.
    TimedOut(u64),
    /// By us, as we were told to stop.
    Stopped,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "ended with status {status}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Stopped => f.write_str("was ended, as the agent was told to stop"),
            Self::TimedOut(limit) => write!(f, "was ended after its time limit of {limit} seconds"),
        }
    }
}

/// Runs `command`; what it says goes to `output`, and the end of it is kept.
///
/// # Errors
/// When it cannot be started.
pub fn run(
    command: &mut Command,
    limit: Duration,
    output: impl Write + Send + 'static,
    mask: Mask,
    record: &Path,
) -> io::Result<Finished> {
    let (read, write) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(write.try_clone()?).stderr(write).process_group(0);
    let mut child = command.spawn()?;
    orphan::record(record, child.id(), limit);
    // The command holds the pipe's writing end; ours would keep the reader from its end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let tail = Arc::new(Mutex::new(VecDeque::new()));
    let reader = {
        let tail = Arc::clone(&tail);
        thread::spawn(move || pass_on(File::from(OwnedFd::from(read)), &tail, mask, output))
    };
    let end = wait(&mut child, limit)?;
    orphan::forget(record);
    // A daemon that the command left behind may hold the pipe open: the run is over all the same.
    let patience = Instant::now() + LAST_WORDS;
    while !reader.is_finished() && Instant::now() < patience {
        thread::sleep(TICK);
    }
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = tail.iter().copied().collect();
    Ok(Finished { end, output: end_of(&String::from_utf8_lossy(&bytes)) })
}

/// The end of a text, between two characters: what is no text has grown by being made readable.
fn end_of(text: &str) -> String {
    let mut start = text.len().saturating_sub(KEPT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<End> {
    if let Some(status) = poll(child, limit, signals::asked)? {
        return Ok(ended(status));
    }
    let group = Pid::from_child(child);
    for (signal, patience) in [(Signal::TERM, POLITE), (Signal::KILL, POLITE)] {
        let _ = kill_process_group(group, signal);
        poll(child, patience, || false)?;
    }
    Ok(if signals::asked() { End::Stopped } else { End::TimedOut(limit.as_secs()) })
}

/// Waits at most `limit` for the child, or until `enough`; looks seldom once it has run for a while.
fn poll(child: &mut Child, limit: Duration, enough: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() || enough() {
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

fn pass_on(mut from: File, tail: &Mutex<VecDeque<u8>>, mut mask: Mask, mut to: impl Write) {
    let mut say = |bytes: &[u8]| {
        // Nobody may be reading; the run goes on.
        let _ = to.write_all(bytes).and_then(|()| to.flush());
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(bytes);
        let over = tail.len().saturating_sub(KEPT);
        tail.drain(..over);
    };
    let mut buffer = [0; 4096];
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        say(&mask.pass(&buffer[..got]));
    }
    say(&mask.rest());
}

const KEPT: usize = 16 * 1024;
const POLITE: Duration = Duration::from_secs(10);
const LAST_WORDS: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: u64) -> Finished {
        run(
            Command::new("sh").args(["-c", script]),
            Duration::from_secs(limit),
            io::sink(),
            Mask::new(&[]),
            Path::new("/nowhere/engine"),
        )
        .unwrap()
    }

    #[test]
    fn tells_how_it_ended_and_what_was_said() {
        let finished = shell("echo out; echo err >&2; exit 3", 60);
        assert_eq!(finished.end, End::Exit(3));
        assert_eq!(finished.output, "out\nerr\n");
        assert_eq!(shell("kill -9 $$", 60).end, End::Signal(9));
    }

    #[test]
    fn ends_what_runs_too_long_with_its_children() {
        let start = Instant::now();
        let finished = shell("sleep 600 & echo $!; wait", 3);
        assert_eq!(finished.end, End::TimedOut(3));
        assert!(start.elapsed() < Duration::from_secs(120));
        // Gone, or a zombie that nobody has reaped yet; a busy machine takes its time.
        let stat = format!("/proc/{}/stat", finished.output.trim());
        let stat = || std::fs::read_to_string(&stat).unwrap_or_default();
        let gone = || stat().is_empty() || stat().contains(") Z ");
        while !gone() && start.elapsed() < Duration::from_secs(120) {
            thread::sleep(TICK);
        }
        assert!(gone(), "{}", stat());
    }

    #[test]
    fn does_not_wait_for_a_daemon_that_keeps_the_pipe() {
        let start = Instant::now();
        assert_eq!(shell("setsid sleep 60 & exit 0", 60).end, End::Exit(0));
        assert!(start.elapsed() < Duration::from_secs(45));
    }

    #[test]
    fn keeps_the_end_of_a_flood() {
        let finished = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo end", 60);
        assert!(finished.output.len() <= KEPT && finished.output.ends_with("xend\n"));
    }
}
