//! Sorts a store's reply: an answer, an error status, or an invalid reply.

use stringless_core::time::Timestamp;

use super::{Answer, GetRequest, RequestError};
use crate::http::{Reply, element};

/// A reply with an error status.
pub struct ErrorReply {
    status: u16,
    retry_after: Option<u64>,
    /// Where a redirect leads.
    location: Option<String>,
    /// The body, at most 64 KiB.
    pub body: String,
}

impl ErrorReply {
    /// Turns the reply into an error of the request.
    pub fn to_error(&self) -> RequestError {
        let code = element(&self.body, "Code").filter(|code| is_code(code)).unwrap_or_default();
        let mut message = format!("the store answered {} {code}", self.status).trim_end().to_owned();
        if let Some(place) = self.location.as_deref().filter(|_| (300..400).contains(&self.status)) {
            message = format!("{message}: a redirect to `{place}`");
        }
        let hint = match self.status {
            300..=399 => {
                "redirects are not followed: name the right `region` and `endpoint`. If the redirect leads to a \
                 login page, the network or a proxy answers in place of the store"
            }
            404 => "there is no such bucket: create it, or correct `url`, `region`, `endpoint` and `style`",
            400 | 401 | 403 => {
                "are the credentials for this bucket, and is `region` the service's name for its region?"
            }
            _ => "",
        };
        RequestError {
            message,
            hint: Some(hint).filter(|hint| !hint.is_empty()),
            status: self.status,
            retry: matches!(self.status, 408 | 429 | 500..=599).then_some(self.retry_after),
            said: said(&self.body),
        }
    }
}

/// Sorts a reply.
///
/// # Errors
/// The reply contradicts the request.
pub fn answer(reply: Reply, wanted: &GetRequest<'_>) -> Result<Result<Answer, ErrorReply>, RequestError> {
    let etag = reply.header("etag").map(str::to_owned);
    let encoding = reply.header("content-encoding").map(str::to_owned);
    match reply.status {
        200 => Ok(Ok(Answer::Content { etag, encoding, from: 0, body: Box::new(reply.into_body()) })),
        206 if wanted.from > 0 => {
            let range = reply.header("content-range").unwrap_or_default();
            if !range.starts_with(&format!("bytes {}-", wanted.from)) {
                let message = "the store sent another range than requested".into();
                return Err(RequestError { status: 206, ..RequestError::permanent(message, None) });
            }
            let from = wanted.from;
            Ok(Ok(Answer::Content { etag, encoding, from, body: Box::new(reply.into_body()) }))
        }
        304 if wanted.etag.is_some() => Ok(Ok(Answer::NotModified)),
        status => {
            let retry_after = retry_after(&reply);
            let location = reply.header("location").map(origin);
            let error = ErrorReply { status, retry_after, location, body: reply.text(ERROR_BODY) };
            // A missing bucket is not a missing object.
            let missing = status == 404 && !error.body.contains("<Code>NoSuchBucket</Code>");
            Ok(if missing { Ok(Answer::Missing) } else { Err(error) })
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

/// The part of a URL before its path and query, which may contain a secret.
fn origin(url: &str) -> String {
    let path = url.find("://").map_or(0, |at| at + 3);
    let end = url[path..].find(['/', '?', '#']).map_or(url.len(), |at| path + at);
    let origin: String = url[..end].chars().filter(char::is_ascii_graphic).take(100).collect();
    if origin.is_empty() { "another path".to_owned() } else { origin }
}

/// What an answer says for people: the message of S3, or the beginning of a text that is not XML.
fn said(body: &str) -> String {
    let text = match element(body, "Message") {
        Some(message) => message,
        None if body.trim_start().starts_with('<') => "",
        None => body.trim(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(SAID).collect()
}

/// Whether the text may be the code of an error: other texts are not shown.
fn is_code(text: &str) -> bool {
    text.len() <= 80 && text.chars().all(|c| c.is_ascii_alphanumeric())
}

const ERROR_BODY: u64 = 64 * 1024;
/// The most characters of an answer that a message quotes.
const SAID: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_an_answer_says_for_people() {
        for (body, expected) in [
            ("<Error><Code>X</Code><Message>No such key.</Message></Error>", "No such key."),
            ("<html><body>Log in</body></html>", ""),
            ("denied by \u{1b}[1mpolicy\nmore", "denied by [1mpolicy"),
            ("", ""),
        ] {
            assert_eq!(said(body), expected);
        }
        assert_eq!(said(&"x".repeat(500)).len(), SAID);
    }

    #[test]
    fn a_redirect_is_named_without_its_path() {
        for (location, named) in [
            ("https://login.example.net/?token=x", "https://login.example.net"),
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
            ("/login?x", "another path"),
            ("", "another path"),
        ] {
            assert_eq!(origin(location), named);
        }
    }
}
