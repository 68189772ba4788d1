//! Stores: a folder, a web server, an S3 bucket, behind one set of verbs.

pub mod credentials;
mod file;
mod listing;
mod s3;
mod web;

use stringless_core::json::MAX_BYTES;
use stringless_core::store::{Store as Address, StoreSettings};
use stringless_core::time::Timestamp;

pub use self::s3::S3Store;
use crate::error::{Error, Result};
use crate::http::Http;

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
    /// The store's validator for it.
    pub etag: Option<String>,
}

/// An object as a listing tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, below the site's prefix.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// When it was last written, by the store's clock; none where the store does not tell.
    pub modified: Option<Timestamp>,
}

/// When a write counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Only when there is no such object: `If-None-Match: *`.
    Absent,
    /// Only when the object is still that one: `If-Match`.
    Unchanged(&'a str),
}

/// How a conditional write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// The object is now the one given.
    Written,
    /// The condition did not hold; nothing was written.
    NotHeld,
}

impl Store {
    /// Opens the store that `settings` describe; `ca` is PEM text of further authorities.
    ///
    /// # Errors
    /// When the settings are not understood, or keys for S3 are missing.
    pub fn open(settings: &StoreSettings, ca: Option<&[u8]>) -> Result<Self> {
        let address = settings.parse().map_err(|e| Error::configuration(format!("opening {e}")))?;
        Ok(match address {
            Address::File { root } => Self::File(file::FileStore::new(root.into())),
            Address::Web { base } => Self::Web(web::WebStore::new(base, Http::new(ca)?)),
            Address::S3(bucket) => {
                let keys = credentials::find()?;
                Self::S3(S3Store::new(bucket, s3::prefix(settings), keys, Http::new(ca)?))
            }
        })
    }

    /// Whether this kind of store can be written at all.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_writable(&self) -> Result<()> {
        match self {
            Self::File(_) | Self::S3(_) => Ok(()),
            Self::Web(store) => Err(Error::configuration(format!(
                "publishing to {}: a web server is only read",
                store.url("").trim_end_matches('/')
            ))
            .hint("the first of `stores` is published to: it must be `s3://` or `file://`")),
        }
    }

    /// Reads an object of at most `cap` bytes; `None` when there is none.
    ///
    /// # Errors
    /// When the store does not answer as it should, or the object is larger.
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
    /// When the store does not answer as it should.
    pub fn holds(&self, key: &str, size: u64) -> Result<bool> {
        match self {
            Self::File(store) => store.holds(key, size),
            Self::Web(store) => store.holds(key, size),
            Self::S3(store) => store.holds(key, size),
        }
    }

    /// Writes an object whole, if the condition holds.
    ///
    /// # Errors
    /// When the store does not answer as it should, or cannot be written.
    pub fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Put> {
        match self {
            Self::File(store) => store.put(key, bytes, condition),
            Self::Web(_) => self.check_writable().map(|()| Put::NotHeld),
            Self::S3(store) => store.put(key, bytes, condition),
        }
    }

    /// Whether conditions count here: some S3 services write whatever is asked.
    ///
    /// Asks by writing `bytes` again over the object at `key`, which holds them already, on conditions
    /// that do not hold.
    ///
    /// # Errors
    /// When the store does not answer as it should.
    pub fn heeds_conditions(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        match self {
            Self::File(_) | Self::Web(_) => Ok(true),
            Self::S3(store) => Ok(store.put(key, bytes, Condition::Absent)? == Put::NotHeld
                && store.put(key, bytes, Condition::Unchanged(NO_ETAG))? == Put::NotHeld),
        }
    }

    /// Writes an object whatever is there.
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
    /// When the store does not answer as it should, or is a web server, which lists nothing.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let mut found = match self {
            Self::File(store) => store.list(prefix)?,
            Self::S3(store) => store.list(prefix)?,
            Self::Web(store) => {
                return Err(Error::configuration(format!(
                    "listing {}: a web server does not tell what it has",
                    store.url(prefix)
                ))
                .hint("name the bucket behind it: `s3://` or `file://`"));
            }
        };
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Removes the object at `key`; nothing happens where there is none.
    ///
    /// # Errors
    /// When the store does not answer as it should, or cannot be written.
    pub fn delete(&self, key: &str) -> Result<()> {
        match self {
            Self::File(store) => store.delete(key),
            Self::Web(_) => self.check_writable(),
            Self::S3(store) => store.delete(key),
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

/// A validator that no object has.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";

/// Writes an immutable object; false when there is another one in its place.
pub(crate) fn put_same(store: &Store, key: &str, bytes: &[u8]) -> Result<bool> {
    if let Some(there) = store.get(key, MAX_BYTES as u64)? {
        return Ok(there.bytes == bytes);
    }
    if store.put(key, bytes, Condition::Absent)? == Put::Written {
        return Ok(true);
    }
    Ok(store.get(key, MAX_BYTES as u64)?.is_some_and(|there| there.bytes == bytes))
}

pub(crate) fn taken(store: &Store, key: &str, why: &str) -> Error {
    Error::refused(format!("writing {}: something else is there already, and {why}", store.url(key)))
        .hint("remove it, or publish to another prefix, once you know how it came there")
}
