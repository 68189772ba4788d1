//! An S3 bucket as a store: `aws-sigv4` signs the requests, and writes are conditional.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningParams, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use stringless_core::hash::Sha256;
use stringless_core::sigv4::Credentials;
use stringless_core::store::{Bucket, StoreSettings};
use stringless_core::time::Timestamp;
use ureq::http::Method;

use super::listing::{self, Page};
use super::{Condition, Listed, Object, Put};
use crate::error::{Error, Result};
use crate::http::{Answer, Call, Http, Limits};

/// A bucket, with the keys to access it.
#[derive(Debug)]
pub struct S3Store {
    bucket: Bucket,
    /// The prefix of each key: empty, or ending in a slash.
    prefix: String,
    keys: Credentials,
    http: Http,
}

impl S3Store {
    pub(super) fn new(bucket: Bucket, prefix: String, keys: Credentials, http: Http) -> Self {
        Self { bucket, prefix, keys, http }
    }

    pub(super) fn url(&self, key: &str) -> String {
        self.bucket.url(key)
    }

    pub(super) fn get(&self, key: &str, cap: u64) -> Result<Option<Object>> {
        let url = self.url(key);
        let answer = self.request(&Method::GET, &url, &[], None, cap.max(ERROR_CAP))?;
        match answer.status {
            200 if answer.cut || answer.body.len() as u64 > cap => {
                Err(Error::refused(format!("reading {url}: larger than {cap} bytes")))
            }
            200 => {
                super::check_content(&url, &answer)?;
                let etag = answer.header("etag").map(ToOwned::to_owned);
                let age = age(&answer);
                Ok(Some(Object { bytes: answer.body, etag, age }))
            }
            404 if code(&answer) != "NoSuchBucket" => Ok(None),
            _ => Err(self.explain("reading", &url, &answer)),
        }
    }

    pub(super) fn holds(&self, key: &str, size: u64) -> Result<bool> {
        let answer = self.request(&Method::HEAD, &self.url(key), &[], None, 0)?;
        match answer.status {
            200 => Ok(answer.header("content-length").is_none_or(|length| length == size.to_string())),
            404 => Ok(false),
            // The response to HEAD has no body with the reason; the response to GET has.
            _ => Ok(self.get(key, size)?.is_some_and(|object| object.bytes.len() as u64 == size)),
        }
    }

    pub(super) fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Put> {
        let header = match condition {
            Condition::Absent => ("if-none-match", "*"),
            Condition::Unchanged(etag) => ("if-match", etag),
        };
        let answer = self.request(&Method::PUT, &self.url(key), bytes, Some(header), ERROR_CAP)?;
        match answer.status {
            200 | 201 | 204 => Ok(Put::Written),
            409 | 412 => Ok(Put::Rejected),
            // The service has no conditional writes: treat it like one that ignores the condition.
            501 => self.replace(key, bytes).map(|()| Put::Written),
            _ => Err(self.explain("writing", &self.url(key), &answer)),
        }
    }

    pub(super) fn replace(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let answer = self.request(&Method::PUT, &self.url(key), bytes, None, ERROR_CAP)?;
        match answer.status {
            200 | 201 | 204 => Ok(()),
            _ => Err(self.explain("writing", &self.url(key), &answer)),
        }
    }

    /// Lists with ListObjectsV2, page by page.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let (mut found, mut token) = (Vec::new(), None);
        let full = format!("{}{prefix}", self.prefix);
        for _ in 0..MAX_PAGES {
            let url = self.page(&full, token.as_deref());
            let answer = self.request(&Method::GET, &url, &[], None, PAGE_CAP)?;
            if answer.status != 200 || answer.cut {
                return Err(self.explain("listing", &self.url(prefix), &answer));
            }
            let page = Page::read(&answer.body).and_then(|page| page.objects(&full, &self.prefix));
            let refused = |why| Error::temporary(format!("listing {}: {why}", self.url(prefix)));
            let (more, next) = page.map_err(|why| refused(why).hint(LISTING))?;
            found.extend(more);
            match next {
                None => return Ok(found),
                Some(next) if token.as_ref() == Some(&next) => {
                    return Err(refused("the service sent the same page twice".into()).hint(LISTING));
                }
                next => token = next,
            }
        }
        Err(Error::refused(format!("listing {}: more than {MAX_PAGES} pages", self.url(prefix)))
            .hint("give the site a bucket or prefix of its own"))
    }

    /// The URL of a page of the listing: that of the bucket, without the prefix.
    fn page(&self, prefix: &str, token: Option<&str>) -> String {
        let url = self.url("");
        let own = stringless_core::sigv4::encode_path(&self.prefix);
        let bucket = url.strip_suffix(own.as_str()).unwrap_or(&url);
        let token = token.map(|token| format!("continuation-token={}&", listing::query(token)));
        format!("{bucket}?{}list-type=2&prefix={}", token.unwrap_or_default(), listing::query(prefix))
    }

    pub(super) fn delete(&self, key: &str, limits: Limits<'_>) -> Result<()> {
        let url = self.url(key);
        let answer = self.request_within(&Method::DELETE, &url, &[], None, ERROR_CAP, limits)?;
        match answer.status {
            200 | 204 => Ok(()),
            404 if code(&answer) != "NoSuchBucket" => Ok(()),
            _ => Err(self.explain("removing", &url, &answer)),
        }
    }

    /// A URL that reads the object without keys, for `lifetime`, at most seven days.
    ///
    /// # Errors
    /// When the request cannot be signed.
    pub fn presign(&self, key: &str, lifetime: Duration, now: SystemTime) -> Result<String> {
        let mut settings = settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lifetime.min(MAX_PRESIGNED));
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let url = self.url(key);
        let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::UnsignedPayload);
        let (_, query) = self.sign(request, settings, now, &url)?;
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| {
                format!("{name}={}", stringless_core::sigv4::encode_path(value).replace('/', "%2F"))
            })
            .collect();
        Ok(format!("{url}?{}", query.join("&")))
    }

    pub(super) fn request(
        &self,
        method: &Method,
        url: &str,
        body: &[u8],
        condition: Option<(&str, &str)>,
        cap: u64,
    ) -> Result<Answer> {
        let limits = Limits { attempt: None, may_try: &|| true };
        self.request_within(method, url, body, condition, cap, limits)
    }

    fn request_within(
        &self,
        method: &Method,
        url: &str,
        body: &[u8],
        condition: Option<(&str, &str)>,
        cap: u64,
        limits: Limits<'_>,
    ) -> Result<Answer> {
        let hash = Sha256::of(body).to_string();
        self.http.send_within(url, cap, limits, || {
            let extra = condition.into_iter();
            let body_of = SignableBody::Precomputed(hash.clone());
            let request = SignableRequest::new(method.as_str(), url, extra.clone(), body_of);
            let (signed, _) = self.sign(request, settings(), SystemTime::now(), url)?;
            let mut headers: Vec<(String, String)> =
                extra.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            headers.extend(signed);
            Ok(Call { method: method.clone(), headers, body })
        })
    }

    fn sign(
        &self,
        request: std::result::Result<SignableRequest<'_>, aws_sigv4::http_request::SigningError>,
        settings: SigningSettings,
        now: SystemTime,
        url: &str,
    ) -> Result<(Pairs, Pairs)> {
        let failed =
            |e: &dyn std::fmt::Display| Error::temporary(format!("signing the request for {url}: {e}"));
        let keys = &self.keys;
        let token = keys.session_token.clone();
        let identity =
            AwsCredentials::new(&keys.access_key_id, &keys.secret_access_key, token, None, "stringless")
                .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.bucket.region)
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|e| failed(&e))?;
        let request = request.map_err(|e| failed(&e))?;
        let output = sign(request, &SigningParams::V4(params)).map_err(|e| failed(&e))?;
        let (headers, query) = output.into_parts().0.into_parts();
        let headers = headers.iter().map(|h| (h.name().to_owned(), h.value().to_owned())).collect();
        let query = query.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
        Ok((headers, query))
    }

    fn explain(&self, doing: &str, url: &str, answer: &Answer) -> Error {
        let code = code(answer);
        let (id, region) = (&self.keys.access_key_id, &self.bucket.region);
        let status =
            if code.is_empty() { answer.status.to_string() } else { format!("{} {code}", answer.status) };
        let error = |cause: &str| format!("{doing} {url}: the store answered {status}{cause}");
        let elsewhere = answer.header("x-amz-bucket-region").filter(|there| there != region);
        if let Some(there) = elsewhere {
            return Error::configuration(error(&format!(": the bucket is in region `{there}`")))
                .hint(format!("`region: {there}` in the store of the site file; it is `{region}` now"));
        }
        match (answer.status, code.as_str()) {
            (404, _) => Error::configuration(error(": there is no such bucket"))
                .hint("check the bucket's name, `endpoint` and `style` in the site file"),
            (301 | 302 | 303 | 307 | 308, _) => Error::configuration(error(": the bucket is at another address"))
                .hint(format!("check `region` (`{region}` now), `endpoint` and `style` in the site file")),
            (_, "InvalidAccessKeyId") => Error::configuration(error(&format!(": the key `{id}` is unknown")))
                .hint("`AWS_ACCESS_KEY_ID`, or the profile of `AWS_PROFILE`, holds a key of another service, or a deleted key"),
            (_, "SignatureDoesNotMatch") => Error::configuration(error(&format!(": the signature of key `{id}` is wrong")))
                .hint(format!("check `AWS_SECRET_ACCESS_KEY`, and the `region` (`{region}` now)")),
            (400 | 403, "AuthorizationHeaderMalformed") => Error::configuration(error(&format!(": the bucket is not in region `{region}`")))
                .hint("set `region` of the store in the site file to the region of the bucket"),
            (_, "RequestTimeTooSkewed") => Error::temporary(error(": this machine's clock is off by more than 15 minutes"))
                .hint("set the clock"),
            (_, "ExpiredToken" | "InvalidToken") => Error::configuration(error(&format!(": the session of key `{id}` has expired")))
                .hint("fetch new temporary keys; `AWS_SESSION_TOKEN` belongs to them"),
            (403, _) if doing == "removing" => Error::configuration(error(&format!(": key `{id}` is not allowed to delete")))
                .hint("gc needs s3:DeleteObject, which a publisher's key does not have: use a key of the bucket's owner"),
            (403, _) => Error::configuration(error(&format!(": key `{id}` is not allowed to do this")))
                .hint(format!("it needs s3:GetObject, s3:PutObject and s3:ListBucket; a wrong `region` (`{region}` now) has the same effect")),
            _ => Error::temporary(error("")),
        }
    }
}

/// The prefix of each key in the bucket that `settings` describe.
pub(super) fn prefix(settings: &StoreSettings) -> String {
    let rest = settings.url.strip_prefix("s3://").unwrap_or_default();
    let prefix = rest.split_once('/').map_or("", |(_, prefix)| prefix).trim_matches('/');
    if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
}

fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

/// How many seconds ago the object was written: both times are by the clock of the store.
fn age(answer: &Answer) -> Option<u64> {
    let time = |name| Timestamp::parse_http(answer.header(name)?).ok();
    Some(time("date")?.seconds().saturating_sub(time("last-modified")?.seconds()))
}

/// The `<Code>` of an error body.
fn code(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let code =
        body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    code.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

/// Headers, or query parameters.
type Pairs = Vec<(String, String)>;

const ERROR_CAP: u64 = 64 * 1024;
/// Ten times the size of a page of a thousand keys of the longest kind.
const PAGE_CAP: u64 = 16 << 20;
/// Pages of a thousand keys each.
const MAX_PAGES: u32 = 10_000;
const LISTING: &str = "the service does not follow ListObjectsV2: report it to its operator";
const MAX_PRESIGNED: Duration = Duration::from_secs(7 * 86_400);
