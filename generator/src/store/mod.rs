//! Stores: a folder, a web server or an S3 bucket, with one interface.

mod ask;
pub mod credentials;
mod file;
mod listing;
mod s3;
mod web;

use stringless_core::answer;
use stringless_core::json::MAX_BYTES;
use stringless_core::store::{Store as Address, StoreSettings};
use stringless_core::time::Timestamp;

pub use self::ask::{Asked, Reply};
pub use self::file::Locked;
pub use self::s3::S3Store;
use crate::error::{Error, Result};
use crate::http::{Answer, Http, Limits};
use crate::verbose::{self, plain_url};

/// An opened store.
#[derive(Debug)]
pub enum Store {
    /// A folder.
    File(file::FileStore),
    /// A web server; read only.
    Web(web::WebStore),
    /// An S3 bucket.
    S3(S3Store),
}

/// An object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// The ETag that the store gives it.
    pub etag: Option<String>,
    /// How many seconds ago it was written, by the clock of the store; `None` if the store does not say.
    pub age: Option<u64>,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, relative to the site's prefix.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, by the clock of the store; `None` if the store does not say.
    pub modified: Option<Timestamp>,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Write only if there is no object at the key: `If-None-Match: *`.
    Absent,
    /// Write only if the object still has this ETag: `If-Match`.
    Unchanged(&'a str),
}

/// The result of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// The object was written.
    Written,
    /// The condition did not hold; nothing was written.
    Rejected,
}

impl Store {
    /// Opens the store that `settings` describe. `ca` is PEM text of additional certificate authorities.
    ///
    /// # Errors
    /// When the settings are not understood, or keys for S3 are missing.
    pub fn open(settings: &StoreSettings, ca: Option<&[u8]>) -> Result<Self> {
        let address = settings.parse().map_err(|e| Error::configuration(format!("opening {e}")))?;
        verbose::step(format_args!("using the store {}", plain_url(&settings.url)));
        Ok(match address {
            Address::File { root } => Self::File(file::FileStore::new(root.into())),
            Address::Web { base } => Self::Web(web::WebStore::new(base, Http::new(ca)?)),
            Address::S3(bucket) => {
                let keys = credentials::find()?;
                Self::S3(S3Store::new(bucket, s3::prefix(settings), keys, Http::new(ca)?))
            }
        })
    }

    /// Refuses a store that can only be read.
    ///
    /// # Errors
    /// When the store is a web server.
    pub fn check_writable(&self) -> Result<()> {
        match self {
            Self::File(_) | Self::S3(_) => Ok(()),
            Self::Web(store) => Err(Error::configuration(format!(
                "publishing to {}: a web server can only be read",
                store.url("").trim_end_matches('/')
            ))
            .hint("`stringless` publishes to the first of `stores`: it must be `s3://` or `file://`")),
        }
    }

    /// Reads an object of at most `cap` bytes; `None` when there is none.
    ///
    /// # Errors
    /// When the store fails, or the object is larger.
    pub fn get(&self, key: &str, cap: u64) -> Result<Option<Object>> {
        match self {
            Self::File(store) => store.get(key, cap),
            Self::Web(store) => store.get(key, cap),
            Self::S3(store) => store.get(key, cap),
        }
    }

    /// Whether there is an object at `key`, of `size` bytes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn holds(&self, key: &str, size: u64) -> Result<bool> {
        match self {
            Self::File(store) => store.holds(key, size),
            Self::Web(store) => store.holds(key, size),
            Self::S3(store) => store.holds(key, size),
        }
    }

    /// Writes an object atomically, if the condition holds.
    ///
    /// # Errors
    /// When the store fails, or cannot be written.
    pub fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Put> {
        match self {
            Self::File(store) => store.put(key, bytes, condition),
            Self::Web(_) => self.check_writable().map(|()| Put::Rejected),
            Self::S3(store) => store.put(key, bytes, condition),
        }
    }

    /// Whether the store supports conditional writes. Some S3 services ignore the condition.
    ///
    /// It is tried with two writes whose conditions do not hold. They write `bytes` to `key`, where the object holds
    /// these bytes already, so nothing changes if the condition is ignored.
    ///
    /// # Errors
    /// When the store fails.
    pub fn supports_conditions(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        match self {
            Self::File(_) | Self::Web(_) => Ok(true),
            Self::S3(store) => Ok(store.put(key, bytes, Condition::Absent)? == Put::Rejected
                && store.put(key, bytes, Condition::Unchanged(NO_ETAG))? == Put::Rejected),
        }
    }

    /// Writes an object, and replaces the one that is there.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn replace(&self, key: &str, bytes: &[u8]) -> Result<()> {
        match self {
            Self::S3(store) => store.replace(key, bytes),
            Self::File(_) | Self::Web(_) => {
                let now = self.get(key, u64::MAX - 1)?.and_then(|object| object.etag);
                let condition = now.as_deref().map_or(Condition::Absent, Condition::Unchanged);
                self.put(key, bytes, condition).map(drop)
            }
        }
    }

    /// Every object whose key begins with `prefix`, sorted by key.
    ///
    /// # Errors
    /// When the store fails, or is a web server: a web server cannot list.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let mut found = match self {
            Self::File(store) => store.list(prefix)?,
            Self::S3(store) => store.list(prefix)?,
            Self::Web(store) => {
                return Err(Error::configuration(format!(
                    "listing {}: a web server cannot list its files",
                    store.url(prefix)
                ))
                .hint("use the bucket behind it: `s3://` or `file://`"));
            }
        };
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Deletes the object at `key`, if there is one.
    ///
    /// # Errors
    /// When the store fails, or cannot be written.
    pub fn delete(&self, key: &str) -> Result<()> {
        self.delete_within(key, Limits { attempt: None, may_try: &|| true })
    }

    /// As [`Store::delete`], within `limits`.
    ///
    /// # Errors
    /// As [`Store::delete`], and when no attempt may begin.
    pub fn delete_within(&self, key: &str, limits: Limits<'_>) -> Result<()> {
        match self {
            Self::File(store) => store.lock()?.delete(key),
            Self::Web(_) => self.check_writable(),
            Self::S3(store) => store.delete(key, limits),
        }
    }

    /// Keeps all other writers out of a folder until the returned value is dropped; `None` for a store that has no
    /// such lock.
    ///
    /// # Errors
    /// When the folder cannot be locked.
    pub fn lock(&self) -> Result<Option<Locked<'_>>> {
        match self {
            Self::File(store) => store.lock().map(Some),
            Self::Web(_) | Self::S3(_) => Ok(None),
        }
    }

    /// The address of the object at `key`, for messages.
    #[must_use]
    pub fn url(&self, key: &str) -> String {
        match self {
            Self::File(store) => store.path(key).display().to_string(),
            Self::Web(store) => store.url(key),
            Self::S3(store) => store.url(key),
        }
    }
}

/// Refuses an answer with the status 200 that is not the object: a web page, or bytes that were compressed on
/// the way.
fn check_content(url: &str, answer: &Answer) -> Result<()> {
    let encoded = answer.header("content-encoding");
    let foreign = if answer::is_web_page(&answer.body) {
        Some(answer::WEB_PAGE)
    } else if url.ends_with(".tar.gz") || url.ends_with("/stringless-agent") {
        // Packs are compressed themselves; every reader compares the hash.
        None
    } else {
        answer::in_place_of_a_document(&answer.body, encoded)
    };
    match foreign {
        Some(foreign) => {
            Err(Error::temporary(format!("reading {url}: the answer is wrong: {}", foreign.what))
                .hint(foreign.hint))
        }
        None => Ok(()),
    }
}

/// An ETag that no object has.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";

/// Writes an object that never changes; returns false when the store has different content at the key.
pub(crate) fn put_immutable(store: &Store, key: &str, bytes: &[u8]) -> Result<bool> {
    if let Some(there) = store.get(key, MAX_BYTES as u64)? {
        return Ok(there.bytes == bytes);
    }
    if store.put(key, bytes, Condition::Absent)? == Put::Written {
        return Ok(true);
    }
    Ok(store.get(key, MAX_BYTES as u64)?.is_some_and(|there| there.bytes == bytes))
}

/// The error of an object that is at `key` with different content; `why` says why it cannot be replaced.
pub(crate) fn different_object(store: &Store, key: &str, why: &str) -> Error {
    Error::refused(format!("writing {}: the store has different content there, and {why}", store.url(key)))
        .hint("find out how it came there, then remove it, or publish to another prefix")
}
