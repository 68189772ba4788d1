//! Fetches small objects, manifests and trust documents: from one store with retries, or from all in
//! parallel.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use stringless_core::json::MAX_BYTES;
use stringless_core::{answer, backoff};

use super::{Answer, GetRequest, RequestError, StoreClient};
use crate::error::{Error, Result};
use crate::io::random;
use crate::{log, signals};

/// The answer to a request for a small object.
#[derive(Debug)]
pub enum DocumentAnswer {
    /// The ETag is still valid.
    NotModified,
    /// There is no such object.
    Missing,
    /// Its bytes and ETag.
    Document(Vec<u8>, Option<String>),
}

/// How long and how often to try for a document.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// The time limit for one try.
    pub limit: Duration,
    /// Whether to retry after a temporary error.
    pub retry: bool,
    /// How long to wait for the other stores after the first good answer.
    grace: Duration,
    /// Set when the answer is no longer needed.
    cancelled: Arc<AtomicBool>,
}

impl RetryPolicy {
    /// The full number of tries.
    pub fn full() -> Self {
        Self { limit: DOCUMENT, retry: true, grace: GRACE, cancelled: Arc::default() }
    }

    /// One short try, if there is already a good answer.
    pub fn brief() -> Self {
        Self { limit: BRIEF, retry: false, grace: GRACE, cancelled: Arc::default() }
    }

    /// The same, but one good answer is enough.
    pub fn first_answer_only(self) -> Self {
        Self { grace: Duration::ZERO, ..self }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || signals::stop_requested()
    }
}

impl StoreClient {
    /// Fetches a small object. S3 may answer 403 for a missing object; the caller decides what that means.
    ///
    /// # Errors
    /// The last error and the number of tries.
    pub fn document(
        &self,
        key: &str,
        etag: Option<&str>,
        policy: &RetryPolicy,
    ) -> std::result::Result<DocumentAnswer, (RequestError, u32)> {
        let start = Instant::now();
        let mut tried = 0;
        loop {
            tried += 1;
            let failure = match self.small(key, etag, policy.limit) {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let retry = policy.retry && !failure.is_permanent() && start.elapsed() < MAX_WAIT;
            let wait = retry.then(|| backoff::wait(tried, random())).flatten();
            let Some(wait) = wait.filter(|_| !policy.is_cancelled()) else { return Err((failure, tried)) };
            let wait = wait.max(failure.retry_after_ms());
            self.log_retry(key, &failure, tried, wait);
            pause(Duration::from_millis(wait), || policy.is_cancelled());
            if policy.is_cancelled() {
                return Err((failure, tried));
            }
        }
    }

    /// Logs a failed try after which another one follows.
    pub fn log_retry(&self, key: &str, failure: &RequestError, tried: u32, wait: u64) {
        let (name, why) = (&self.name, &failure.message);
        log::step(format_args!("`{key}` from `{name}`: try {tried} failed: {why}; again in {wait} ms"));
    }

    fn small(
        &self,
        key: &str,
        etag: Option<&str>,
        limit: Duration,
    ) -> std::result::Result<DocumentAnswer, RequestError> {
        let (etag, encoding, body) = match self.get(&GetRequest { key, etag, from: 0, limit })? {
            Answer::Content { etag, encoding, body, .. } => (etag, encoding, body),
            Answer::NotModified => return Ok(DocumentAnswer::NotModified),
            Answer::Missing => return Ok(DocumentAnswer::Missing),
        };
        let mut bytes = Vec::new();
        let read = body.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
        self.io.traffic.received(bytes.len() as u64);
        read.map_err(|error| RequestError::retryable(error.to_string()))?;
        if let Some(foreign) = answer::in_place_of_a_document(&bytes, encoding.as_deref()) {
            return Err(RequestError::foreign(foreign));
        }
        // A longer object is cut to one byte over the limit, and the verifier refuses it for its length.
        Ok(DocumentAnswer::Document(bytes, etag.filter(|etag| etag.len() <= MAX_ETAG)))
    }

    /// Turns an error of this store into an error of the run.
    pub fn error(&self, key: &str, failure: &RequestError, tried: u32) -> Error {
        let tries = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
        let error =
            Error::temporary(format!("fetching `{key}` from `{}`: {}{tries}", self.name, failure.message));
        match failure.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Requests the same object from all stores in parallel, with an ETag for each store name. Calls `handle` for
/// each answer as it arrives; `handle` returns whether the answer is good. After the first good answer, the
/// other stores have as long as `policy` allows. Stores that did not answer are left out.
///
/// # Errors
/// Temporary: stopped by a signal. The threads are never waited for.
pub fn query_all(
    sources: &[Arc<StoreClient>],
    key: &str,
    etags: &BTreeMap<String, String>,
    policy: &RetryPolicy,
    mut handle: impl FnMut(usize, std::result::Result<DocumentAnswer, (RequestError, u32)>) -> bool,
) -> Result<()> {
    let answers = send_all(sources, key, etags, policy);
    let mut deadline: Option<Instant> = None;
    let mut missing = sources.len();
    while missing > 0 {
        signals::check()?;
        match answers.recv_timeout(TICK) {
            Ok((number, answer)) => {
                missing -= 1;
                if handle(number, answer) {
                    deadline.get_or_insert_with(|| Instant::now() + policy.grace);
                }
            }
            Err(RecvTimeoutError::Timeout) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            // Give stores that wait for a retry the time to return their last error.
            Err(RecvTimeoutError::Timeout) if !policy.is_cancelled() => {
                policy.cancelled.store(true, Ordering::Relaxed);
                deadline = Some(Instant::now() + ERROR_GRACE);
            }
            Err(_) => break,
        }
    }
    policy.cancelled.store(true, Ordering::Relaxed);
    // After a signal, the last errors may only mean that there was no retry.
    signals::check()
}

type Numbered = (usize, std::result::Result<DocumentAnswer, (RequestError, u32)>);

fn send_all(
    sources: &[Arc<StoreClient>],
    key: &str,
    etags: &BTreeMap<String, String>,
    policy: &RetryPolicy,
) -> Receiver<Numbered> {
    let (send, answers) = mpsc::channel();
    for (number, source) in sources.iter().enumerate() {
        let (send, source, policy) = (send.clone(), Arc::clone(source), policy.clone());
        let (key, etag) = (key.to_owned(), etags.get(&source.name).cloned());
        let failed = send.clone();
        let work = move || send.send((number, source.document(&key, etag.as_deref(), &policy)));
        if let Err(error) = thread::Builder::new().spawn(work) {
            let error = RequestError::retryable(format!("starting a thread: {error}"));
            let _ = failed.send((number, Err((error, 1))));
        }
    }
    answers
}

/// Sleeps for `wait`, or until a signal arrives or `cancelled` is true.
pub fn pause(wait: Duration, cancelled: impl Fn() -> bool) {
    let until = Instant::now() + wait;
    while Instant::now() < until && !signals::stop_requested() && !cancelled() {
        thread::sleep(wait.min(TICK));
    }
}

const DOCUMENT: Duration = Duration::from_secs(30);
const BRIEF: Duration = Duration::from_secs(10);
/// How long to wait for the other stores after the first good answer.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait after that for the errors of the other stores.
const ERROR_GRACE: Duration = Duration::from_millis(200);
/// After this time, there is no further try.
const MAX_WAIT: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(50);
/// A longer ETag is not saved, to keep the state small.
const MAX_ETAG: usize = 256;
