//! Sorts a store's reply: an answer, an error status, or an invalid reply.

use stringless_core::time::Timestamp;

use super::{Answer, GetRequest, RequestError};
use crate::http::Reply;

/// A reply with an error status.
pub struct ErrorReply {
    status: u16,
    retry_after: Option<u64>,
    /// The body, at most 64 KiB.
    pub body: String,
}

impl ErrorReply {
    /// Turns the reply into an error of the request.
    pub fn to_error(&self) -> RequestError {
        let code = between(&self.body, "<Code>", "</Code>").unwrap_or_default();
        let message = format!("the store answered {} {code}", self.status);
        let hint = match self.status {
            301 | 302 | 307 | 308 => "redirects are not followed: name the right `region` and `endpoint`",
            400 | 401 | 403 => {
                "are the credentials for this bucket, and is `region` the service's name for its region?"
            }
            _ => "",
        };
        RequestError {
            message: message.trim_end().to_owned(),
            hint: Some(hint).filter(|hint| !hint.is_empty()),
            status: self.status,
            retry: matches!(self.status, 408 | 429 | 500..=599).then_some(self.retry_after),
        }
    }
}

/// Sorts a reply.
///
/// # Errors
/// The reply contradicts the request.
pub fn answer(reply: Reply, wanted: &GetRequest<'_>) -> Result<Result<Answer, ErrorReply>, RequestError> {
    let etag = reply.header("etag").map(str::to_owned);
    match reply.status {
        200 => Ok(Ok(Answer::Content { etag, from: 0, body: Box::new(reply.into_body()) })),
        206 if wanted.from > 0 => {
            let range = reply.header("content-range").unwrap_or_default();
            if !range.starts_with(&format!("bytes {}-", wanted.from)) {
                let message = "the store sent another range than requested".into();
                return Err(RequestError { status: 206, ..RequestError::permanent(message, None) });
            }
            Ok(Ok(Answer::Content { etag, from: wanted.from, body: Box::new(reply.into_body()) }))
        }
        304 if wanted.etag.is_some() => Ok(Ok(Answer::NotModified)),
        404 => Ok(Ok(Answer::Missing)),
        status => {
            let retry_after = retry_after(&reply);
            Ok(Err(ErrorReply { status, retry_after, body: reply.text(ERROR_BODY) }))
        }
    }
}

/// The headers for a conditional or ranged request.
pub fn conditions(wanted: &GetRequest<'_>) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if let Some(etag) = wanted.etag {
        headers.push(("if-none-match", etag.to_owned()));
    }
    if wanted.from > 0 {
        headers.push(("range", format!("bytes={}-", wanted.from)));
    }
    headers
}

/// The seconds that the server wants the client to wait: a number, or the time until a date by the server's
/// clock.
fn retry_after(reply: &Reply) -> Option<u64> {
    let text = reply.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let (then, now) = (Timestamp::parse_http(text).ok()?, Timestamp::parse_http(reply.header("date")?).ok()?);
    Some(then.seconds().saturating_sub(now.seconds()))
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    let (inner, _) = rest.split_once(close)?;
    (inner.len() <= 80 && inner.chars().all(|c| c.is_ascii_alphanumeric())).then_some(inner)
}

const ERROR_BODY: u64 = 64 * 1024;
