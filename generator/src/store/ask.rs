//! Requests whose refusal is an answer, too: what a key may do, and the time of the store.

use stringless_core::sigv4::Credentials;
use stringless_core::store::{Store as Address, StoreSettings};
use stringless_core::time::Timestamp;
use ureq::http::Method;

use super::{S3Store, Store, s3, web};
use crate::error::{Error, Result};
use crate::http::{Answer, Call, Http};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// To read an object.
    Read,
    /// To write an object with these bytes, if there is none: where one is, nothing is written.
    Add(&'a [u8]),
    /// To remove an object.
    Remove,
}

/// The answer of a store.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The time of the store, if it sends it.
    pub date: Option<Timestamp>,
}

impl Reply {
    /// Whether the key may do it: it was done, or only its condition, or the lack of an object to remove, kept it
    /// from being done.
    #[must_use]
    pub fn is_allowed(&self, asked: Asked<'_>) -> bool {
        matches!(self.status, 200..=299 | 409 | 412) || self.status == 404 && matches!(asked, Asked::Remove)
    }

    /// Whether the key may not do it.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.status, 401 | 403 | 405)
    }
}

impl Store {
    /// As [`Store::open`], with these keys; `None` if the store takes no keys.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(settings: &StoreSettings, ca: Option<&[u8]>, keys: Credentials) -> Result<Option<Self>> {
        let Some((bucket, http)) = bucket(settings, ca)? else { return Ok(None) };
        Ok(Some(Self::S3(S3Store::new(bucket, s3::prefix(settings), keys, http))))
    }

    /// The bucket as somebody without keys sees it; `None` if the store takes no keys.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_without_keys(settings: &StoreSettings, ca: Option<&[u8]>) -> Result<Option<Self>> {
        let Some((bucket, http)) = bucket(settings, ca)? else { return Ok(None) };
        let base = bucket.url("").trim_end_matches('/').to_owned();
        Ok(Some(Self::Web(web::WebStore::new(base, http))))
    }

    /// Asks for something, and returns the answer of the store, whatever it is; `None` for a folder.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn ask(&self, key: &str, asked: Asked<'_>) -> Result<Option<Reply>> {
        let (method, body, condition) = match asked {
            Asked::Read => (Method::GET, &[][..], None),
            Asked::Add(bytes) => (Method::PUT, bytes, Some(("if-none-match", "*"))),
            Asked::Remove => (Method::DELETE, &[][..], None),
        };
        let answer = match self {
            Self::File(_) => return Ok(None),
            Self::S3(store) => store.request(&method, &store.url(key), body, condition, ANSWER)?,
            Self::Web(store) => {
                let headers =
                    condition.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
                store.send(&Call { method, headers, body }, key, ANSWER)?
            }
        };
        Ok(Some(Reply { status: answer.status, date: date(&answer) }))
    }
}

fn bucket(
    settings: &StoreSettings,
    ca: Option<&[u8]>,
) -> Result<Option<(stringless_core::store::Bucket, Http)>> {
    match settings.parse().map_err(|e| Error::configuration(format!("opening {e}")))? {
        Address::S3(bucket) => Ok(Some((bucket, Http::new(ca)?))),
        Address::File { .. } | Address::Web { .. } => Ok(None),
    }
}

fn date(answer: &Answer) -> Option<Timestamp> {
    Timestamp::parse_http(answer.header("date")?).ok()
}

/// What is read of an answer.
const ANSWER: u64 = 64 * 1024;
