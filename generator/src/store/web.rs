//! A web server as a store: it can only be read, and needs no credentials.

use ureq::http::Method;

use super::Object;
use crate::error::{Error, Result};
use crate::http::{Answer, Call, Http};

/// A web server.
#[derive(Debug)]
pub struct WebStore {
    base: String,
    http: Http,
}

impl WebStore {
    pub(super) fn new(base: String, http: Http) -> Self {
        Self { base, http }
    }

    pub(super) fn url(&self, key: &str) -> String {
        format!("{}/{}", self.base, stringless_core::sigv4::encode_path(key))
    }

    pub(super) fn get(&self, key: &str, cap: u64) -> Result<Option<Object>> {
        let answer = self.request(Method::GET, key, cap)?;
        let url = self.url(key);
        match answer.status {
            200 if answer.cut => Err(Error::refused(format!("reading {url}: larger than {cap} bytes"))),
            200 => {
                super::check_content(&url, &answer)?;
                let etag = answer.header("etag").map(ToOwned::to_owned);
                Ok(Some(Object { bytes: answer.body, etag, age: None }))
            }
            404 | 410 => Ok(None),
            status => Err(unexpected("reading", &url, status, &answer)),
        }
    }

    pub(super) fn holds(&self, key: &str, size: u64) -> Result<bool> {
        let answer = self.request(Method::HEAD, key, 0)?;
        match answer.status {
            200 => Ok(answer.header("content-length").is_none_or(|length| length == size.to_string())),
            404 | 410 => Ok(false),
            status => Err(unexpected("checking", &self.url(key), status, &answer)),
        }
    }

    /// Sends a request as it is, without credentials.
    pub(super) fn send(&self, call: &Call<'_>, key: &str, cap: u64) -> Result<Answer> {
        self.http.send(&self.url(key), cap, || Ok(call.clone()))
    }

    fn request(&self, method: Method, key: &str, cap: u64) -> Result<Answer> {
        let headers = Vec::new();
        self.send(&Call { method, headers, body: &[] }, key, cap)
    }
}

fn unexpected(doing: &str, url: &str, status: u16, answer: &Answer) -> Error {
    let error = Error::temporary(format!("{doing} {url}: the server answered {status}"));
    match answer.header("location") {
        Some(location) => {
            error.hint(format!("it redirects to {location}: check `url` of the store in the site file"))
        }
        None => error,
    }
}
