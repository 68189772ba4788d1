//! A store, asked for objects: conditional, ranged, signed.

pub mod credentials;

pub mod document;
mod file;
mod reply;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use stringless_core::config::NodeStore;
use stringless_core::sigv4::{self, EMPTY_PAYLOAD, Scope};
use stringless_core::store::{Bucket, Store};
use stringless_core::time::Timestamp;

use crate::error::{Error, Result};
use crate::http::{Reply, Request};
use crate::io::Io;
use crate::store::credentials::Keyring;
use reply::{answer, conditions};

/// A store with the credentials for it. It owns what it needs: a thread that waits for a store is left
/// to itself once the answer does not matter any more.
pub struct Source {
    /// The store's URL, for messages.
    pub name: String,
    store: Store,
    keyring: Keyring,
    /// Seconds that this store's clock is ahead of ours; what it says of the time counts for signatures
    /// to it, and for nothing else.
    skew: AtomicI64,
    io: Arc<Io>,
}

/// What a store said to one request.
pub enum Answer {
    /// The validator still holds.
    NotModified,
    /// There is no such object.
    Missing,
    /// The object, or its rest.
    Content {
        /// The validator, for the next check.
        etag: Option<String>,
        /// The position of the first byte that follows: 0, or what was asked for.
        from: u64,
        /// The bytes.
        body: Box<dyn Read + Send>,
    },
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What the store, the network or the disk said.
    pub message: String,
    /// What mends it, where that is known.
    pub hint: Option<&'static str>,
    /// Whether another try may help, and the seconds that the server asked to wait.
    again: Option<Option<u64>>,
    /// The status of the answer; 0 when there was none.
    status: u16,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'k> {
    /// The object, by `stringless_core::layout`.
    pub key: &'k str,
    /// The validator of what is here already.
    pub etag: Option<&'k str>,
    /// The first byte that is wanted.
    pub from: u64,
    /// The time for the whole exchange.
    pub limit: Duration,
}

impl Source {
    /// The store behind settings that `Config::check` has passed.
    ///
    /// # Errors
    /// Configuration errors.
    pub fn new(settings: &NodeStore, io: &Arc<Io>) -> Result<Self> {
        let store = settings.parse().map_err(Error::configuration)?;
        let keyring = Keyring::new(settings.credentials.clone());
        Ok(Self { name: settings.url.clone(), store, keyring, skew: AtomicI64::new(0), io: Arc::clone(io) })
    }

    /// Asks once (and once more, signed anew, when the clock or the keys were at fault).
    ///
    /// # Errors
    /// What went wrong, and whether to try again.
    pub fn ask(&self, wanted: &Wanted<'_>) -> std::result::Result<Answer, Trouble> {
        match &self.store {
            Store::File { root } => file::open(root, wanted),
            Store::Web { .. } => self.plain(wanted),
            Store::S3(bucket) => self.signed(bucket, wanted),
        }
    }

    fn plain(&self, wanted: &Wanted<'_>) -> std::result::Result<Answer, Trouble> {
        let reply = self.send(&self.store.object(wanted.key), &conditions(wanted), wanted.limit)?;
        match answer(reply, wanted)? {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(refusal.trouble()),
        }
    }

    fn signed(&self, bucket: &Bucket, wanted: &Wanted<'_>) -> std::result::Result<Answer, Trouble> {
        let mut renewed = false;
        loop {
            let credentials = self.keyring.get(&self.io).map_err(|why| Trouble {
                message: format!("no credentials: {why}"),
                hint: Some("`credentials` of the store names the ways that are tried"),
                again: Some(None),
                status: 0,
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
            let reply = self.send(&bucket.url(wanted.key), &headers, wanted.limit)?;
            let date = reply.header("date").and_then(|text| Timestamp::parse_http(text).ok());
            let refusal = match answer(reply, wanted)? {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            let skewed = date.is_some_and(|date| self.correct(time, date));
            let expired = refusal.body.contains("ExpiredToken") || refusal.body.contains("InvalidToken");
            if renewed || !(skewed || expired) {
                return Err(refusal.trouble());
            }
            renewed = true;
            self.keyring.forget();
        }
    }

    /// The time for signatures.
    fn now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp::from_seconds(self.io.clock.now().seconds().saturating_add_signed(skew))
    }

    /// Takes the store's time for the signatures to come. True when it differs from that of the last one
    /// by so much that signing again makes sense.
    fn correct(&self, signed: Timestamp, server: Timestamp) -> bool {
        let seconds = |time: Timestamp| i64::try_from(time.seconds()).unwrap_or(i64::MAX);
        self.skew.store(seconds(server) - seconds(self.io.clock.now()), Ordering::Relaxed);
        server.seconds().abs_diff(signed.seconds()) > TOLERANCE
    }

    fn send(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        limit: Duration,
    ) -> std::result::Result<Reply, Trouble> {
        self.io.traffic.request();
        let request = Request { method: "GET", url, headers, limit };
        self.io.http.send(&request).map_err(Trouble::worth_a_retry)
    }
}

impl Trouble {
    /// A passing fault.
    pub fn worth_a_retry(message: String) -> Self {
        Self { message, hint: None, again: Some(None), status: 0 }
    }

    /// A fault that another try will not mend.
    pub fn lasting(message: String, hint: Option<&'static str>) -> Self {
        Self { message, hint, again: None, status: 0 }
    }

    /// Whether another try of the same request makes no sense.
    pub fn is_lasting(&self) -> bool {
        self.again.is_none()
    }

    /// Whether the store refused to say: S3 does so for what is missing, to whoever may not list.
    pub fn is_forbidden(&self) -> bool {
        self.status == 403
    }

    /// Whether a request for the whole may do where one for a part did not.
    pub fn dislikes_range(&self) -> bool {
        matches!(self.status, 206 | 400 | 416 | 501)
    }

    /// Milliseconds that the server asked to wait, within bounds; 0 when it asked for nothing.
    pub fn asked_wait(&self) -> u64 {
        self.again.flatten().unwrap_or(0).min(MAX_ASKED_WAIT) * 1000
    }
}

/// Seconds; services refuse signatures that differ by more than 900.
const TOLERANCE: u64 = 300;
/// Seconds; a server may ask for no more patience than this.
const MAX_ASKED_WAIT: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_waited_for_as_it_asks_and_no_longer_than_a_minute() {
        let asked = |seconds| Trouble { again: Some(seconds), ..Trouble::worth_a_retry(String::new()) };
        for (seconds, milliseconds) in [(None, 0), (Some(3), 3000), (Some(60), 60_000), (Some(61), 60_000)] {
            assert_eq!(asked(seconds).asked_wait(), milliseconds);
        }
        assert_eq!(asked(Some(u64::MAX)).asked_wait(), 60_000);
        assert_eq!(Trouble::lasting(String::new(), None).asked_wait(), 0);
    }
}
