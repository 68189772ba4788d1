//! A store, asked for objects: conditional, ranged, signed, with a bounded number of tries.

mod file;
mod reply;

use std::io::Read;
use std::time::{Duration, Instant};

use agent_core::backoff;
use agent_core::config::NodeStore;
use agent_core::json::MAX_BYTES;
use agent_core::sigv4::{self, EMPTY_PAYLOAD, Scope};
use agent_core::store::{Bucket, Store};
use agent_core::time::Timestamp;

use crate::creds::Keyring;
use crate::error::{Error, Result};
use crate::http::{Reply, Request};
use crate::io::{Io, random};
use crate::stop;
use reply::{answer, conditions};

/// A store with the credentials for it.
pub struct Source<'a> {
    /// The store's URL, for messages.
    pub name: &'a str,
    store: Store,
    keyring: Keyring<'a>,
    io: &'a Io,
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
#[derive(Debug)]
pub struct Trouble {
    message: String,
    hint: Option<&'static str>,
    /// Whether another try may help, and the seconds that the server asked to wait.
    again: Option<Option<u64>>,
    /// Whether the store refused to say: S3 does so for what is missing, to whoever may not list.
    forbidden: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'k> {
    /// The object, by `agent_core::layout`.
    pub key: &'k str,
    /// The validator of what is here already.
    pub etag: Option<&'k str>,
    /// The first byte that is wanted.
    pub from: u64,
    /// The time for the whole exchange.
    pub limit: Duration,
}

impl<'a> Source<'a> {
    /// The store behind settings that `Config::check` has passed.
    ///
    /// # Errors
    /// Configuration errors.
    pub fn new(settings: &'a NodeStore, io: &'a Io) -> Result<Self> {
        let store = settings.parse().map_err(Error::configuration)?;
        let keyring = Keyring::new(&settings.credentials);
        Ok(Self { name: &settings.url, store, keyring, io })
    }

    /// A small object, whole: `None` when `etag` still holds.
    ///
    /// # Errors
    /// Temporary errors, a missing object among them.
    pub fn document(&self, key: &str, etag: Option<&str>) -> Result<Option<(Vec<u8>, Option<String>)>> {
        match self.retrying(key, || self.small(key, etag))? {
            Found::NotModified => Ok(None),
            Found::Document(bytes, etag) => Ok(Some((bytes, etag))),
            Found::Missing => {
                let message = format!("fetching `{key}` from `{}`: there is no such object", self.name);
                Err(Error::temporary(message).hint("`stringless publish` puts it there"))
            }
        }
    }

    /// A small object that may be missing, which S3 calls forbidden where listing is not allowed.
    ///
    /// # Errors
    /// Temporary errors.
    pub fn optional_document(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let found = self.retrying(key, || match self.small(key, None) {
            Err(trouble) if trouble.forbidden => Ok(Found::Missing),
            other => other,
        })?;
        Ok(if let Found::Document(bytes, _) = found { Some(bytes) } else { None })
    }

    fn small(&self, key: &str, etag: Option<&str>) -> std::result::Result<Found, Trouble> {
        let (etag, body) = match self.ask(&Wanted { key, etag, from: 0, limit: DOCUMENT })? {
            Answer::Content { etag, body, .. } => (etag, body),
            Answer::NotModified => return Ok(Found::NotModified),
            Answer::Missing => return Ok(Found::Missing),
        };
        let mut bytes = Vec::new();
        let read = body.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
        self.io.traffic.received(bytes.len() as u64);
        read.map_err(|error| Trouble::worth_a_retry(error.to_string()))?;
        // What is longer goes to the verifier, cut; it refuses it for its length.
        Ok(Found::Document(bytes, etag))
    }

    /// Tries until it succeeds, fails for good, or the tries are used up.
    ///
    /// # Errors
    /// A temporary error that tells the last trouble.
    pub fn retrying<T>(
        &self,
        key: &str,
        mut work: impl FnMut() -> std::result::Result<T, Trouble>,
    ) -> Result<T> {
        let start = Instant::now();
        let mut tried = 0;
        loop {
            stop::check()?;
            tried += 1;
            let trouble = match work() {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            let wait = trouble.again.filter(|_| start.elapsed() < PATIENCE).and_then(|asked| {
                let own = backoff::wait(tried, random())?;
                Some(own.max(asked.unwrap_or(0).min(MAX_ASKED_WAIT) * 1000))
            });
            let Some(wait) = wait else {
                let tries = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
                let error = format!("fetching `{key}` from `{}`: {}{tries}", self.name, trouble.message);
                let error = Error::temporary(error);
                return Err(match trouble.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                });
            };
            let until = Instant::now() + Duration::from_millis(wait);
            while Instant::now() < until && !stop::asked() {
                std::thread::sleep(Duration::from_millis(wait.min(100)));
            }
        }
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
            let credentials = self.keyring.get(self.io).map_err(|why| Trouble {
                message: format!("no credentials: {why}"),
                hint: Some("`credentials` of the store names the ways that are tried"),
                again: Some(None),
                forbidden: false,
            })?;
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
                let time = self.io.clock.signing();
                let scope = Scope { region: &bucket.region, service: "s3", time };
                headers.extend(sigv4::sign_headers(&request, &scope, credentials));
            }
            let reply = self.send(&bucket.url(wanted.key), &headers, wanted.limit)?;
            let date = reply.header("date").and_then(|text| Timestamp::parse_http(text).ok());
            let refusal = match answer(reply, wanted)? {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            let skewed = date.is_some_and(|date| self.io.clock.correct(date));
            let expired = refusal.body.contains("ExpiredToken") || refusal.body.contains("InvalidToken");
            if renewed || !(skewed || expired) {
                return Err(refusal.trouble());
            }
            renewed = true;
            self.keyring.forget();
        }
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

/// A small object, or why there is none.
enum Found {
    /// The validator still holds.
    NotModified,
    /// There is no such object.
    Missing,
    /// Its bytes and validator.
    Document(Vec<u8>, Option<String>),
}

impl Trouble {
    /// A passing fault.
    pub fn worth_a_retry(message: String) -> Self {
        Self { message, hint: None, again: Some(None), forbidden: false }
    }

    /// Told to stop in the middle.
    pub fn stopped(error: &Error) -> Self {
        Self::lasting(error.to_string(), None)
    }

    /// Whether another try of the same request makes no sense.
    pub fn is_lasting(&self) -> bool {
        self.again.is_none()
    }

    /// The same, for a request that can be made in another way.
    pub fn worth_one_more(self) -> Self {
        Self { again: Some(None), ..self }
    }

    /// A fault that another try will not mend.
    pub fn lasting(message: String, hint: Option<&'static str>) -> Self {
        Self { message, hint, again: None, forbidden: false }
    }
}

const DOCUMENT: Duration = Duration::from_secs(30);
/// After so long no further try is begun.
const PATIENCE: Duration = Duration::from_secs(120);
/// Seconds; a server may ask for no more patience than this.
const MAX_ASKED_WAIT: u64 = 60;
