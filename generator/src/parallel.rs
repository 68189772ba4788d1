//! The same work for many items, a few at a time.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// Does `work` for every item, with at most `threads` threads, and with fewer if no more can be started. The results are
/// in the order of the items.
///
/// # Errors
/// The error of the first item that failed, in the order of the items. After an error no other item is started.
///
/// # Panics
/// When `work` panics.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        let mut mine = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(n) else { break };
            let result = work(item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            mine.push((n, result));
        }
        mine
    };
    let mut done: Vec<(usize, Result<R>)> = thread::scope(|scope| {
        // This thread is one of them.
        let more = 1..threads.min(items.len());
        let workers: Vec<_> =
            more.map_while(|_| thread::Builder::new().spawn_scoped(scope, worker).ok()).collect();
        let mut done = worker();
        for worker in workers {
            done.extend(worker.join().expect("a worker that does not panic"));
        }
        done
    });
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Starts a thread that nobody waits for.
///
/// # Errors
/// When it cannot be started.
pub fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(work).map(drop).map_err(|e| no_thread(&e))
}

/// The error of a thread that could not be started.
#[must_use]
pub fn no_thread(cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("starting a thread: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn keeps_the_order_and_the_first_error() {
        let items: Vec<u64> = (0..100).collect();
        for threads in [1, 3, 200] {
            assert_eq!(map(&items, threads, |n| Ok(n * 2)).unwrap()[99], 198);
            let fails = |n: &u64| if *n >= 7 { Err(Error::usage(n.to_string())) } else { Ok(*n) };
            assert_eq!(map(&items, threads, fails).unwrap_err().to_string(), "7");
        }
        assert_eq!(map(&[], 4, |n: &u64| Ok(*n)).unwrap(), [] as [u64; 0]);
    }
}
