//! The client for a store: conditional, ranged and signed requests.

pub mod document;

pub mod credentials;
mod file;
mod reply;

use std::io::Read;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stringless_core::answer::Foreign;
use stringless_core::config::NodeStore;
use stringless_core::sigv4::{self, EMPTY_PAYLOAD, Scope};
use stringless_core::store::{Bucket, Store};
use stringless_core::time::Timestamp;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::http::{Reply, Request};
use crate::io::Io;
use crate::store::credentials::Keyring;
use reply::{answer, conditions};

/// A store and its credentials. It owns all its data, because a thread may still wait for a store when nobody
/// needs the answer any more.
pub struct StoreClient {
    /// The store's URL, for messages.
    pub name: String,
    store: Store,
    keyring: Keyring,
    /// Seconds that this store's clock is ahead of ours. Used only for signatures for this store.
    skew: AtomicI64,
    /// Seconds that the clock of the last answer was ahead of the system clock.
    ahead: Mutex<Option<i64>>,
    io: Arc<Io>,
}

/// A store's answer to a request.
pub enum Answer {
    /// The ETag is still valid.
    NotModified,
    /// There is no such object.
    Missing,
    /// The object, or the requested part.
    Content {
        /// The ETag for the next check.
        etag: Option<String>,
        /// The header `content-encoding`.
        encoding: Option<String>,
        /// The position of the first byte: 0, or the requested one.
        from: u64,
        /// The bytes.
        body: Box<dyn Read + Send>,
    },
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub struct RequestError {
    /// The error of the store, the network or the disk.
    pub message: String,
    /// What to do about it, if known.
    pub hint: Option<&'static str>,
    /// Whether a retry may help, and the seconds that the server wants the client to wait.
    retry: Option<Option<u64>>,
    /// The status of the answer; 0 if there was none.
    status: u16,
    /// What the store's answer says, for people; empty if it says nothing.
    pub said: String,
}

/// A request for an object.
#[derive(Clone, Copy, Debug)]
pub struct GetRequest<'k> {
    /// The object's name, from `stringless_core::layout`.
    pub key: &'k str,
    /// The ETag of the bytes that the agent has already.
    pub etag: Option<&'k str>,
    /// The position of the first byte to send.
    pub from: u64,
    /// The time limit for the whole exchange.
    pub limit: Duration,
}

impl StoreClient {
    /// A client for a store; `Config::check` has checked the settings.
    ///
    /// # Errors
    /// Configuration.
    pub fn new(settings: &NodeStore, io: &Arc<Io>) -> Result<Self> {
        let store = settings.parse().map_err(Error::configuration)?;
        let keyring = Keyring::new(settings.credentials.clone());
        let name = settings.url.clone();
        Ok(Self {
            name,
            store,
            keyring,
            skew: AtomicI64::new(0),
            ahead: Mutex::new(None),
            io: Arc::clone(io),
        })
    }

    /// The URL of an object; `None` for a folder, which needs no network.
    pub fn url(&self, key: &str) -> Option<String> {
        match &self.store {
            Store::File { .. } => None,
            Store::Web { .. } => Some(self.store.object(key)),
            Store::S3(bucket) => Some(bucket.url(key)),
        }
    }

    /// Where the credentials come from and until when they are valid; `None` for a store without any.
    ///
    /// # Errors
    /// Each source with the reason why it failed.
    pub fn credentials(&self) -> std::result::Result<Option<String>, String> {
        match &self.store {
            Store::S3(_) => self.keyring.source(&self.io).map(Some),
            Store::File { .. } | Store::Web { .. } => Ok(None),
        }
    }

    /// Seconds that the store's clock was ahead of the system clock in its last answer, if it named a time.
    pub fn ahead(&self) -> Option<i64> {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request once. Sends it again with a new signature if the clock or the keys were wrong.
    ///
    /// # Errors
    /// The error, and whether a retry may help.
    pub fn get(&self, wanted: &GetRequest<'_>) -> std::result::Result<Answer, RequestError> {
        match &self.store {
            Store::File { root } => file::open(root, wanted),
            Store::Web { .. } => self.plain(wanted),
            Store::S3(bucket) => self.signed(bucket, wanted),
        }
    }

    fn plain(&self, wanted: &GetRequest<'_>) -> std::result::Result<Answer, RequestError> {
        let reply = self.send(&self.store.object(wanted.key), &conditions(wanted), wanted.limit)?;
        match answer(reply, wanted)? {
            Ok(answer) => Ok(answer),
            Err(reply) => Err(reply.to_error()),
        }
    }

    fn signed(&self, bucket: &Bucket, wanted: &GetRequest<'_>) -> std::result::Result<Answer, RequestError> {
        let mut retried = false;
        loop {
            let credentials = self.keyring.get(&self.io).map_err(|why| RequestError {
                message: format!("no credentials: {why}"),
                hint: Some("`credentials` of the store names the sources to try"),
                ..RequestError::retryable(String::new())
            })?;
            let time = self.now();
            let mut headers = conditions(wanted);
            if let Some(credentials) = &credentials {
                let path = bucket.path(wanted.key);
                let request = sigv4::Request {
                    method: "GET",
                    path: &path,
                    query: &[],
                    headers: &[("host", &bucket.host)],
                    payload: EMPTY_PAYLOAD,
                };
                let scope = Scope { region: &bucket.region, service: "s3", time };
                headers.extend(sigv4::sign_headers(&request, &scope, credentials));
            }
            let response = self.send(&bucket.url(wanted.key), &headers, wanted.limit)?;
            let date = response.header("date").and_then(|text| Timestamp::parse_http(text).ok());
            let reply = match answer(response, wanted)? {
                Ok(answer) => return Ok(answer),
                Err(reply) => reply,
            };
            let skewed = date.is_some_and(|date| self.correct(time, date));
            let expired = reply.body.contains("ExpiredToken") || reply.body.contains("InvalidToken");
            if retried || !(skewed || expired) {
                return Err(reply.to_error());
            }
            retried = true;
            self.keyring.forget();
        }
    }

    /// The time to use in signatures.
    fn now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp::from_seconds(self.io.clock.now().seconds().saturating_add_signed(skew))
    }

    /// Adopts the store's time for later signatures. True: it differs so much from the time of the last
    /// signature that signing again makes sense.
    fn correct(&self, signed: Timestamp, server: Timestamp) -> bool {
        self.skew.store(seconds(server) - seconds(self.io.clock.now()), Ordering::Relaxed);
        server.seconds().abs_diff(signed.seconds()) > TOLERANCE
    }

    fn send(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        limit: Duration,
    ) -> std::result::Result<Reply, RequestError> {
        self.io.traffic.request();
        let request = Request { method: "GET", url, headers, limit };
        let reply = self.io.http.send(&request).map_err(RequestError::retryable)?;
        if let Some(server) = reply.header("date").and_then(|text| Timestamp::parse_http(text).ok()) {
            let ahead = seconds(server).saturating_sub(seconds(Clock::system()));
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        Ok(reply)
    }
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.seconds()).unwrap_or(i64::MAX)
}

impl RequestError {
    /// Something else than the object came, which may change soon.
    pub fn foreign(foreign: Foreign) -> Self {
        Self { hint: Some(foreign.hint), ..Self::retryable(format!("the answer is wrong: {}", foreign.what)) }
    }

    /// A temporary error.
    pub fn retryable(message: String) -> Self {
        Self { message, hint: None, retry: Some(None), status: 0, said: String::new() }
    }

    /// An error that a retry does not solve.
    pub fn permanent(message: String, hint: Option<&'static str>) -> Self {
        Self { message, hint, retry: None, status: 0, said: String::new() }
    }

    /// Whether a retry of the same request is useless.
    pub fn is_permanent(&self) -> bool {
        self.retry.is_none()
    }

    /// Whether the answer was 403. S3 sends it for missing objects too, if the client must not list the
    /// bucket.
    pub fn is_forbidden(&self) -> bool {
        self.status == 403
    }

    /// Whether a request for the whole object may succeed after one for a range failed.
    pub fn may_reject_range(&self) -> bool {
        matches!(self.status, 206 | 400 | 416 | 501)
    }

    /// Milliseconds that the server wants the client to wait, at most a minute; 0 if it said nothing.
    pub fn retry_after_ms(&self) -> u64 {
        self.retry.flatten().unwrap_or(0).min(MAX_RETRY_AFTER) * 1000
    }
}

/// Seconds. Services refuse signatures that differ by more than 900.
const TOLERANCE: u64 = 300;
/// The longest wait that a server may ask for, in seconds.
const MAX_RETRY_AFTER: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_as_long_as_the_store_asks_but_at_most_a_minute() {
        let asked = |seconds| RequestError { retry: Some(seconds), ..RequestError::retryable(String::new()) };
        for (seconds, milliseconds) in [(None, 0), (Some(3), 3000), (Some(60), 60_000), (Some(61), 60_000)] {
            assert_eq!(asked(seconds).retry_after_ms(), milliseconds);
        }
        assert_eq!(asked(Some(u64::MAX)).retry_after_ms(), 60_000);
        assert_eq!(RequestError::permanent(String::new(), None).retry_after_ms(), 0);
    }
}
