//! Forges and archives over HTTP: with size limits and redirections; a secret is never sent to another host.

use ureq::http::{Method, Uri};

use crate::error::{Error, Result};
use crate::http::{Answer, Call, Http};

/// Reads `url`; `None` if the server has no such object. `secret` is sent to the host of `url` only.
///
/// # Errors
/// Temporary: the server does not answer, or answers with an error. Refused: the body is longer than `cap` bytes.
pub fn get(http: &Http, url: &str, cap: u64, secret: Option<&str>) -> Result<Option<Vec<u8>>> {
    Ok(get_with_url(http, url, cap, secret)?.map(|(body, _)| body))
}

/// As [`get`], with the URL that sent the body, after all redirections and without its secrets.
///
/// # Errors
/// As those of [`get`].
pub fn get_with_url(
    http: &Http,
    url: &str,
    cap: u64,
    secret: Option<&str>,
) -> Result<Option<(Vec<u8>, String)>> {
    let first = parsed(url)?;
    let mut at = first.clone();
    for _ in 0..=MAX_REDIRECTIONS {
        let secret = secret.filter(|_| origin(&at) == origin(&first));
        let call = || {
            let mut headers = Vec::new();
            headers.extend(secret.map(|secret| ("authorization".to_owned(), format!("Bearer {secret}"))));
            Ok(Call { method: Method::GET, headers, body: b"" })
        };
        let answer = http.send(&at.to_string(), cap, call).map_err(|e| e.hint(UNREACHED))?;
        match answer.status {
            200 if answer.cut => {
                return Err(Error::refused(format!(
                    "reading {}: it is longer than {cap} bytes",
                    redacted(&at)
                ))
                .hint("no module is so large: is the URL right?"));
            }
            200 => return Ok(Some((answer.body, redacted(&at)))),
            404 | 410 => return Ok(None),
            301 | 302 | 303 | 307 | 308 => at = redirected(&at, &answer)?,
            status => {
                let error =
                    Error::temporary(format!("reading {}: the server answers {status}", redacted(&at)));
                return Err(match status {
                    401 | 403 => error.hint("set `STRINGLESS_FORGE_TOKEN` to the token of the forge"),
                    _ => error.hint(UNREACHED),
                });
            }
        }
    }
    Err(Error::temporary(format!("reading {}: too many redirections", redacted(&first))).hint(UNREACHED))
}

/// A URL without its secrets: user, password, query and fragment.
#[must_use]
pub fn plain(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

fn redirected(at: &Uri, answer: &Answer) -> Result<Uri> {
    let target = answer.header("location").unwrap_or_default();
    let whole = match (target.starts_with('/') && !target.starts_with("//"), origin(at)) {
        (true, Some(origin)) => format!("{origin}{target}"),
        _ => target.to_owned(),
    };
    let next = parsed(&whole)?;
    if at.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
        return Err(Error::refused(format!("reading {}: it redirects to a URL without TLS", redacted(at)))
            .hint("if you trust that URL, name it directly"));
    }
    Ok(next)
}

fn parsed(url: &str) -> Result<Uri> {
    let uri = url.parse::<Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()).ok_or_else(
        || {
            Error::configuration(format!("reading {}: it is not a web address", plain(url)))
                .hint("expected `https://host/path`")
        },
    )
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

fn redacted(uri: &Uri) -> String {
    plain(&uri.to_string())
}

const MAX_REDIRECTIONS: u32 = 5;
const UNREACHED: &str = "run the command again; `--offline` builds from the cache";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_url_holds_no_secrets() {
        assert_eq!(plain("https://me:secret@host/a?token=x#y"), "https://host/a");
        assert_eq!(plain("/srv/a.tar.gz"), "/srv/a.tar.gz");
    }

    #[test]
    fn only_web_addresses_are_accepted() {
        for url in ["ftp://host/a", "file:///a", "/a", "", "https://"] {
            assert!(parsed(url).is_err(), "{url}");
        }
    }
}
