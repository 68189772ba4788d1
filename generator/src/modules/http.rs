//! Forges and archives over HTTP: bounded, redirections followed, no secret carried to another host.

use ureq::http::{Method, Uri};

use crate::error::{Error, Result};
use crate::http::{Answer, Call, Http};

/// Reads `url`; `None` when there is no such thing. `secret` is sent to its host alone.
///
/// # Errors
/// Temporary: nobody answers, or not with what was asked for. Refused: it is longer than `cap` bytes.
pub fn get(http: &Http, url: &str, cap: u64, secret: Option<&str>) -> Result<Option<Vec<u8>>> {
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
                return Err(Error::refused(format!("reading {}: it is longer than {cap} bytes", told(&at)))
                    .hint("no module is: was the address meant?"));
            }
            200 => return Ok(Some(answer.body)),
            404 | 410 => return Ok(None),
            301 | 302 | 303 | 307 | 308 => at = redirected(&at, &answer)?,
            status => {
                let error = Error::temporary(format!("reading {}: the server answers {status}", told(&at)));
                return Err(match status {
                    401 | 403 => error.hint("`STRINGLESS_FORGE_TOKEN` holds what a forge may ask for"),
                    _ => error.hint(UNREACHED),
                });
            }
        }
    }
    Err(Error::temporary(format!("reading {}: it leads from address to address", told(&first)))
        .hint(UNREACHED))
}

/// An address without what may be secret in it.
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
        return Err(Error::refused(format!("reading {}: it leads to an address without TLS", told(at)))
            .hint("name the address itself, if you trust it"));
    }
    Ok(next)
}

fn parsed(url: &str) -> Result<Uri> {
    let uri = url.parse::<Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()).ok_or_else(
        || {
            Error::configuration(format!("reading {}: it is no address of the web", plain(url)))
                .hint("`https://host/path` is expected")
        },
    )
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

fn told(uri: &Uri) -> String {
    plain(&uri.to_string())
}

const MAX_REDIRECTIONS: u32 = 5;
const UNREACHED: &str = "run it again; `--offline` builds from what was fetched before";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_without_secrets() {
        assert_eq!(plain("https://me:secret@host/a?token=x#y"), "https://host/a");
        assert_eq!(plain("/srv/a.tar.gz"), "/srv/a.tar.gz");
    }

    #[test]
    fn only_the_web_is_asked() {
        for url in ["ftp://host/a", "file:///a", "/a", "", "https://"] {
            assert!(parsed(url).is_err(), "{url}");
        }
    }
}
