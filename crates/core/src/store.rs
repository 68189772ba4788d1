//! Stores: their settings, and the address of an object in a store.

use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use crate::sigv4::encode_path;

/// The settings of a store, the same in `stringless.yaml` and `agent.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `s3://bucket/prefix`, `https://host/path` or `file:///path`.
    pub url: String,
    /// The region that S3 requests are signed for; only with `s3://`, and required there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `https://host[:port]` of an S3 service other than AWS; only with `s3://`. Plain `http://` is allowed
    /// for a lab: the content is signed, and secrets are never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where the bucket's name is put; only with `s3://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
}

/// Where an S3 address contains the bucket's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `https://bucket.endpoint/key`: AWS and most clouds.
    #[default]
    Virtual,
    /// `https://endpoint/bucket/key`: MinIO, Ceph, Garage, R2.
    Path,
}

/// A store with parsed settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A folder.
    File {
        /// Absolute, without a final slash.
        root: String,
    },
    /// A plain web server, read without credentials.
    Web {
        /// `https://host/path`, without a final slash.
        base: String,
    },
    /// A bucket behind the S3 API.
    S3(Bucket),
}

/// A prefix of an S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// `https` or `http`.
    pub scheme: String,
    /// `host[:port]` as in the URL and in the signed `Host` header.
    pub host: String,
    /// The part of the path before the key, encoded: `/bucket` or nothing, then the prefix.
    pub base: String,
    /// The region to sign for.
    pub region: String,
}

/// Why the settings of a store are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("store `{url}`: {why}")]
pub struct StoreError {
    /// The URL as written.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl StoreSettings {
    /// Parses the settings.
    ///
    /// # Errors
    /// [`StoreError`] for an unknown scheme, a missing setting, or a setting of another kind of store.
    pub fn parse(&self) -> Result<Store, StoreError> {
        self.parsed().map_err(|why| StoreError { url: self.url.clone(), why })
    }

    fn parsed(&self) -> Result<Store, &'static str> {
        if self.url.chars().any(|c| c.is_control() || c == ' ') {
            return Err("contains a space or control character");
        }
        if self.url.starts_with('/') {
            return Err("is a path: write `file://` before it");
        }
        let (scheme, rest) = self.url.split_once("://").ok_or("has no `://`")?;
        let plain = self.region.is_none() && self.endpoint.is_none() && self.style.is_none();
        match scheme {
            "s3" => self.bucket(rest).map(Store::S3),
            _ if !plain => Err("region, endpoint and style are for `s3://` only"),
            "https" => {
                check_host(rest)?;
                Ok(Store::Web { base: self.url.trim_end_matches('/').to_string() })
            }
            "file" => {
                // Nothing is left of `file:///`, which would be the current folder.
                let root = rest.trim_end_matches('/');
                if !root.starts_with('/') {
                    return Err("needs an absolute path: `file:///path`");
                }
                Ok(Store::File { root: root.to_string() })
            }
            _ => Err("is not `s3://`, `https://` or `file://`"),
        }
    }

    fn bucket(&self, rest: &str) -> Result<Bucket, &'static str> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(named) {
            return Err("needs a bucket name of 3 to 63 lower-case letters, digits, `-` and `.`");
        }
        let region = self.region.clone().filter(|r| !r.is_empty()).ok_or("needs a `region`")?;
        if !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err("has a `region` with other characters than letters, digits and `-`");
        }
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_string(),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        let (scheme, host) = endpoint.split_once("://").ok_or("has an `endpoint` without `https://`")?;
        if !matches!(scheme, "https" | "http") || host.contains('/') {
            return Err("needs an `endpoint` of the form `https://host[:port]`");
        }
        check_host(host)?;
        // HTTP clients leave the default port out of `Host`, and the signature covers `Host`.
        let default = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(default).unwrap_or(host);
        let style = self.style.unwrap_or_default();
        if style == Style::Virtual && is_address(host) {
            return Err("has an IP address as `endpoint`: it needs `style: path`");
        }
        if style == Style::Virtual && scheme == "https" && bucket.contains('.') {
            return Err(
                "has dots in the bucket name, which certificates do not cover: it needs `style: path`",
            );
        }
        let (host, mut base) = match style {
            Style::Virtual => (format!("{bucket}.{host}"), String::new()),
            Style::Path => (host.to_string(), format!("/{bucket}")),
        };
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() {
            base.push('/');
            base.push_str(&encode_path(prefix));
        }
        Ok(Bucket { scheme: scheme.to_string(), host, base, region })
    }
}

impl Store {
    /// The address of the object at `key` ([`crate::layout`]): a URL, or a path for a folder.
    #[must_use]
    pub fn object(&self, key: &str) -> String {
        match self {
            Self::File { root } => format!("{root}/{key}"),
            Self::Web { base } => format!("{base}/{}", encode_path(key)),
            Self::S3(bucket) => bucket.url(key),
        }
    }
}

impl Bucket {
    /// The encoded path of the object at `key`, as signed and sent.
    #[must_use]
    pub fn path(&self, key: &str) -> String {
        format!("{}/{}", self.base, encode_path(key))
    }

    /// The URL of the object at `key`.
    #[must_use]
    pub fn url(&self, key: &str) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.path(key))
    }
}

fn is_address(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host.starts_with('[') || name.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn check_host(rest: &str) -> Result<(), &'static str> {
    let host = rest.split('/').next().unwrap_or_default();
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    if host.is_empty() || !host.bytes().all(inside) {
        return Err("needs a host name of letters, digits, `-`, `.`, with `:port` at most");
    }
    if rest.contains(['?', '#']) {
        return Err("must not contain `?` or `#`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> StoreSettings {
        StoreSettings { url: url.into(), region: None, endpoint: None, style: None }
    }

    fn s3(url: &str, endpoint: Option<&str>, style: Style) -> StoreSettings {
        StoreSettings {
            region: Some("eu-central-1".into()),
            endpoint: endpoint.map(Into::into),
            style: Some(style),
            ..settings(url)
        }
    }

    #[test]
    fn builds_the_address_of_an_object() {
        let at = |settings: StoreSettings| settings.parse().unwrap().object("env/a b/head");
        assert_eq!(at(settings("file:///srv/bucket/")), "/srv/bucket/env/a b/head");
        assert_eq!(at(settings("https://cdn.example.org/x/")), "https://cdn.example.org/x/env/a%20b/head");
        assert_eq!(
            at(s3("s3://bucket/my/prefix", None, Style::Virtual)),
            "https://bucket.s3.eu-central-1.amazonaws.com/my/prefix/env/a%20b/head"
        );
        assert_eq!(
            at(s3("s3://bucket", Some("http://127.0.0.1:3900"), Style::Path)),
            "http://127.0.0.1:3900/bucket/env/a%20b/head"
        );
        assert_eq!(
            at(s3("s3://bucket", Some("https://s3.test:443"), Style::Virtual)),
            "https://bucket.s3.test/env/a%20b/head"
        );
        assert_eq!(
            at(s3("s3://bucket", Some("http://[::1]:80"), Style::Path)),
            "http://[::1]/bucket/env/a%20b/head"
        );
    }

    #[test]
    fn refuses_what_it_does_not_parsed() {
        for url in [
            "bucket",
            "ftp://x/y",
            "http://x/y",
            "file://host/x",
            "file:///",
            "file:////",
            "file://",
            "https://",
            "https://a/b?c",
            "https://us er/b",
            "https://user@host/",
            "s3://bucket",
        ] {
            assert!(settings(url).parse().is_err(), "{url}");
        }
        for (url, endpoint) in [
            ("s3://Bucket", None),
            ("s3://b", None),
            ("s3://bucket", Some("ftp://x")),
            ("s3://bucket", Some("https://x/y")),
            ("s3://bucket", Some("host")),
            ("s3://bucket", Some("https://")),
        ] {
            assert!(s3(url, endpoint, Style::Path).parse().is_err(), "{url} {endpoint:?}");
        }
        for address in ["http://127.0.0.1:3900", "https://[::1]"] {
            assert!(s3("s3://bucket", Some(address), Style::Virtual).parse().is_err(), "{address}");
        }
        let dotted = |endpoint, style| s3("s3://my.bucket", endpoint, style).parse();
        assert!(dotted(None, Style::Virtual).unwrap_err().why.contains("style: path"));
        assert!(dotted(None, Style::Path).is_ok());
        assert!(dotted(Some("http://s3.test"), Style::Virtual).is_ok());
        let foreign = StoreSettings { region: Some("x".into()), ..settings("https://a/b") };
        assert!(foreign.parse().is_err());
        let injected = StoreSettings { region: Some("a/b".into()), ..settings("s3://bucket") };
        assert!(injected.parse().is_err());
    }
}
