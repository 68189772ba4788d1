//! AWS Signature Version 4, in headers and in the query string, as S3-compatible services accept it.
//!
//! Spec: "Signing AWS API requests" in the AWS IAM user guide. Differs from spec, as S3 does: the path is
//! encoded once and never normalised. The tests compare this code with the published suite and with the
//! `aws-sigv4` crate.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::time::Timestamp;

/// Keys of an account or role. The `Debug` form shows only the id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// The session token of temporary keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
}

impl Credentials {
    /// Checks that the keys can be sent and signed with.
    ///
    /// # Errors
    /// The name of the value and what is wrong with it. The text does not show the value.
    pub fn check(&self) -> Result<(), String> {
        let all = [
            ("access_key_id", Some(&self.access_key_id)),
            ("secret_access_key", Some(&self.secret_access_key)),
            ("session_token", self.session_token.as_ref()),
        ];
        for (name, value) in all {
            let Some(value) = value else { continue };
            let why = if value.is_empty() {
                "is empty"
            } else if value.ends_with(['\n', '\r']) {
                "ends with a newline: remove it"
            } else if value.starts_with(char::is_whitespace) || value.ends_with(char::is_whitespace) {
                "begins or ends with a space: remove it"
            } else if !value.bytes().all(|b| b.is_ascii_graphic()) {
                "contains a character that is not printable ASCII, or a space"
            } else {
                continue;
            };
            return Err(format!("`{name}` {why}"));
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// The parts of a request that are signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `PUT` …
    pub method: &'a str,
    /// The path, already encoded ([`encode_path`]), with its leading slash.
    pub path: &'a str,
    /// Query parameters, not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers to sign in addition to those that signing adds. `host` must be one of them.
    pub headers: &'a [(&'a str, &'a str)],
    /// The SHA-256 of the body in hex, or [`UNSIGNED_PAYLOAD`].
    pub payload: &'a str,
}

/// Where and when a signature is valid.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The region's name as the service knows it.
    pub region: &'a str,
    /// `s3`.
    pub service: &'a str,
    /// The time of signing.
    pub time: Timestamp,
}

/// Used as the payload hash if the body is not signed (S3 only).
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The SHA-256 of an empty body, in hex.
pub const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The headers to add to an S3 request: date, payload hash, token and `authorization`. The names are lower
/// case.
#[must_use]
pub fn sign_headers(
    request: &Request<'_>,
    scope: &Scope<'_>,
    credentials: &Credentials,
) -> Vec<(&'static str, String)> {
    let mut added = Vec::from([("x-amz-date", scope.time.amz())]);
    added.push(("x-amz-content-sha256", request.payload.into()));
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token", token.clone()));
    }
    let mut headers = request.headers.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    let authorization = authorization(&Request { headers: &headers, ..*request }, scope, credentials);
    added.push(("authorization", authorization));
    added
}

/// The value of the `authorization` header that signs exactly the headers of `request`.
#[must_use]
pub fn authorization(request: &Request<'_>, scope: &Scope<'_>, credentials: &Credentials) -> String {
    let (canonical, signed) = canonical_request(request);
    let signature = signature(&canonical, scope, credentials);
    let id = &credentials.access_key_id;
    let scope = scope.text();
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}")
}

/// The query string of a presigned request that is valid for `expires` seconds (at most seven days).
#[must_use]
pub fn presign(request: &Request<'_>, scope: &Scope<'_>, credentials: &Credentials, expires: u32) -> String {
    let credential = format!("{}/{}", credentials.access_key_id, scope.text());
    let (time, expires, signed) = (scope.time.amz(), format!("{expires}"), signed_headers(request.headers));
    let mut query = request.query.to_vec();
    query.extend([
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", credential.as_str()),
        ("X-Amz-Date", time.as_str()),
        ("X-Amz-Expires", expires.as_str()),
        ("X-Amz-SignedHeaders", signed.as_str()),
    ]);
    if let Some(token) = &credentials.session_token {
        query.push(("X-Amz-Security-Token", token));
    }
    let (canonical, _) = canonical_request(&Request { query: &query, ..*request });
    let signature = signature(&canonical, scope, credentials);
    format!("{}&X-Amz-Signature={signature}", self::query(&query))
}

/// The canonical request and its list of signed headers.
#[must_use]
pub fn canonical_request(request: &Request<'_>) -> (String, String) {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in request.headers {
        let (name, value) = (name.to_ascii_lowercase(), folded(value));
        match headers.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => *values = format!("{values},{value}"),
            None => headers.push((name, value)),
        }
    }
    headers.sort();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let signed = signed_headers(request.headers);
    let Request { method, path, payload, .. } = request;
    let query = query(request.query);
    (format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}"), signed)
}

/// The string to sign for a canonical request.
#[must_use]
pub fn string_to_sign(canonical: &str, scope: &Scope<'_>) -> String {
    let hash = Sha256::of(canonical.as_bytes());
    format!("AWS4-HMAC-SHA256\n{}\n{}\n{hash}", scope.time.amz(), scope.text())
}

/// Encodes a path as S3 does: once, every byte except `/` and the unreserved characters.
#[must_use]
pub fn encode_path(path: &str) -> String {
    encode(path, b"/")
}

fn signature(canonical: &str, scope: &Scope<'_>, credentials: &Credentials) -> String {
    let secret = format!("AWS4{}", credentials.secret_access_key);
    let time = scope.time.amz();
    let date = &time[..8];
    let key = [date, scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    let bytes = hmac(&key, string_to_sign(canonical, scope).as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn signed_headers(headers: &[(&str, &str)]) -> String {
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    names.join(";")
}

/// These pairs as a query string or a form: encoded and sorted.
#[must_use]
pub fn query(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<_> = query.iter().map(|(key, value)| (encode(key, b""), encode(value, b""))).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join("&")
}

fn encode(text: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Removes outer blanks, and replaces each inner run of blanks with one.
fn folded(value: &str) -> String {
    let words: Vec<_> = value.split_ascii_whitespace().collect();
    words.join(" ")
}

impl Scope<'_> {
    fn text(&self) -> String {
        let time = self.time.amz();
        format!("{}/{}/{}/aws4_request", &time[..8], self.region, self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_value_that_cannot_be_sent() {
        let good = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: "secret/key+=".into(),
            session_token: Some("token".into()),
        };
        assert_eq!(good.check(), Ok(()));
        let with = |change: fn(&mut Credentials)| {
            let mut keys = good.clone();
            change(&mut keys);
            keys.check().unwrap_err()
        };
        for (why, expected) in [
            (with(|keys| keys.secret_access_key.push('\n')), "`secret_access_key` ends with a newline"),
            (with(|keys| keys.secret_access_key.push_str("\r\n")), "`secret_access_key` ends with a newline"),
            (with(|keys| keys.access_key_id.insert(0, ' ')), "`access_key_id` begins or ends with a space"),
            (with(|keys| keys.access_key_id.push('\u{e9}')), "`access_key_id` contains a character"),
            (with(|keys| keys.secret_access_key.insert(3, '\n')), "`secret_access_key` contains a character"),
            (with(|keys| keys.session_token = Some(String::new())), "`session_token` is empty"),
        ] {
            assert!(why.starts_with(expected), "{why}");
            assert!(!why.contains("secret/"), "{why}");
        }
    }
}
