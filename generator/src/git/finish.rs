//! The end of a program that was started: its input, its output, and a time limit for all of it.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::process::{Child, Output};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::parallel;

/// Writes the input of `child` and waits for its end, at most `limit`.
pub fn finish(mut child: Child, input: &[u8], limit: Duration) -> Result<Output> {
    let begun = Instant::now();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = input.to_owned();
    // A child that ends before it has read everything reports the reason itself.
    let write = move || stdin.map(|mut pipe| pipe.write_all(&input));
    let started = parallel::start(write).and_then(|()| Ok((reader(stdout)?, reader(stderr)?)));
    let (stdout, stderr) = match started {
        Ok(readers) => readers,
        Err(error) => {
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
    };
    let late = || {
        let why = format!("it did not finish within {} seconds", limit.as_secs());
        Error::new(ErrorKind::TimedOut, why)
    };
    let left = || limit.saturating_sub(begun.elapsed());
    let read = |pipe: &Receiver<Result<Vec<u8>>>| pipe.recv_timeout(left()).unwrap_or_else(|_| Err(late()));
    let outputs = read(&stdout).and_then(|stdout| Ok((stdout, read(&stderr)?)));
    let mut pause = Duration::from_millis(1);
    while outputs.is_ok() && child.try_wait()?.is_none() && !left().is_zero() {
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    let ended = child.try_wait()?;
    if ended.is_none() {
        // Its children may hold the pipes open, so this does not wait for the pipes.
        child.kill()?;
        child.wait()?;
    }
    let (stdout, stderr) = outputs?;
    Ok(Output { status: ended.ok_or_else(late)?, stdout, stderr })
}

/// Reads a pipe to its end in a thread of its own.
fn reader(pipe: Option<impl Read + Send + 'static>) -> Result<Receiver<Result<Vec<u8>>>> {
    let (send, receive) = mpsc::channel();
    parallel::start(move || {
        let mut bytes = Vec::new();
        // Stops reading at the limit; git then ends because of the closed pipe.
        let read = pipe.map_or(Ok(0), |pipe| pipe.take(MOST).read_to_end(&mut bytes)).map(|_| bytes);
        // Nobody receives it after the time limit.
        send.send(read).ok();
    })?;
    Ok(receive)
}

/// The largest output: the largest size of a pack.
pub const MOST: u64 = stringless_core::pack::MAX_UNPACKED_BYTES;
