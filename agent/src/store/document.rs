//! Small objects, fetched whole: manifests and trust documents. One store with patience, or all at once.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use stringless_core::backoff;
use stringless_core::json::MAX_BYTES;

use super::{Answer, Source, Trouble, Wanted};
use crate::error::{Error, Result};
use crate::io::random;
use crate::signals;

/// A small object, or why there is none.
#[derive(Debug)]
pub enum Found {
    /// The validator still holds.
    NotModified,
    /// There is no such object.
    Missing,
    /// Its bytes and validator.
    Document(Vec<u8>, Option<String>),
}

/// How much is done for a document.
#[derive(Clone, Debug)]
pub struct Patience {
    /// After this the exchange is given up.
    pub limit: Duration,
    /// Whether a passing fault is worth further tries.
    pub retry: bool,
    /// What the others have, once there is an answer to go on with.
    grace: Duration,
    /// Set when the answer does not matter any more.
    enough: Arc<AtomicBool>,
}

impl Patience {
    /// All that is reasonable.
    pub fn full() -> Self {
        Self { limit: DOCUMENT, retry: true, grace: GRACE, enough: Arc::default() }
    }

    /// One short try: there is something to go on with.
    pub fn brief() -> Self {
        Self { limit: BRIEF, retry: false, grace: GRACE, enough: Arc::default() }
    }

    /// The same, where one good answer is enough.
    pub fn for_one(self) -> Self {
        Self { grace: Duration::ZERO, ..self }
    }

    fn is_over(&self) -> bool {
        self.enough.load(Ordering::Relaxed) || signals::asked()
    }
}

impl Source {
    /// A small object, whole. What is forbidden may be missing: the caller decides.
    ///
    /// # Errors
    /// The last trouble, and after how many tries.
    pub fn document(
        &self,
        key: &str,
        etag: Option<&str>,
        patience: &Patience,
    ) -> std::result::Result<Found, (Trouble, u32)> {
        let start = Instant::now();
        let mut tried = 0;
        loop {
            tried += 1;
            let trouble = match self.small(key, etag, patience.limit) {
                Ok(found) => return Ok(found),
                Err(trouble) => trouble,
            };
            let again = patience.retry && !trouble.is_lasting() && start.elapsed() < MAX_WAIT;
            let wait = again.then(|| backoff::wait(tried, random())).flatten();
            let Some(wait) = wait.filter(|_| !patience.is_over()) else { return Err((trouble, tried)) };
            pause(Duration::from_millis(wait.max(trouble.asked_wait())), || patience.is_over());
            if patience.is_over() {
                return Err((trouble, tried));
            }
        }
    }

    fn small(&self, key: &str, etag: Option<&str>, limit: Duration) -> std::result::Result<Found, Trouble> {
        let (etag, body) = match self.ask(&Wanted { key, etag, from: 0, limit })? {
            Answer::Content { etag, body, .. } => (etag, body),
            Answer::NotModified => return Ok(Found::NotModified),
            Answer::Missing => return Ok(Found::Missing),
        };
        let mut bytes = Vec::new();
        let read = body.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
        self.io.traffic.received(bytes.len() as u64);
        read.map_err(|error| Trouble::worth_a_retry(error.to_string()))?;
        // What is longer goes to the verifier, cut; it refuses it for its length.
        Ok(Found::Document(bytes, etag.filter(|etag| etag.len() <= MAX_ETAG)))
    }

    /// A trouble of this store as an error of the run.
    pub fn error(&self, key: &str, trouble: &Trouble, tried: u32) -> Error {
        let tries = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
        let error =
            Error::temporary(format!("fetching `{key}` from `{}`: {}{tries}", self.name, trouble.message));
        match trouble.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Asks every store for the same object at once, on conditions by store name, and hands each answer to
/// `hear` as it comes; that tells whether the answer is one to go on with. From the first such on, the
/// others have as long as `patience` allows. A store that was not heard of is left out.
///
/// # Errors
/// Temporary: told to stop by a signal. The threads are left to themselves, also then.
pub fn ask_all(
    sources: &[Arc<Source>],
    key: &str,
    etags: &BTreeMap<String, String>,
    patience: &Patience,
    mut hear: impl FnMut(usize, std::result::Result<Found, (Trouble, u32)>) -> bool,
) -> Result<()> {
    let answers = send_all(sources, key, etags, patience);
    let mut deadline: Option<Instant> = None;
    let mut missing = sources.len();
    while missing > 0 {
        signals::check()?;
        match answers.recv_timeout(TICK) {
            Ok((number, answer)) => {
                missing -= 1;
                if hear(number, answer) {
                    deadline.get_or_insert_with(|| Instant::now() + patience.grace);
                }
            }
            Err(RecvTimeoutError::Timeout) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            // Whoever is between two tries may still say why.
            Err(RecvTimeoutError::Timeout) if !patience.is_over() => {
                patience.enough.store(true, Ordering::Relaxed);
                deadline = Some(Instant::now() + LAST_WORD);
            }
            Err(_) => break,
        }
    }
    patience.enough.store(true, Ordering::Relaxed);
    // What a store said last may be only that it was not asked again, for the signal.
    signals::check()
}

type Heard = (usize, std::result::Result<Found, (Trouble, u32)>);

fn send_all(
    sources: &[Arc<Source>],
    key: &str,
    etags: &BTreeMap<String, String>,
    patience: &Patience,
) -> Receiver<Heard> {
    let (send, answers) = mpsc::channel();
    for (number, source) in sources.iter().enumerate() {
        let (send, source, patience) = (send.clone(), Arc::clone(source), patience.clone());
        let (key, etag) = (key.to_owned(), etags.get(&source.name).cloned());
        thread::spawn(move || send.send((number, source.document(&key, etag.as_deref(), &patience))));
    }
    answers
}

/// Sleeps, but not beyond a signal or `over`.
pub fn pause(wait: Duration, over: impl Fn() -> bool) {
    let until = Instant::now() + wait;
    while Instant::now() < until && !signals::asked() && !over() {
        thread::sleep(wait.min(TICK));
    }
}

const DOCUMENT: Duration = Duration::from_secs(30);
const BRIEF: Duration = Duration::from_secs(10);
/// What the others have, once there is an answer to go on with.
const GRACE: Duration = Duration::from_secs(5);
/// What they have to tell the trouble that they had, when that time is over.
const LAST_WORD: Duration = Duration::from_millis(200);
/// After so long no further try is begun.
const MAX_WAIT: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(50);
/// A longer validator is not kept: the state is small.
const MAX_ETAG: usize = 256;
