//! A store, asked for objects: conditional, ranged, signed, with a bounded number of tries.

mod file;

use std::io::Read;
use std::time::Duration;

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
        match self.optional_document(key, etag)? {
            Found::NotModified => Ok(None),
            Found::Document(bytes, etag) => Ok(Some((bytes, etag))),
            Found::Missing => {
                let message = format!("fetching `{key}` from `{}`: there is no such object", self.name);
                Err(Error::temporary(message).hint("`stringless publish` puts it there"))
            }
        }
    }

    /// A small object that may be missing.
    ///
    /// # Errors
    /// Temporary errors.
    pub fn optional_document(&self, key: &str, etag: Option<&str>) -> Result<Found> {
        self.retrying(key, || {
            let answer = self.ask(&Wanted { key, etag, from: 0, limit: DOCUMENT })?;
            let Answer::Content { etag, body, .. } = answer else {
                return Ok(match answer {
                    Answer::NotModified => Found::NotModified,
                    _ => Found::Missing,
                });
            };
            let mut bytes = Vec::new();
            let read = body.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
            self.io.traffic.received(bytes.len() as u64);
            read.map_err(|error| Trouble::worth_a_retry(error.to_string()))?;
            if bytes.len() > MAX_BYTES {
                return Err(Trouble::lasting(format!("longer than the limit of {MAX_BYTES} bytes"), None));
            }
            Ok(Found::Document(bytes, etag))
        })
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
        let mut tried = 0;
        loop {
            tried += 1;
            let trouble = match work() {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            let wait = trouble.again.and_then(|asked| {
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
            std::thread::sleep(Duration::from_millis(wait));
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
pub enum Found {
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
        Self { message, hint: None, again: Some(None) }
    }

    /// A fault that another try will not mend.
    pub fn lasting(message: String, hint: Option<&'static str>) -> Self {
        Self { message, hint, again: None }
    }
}

/// A reply that is no success.
struct Unwelcome {
    status: u16,
    retry_after: Option<u64>,
    body: String,
}

impl Unwelcome {
    fn trouble(&self) -> Trouble {
        let code = between(&self.body, "<Code>", "</Code>").unwrap_or_default();
        let message = format!("the store answered {} {code}", self.status);
        let hint = match self.status {
            301 | 302 | 307 | 308 => "redirects are not followed: name the right `region` and `endpoint`",
            400 | 401 | 403 => {
                "are the credentials of this bucket, and is `region` the service's own name for it?"
            }
            _ => "",
        };
        Trouble {
            message: message.trim_end().to_owned(),
            hint: Some(hint).filter(|hint| !hint.is_empty()),
            again: matches!(self.status, 408 | 429 | 500..=599).then_some(self.retry_after),
        }
    }
}

/// Sorts a reply: an answer, an unwelcome status, or trouble.
fn answer(
    reply: Reply,
    wanted: &Wanted<'_>,
) -> std::result::Result<std::result::Result<Answer, Unwelcome>, Trouble> {
    let etag = reply.header("etag").map(str::to_owned);
    match reply.status {
        200 => Ok(Ok(Answer::Content { etag, from: 0, body: Box::new(reply.into_body()) })),
        206 if wanted.from > 0 => {
            let range = reply.header("content-range").unwrap_or_default();
            if !range.starts_with(&format!("bytes {}-", wanted.from)) {
                return Err(Trouble::worth_a_retry("the store sent another range than asked for".into()));
            }
            Ok(Ok(Answer::Content { etag, from: wanted.from, body: Box::new(reply.into_body()) }))
        }
        304 if wanted.etag.is_some() => Ok(Ok(Answer::NotModified)),
        404 => Ok(Ok(Answer::Missing)),
        status => {
            let retry_after = reply.header("retry-after").and_then(|text| text.parse().ok());
            Ok(Err(Unwelcome { status, retry_after, body: reply.text(ERROR_BODY) }))
        }
    }
}

fn conditions(wanted: &Wanted<'_>) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if let Some(etag) = wanted.etag {
        headers.push(("if-none-match", etag.to_owned()));
    }
    if wanted.from > 0 {
        headers.push(("range", format!("bytes={}-", wanted.from)));
    }
    headers
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    let (inner, _) = rest.split_once(close)?;
    (inner.len() <= 80 && inner.chars().all(|c| c.is_ascii_alphanumeric())).then_some(inner)
}

const DOCUMENT: Duration = Duration::from_secs(60);
const ERROR_BODY: u64 = 64 * 1024;
/// Seconds; a server may ask for no more patience than this.
const MAX_ASKED_WAIT: u64 = 60;
