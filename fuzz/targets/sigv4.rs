//! Signatures of requests: compares ours with the `aws-sigv4` crate, in headers and in the query string.
#![no_main]

#[path = "../../generator/tests/sigv4/oracle.rs"]
mod oracle;

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use aws_sigv4::http_request::{SignableBody, SignatureLocation};
use fuzz::start;
use libfuzzer_sys::fuzz_target;
use oracle::{Asked, encode};
use stringless_core::hash::Sha256;
use stringless_core::sigv4::{
    Credentials, Request, Scope, UNSIGNED_PAYLOAD, canonical_request, encode_path, presign, sign_headers,
};
use stringless_core::time::Timestamp;

fuzz_target!(init: start(seeds), |input: &[u8]| {
    if let Ok(sample) = Sample::arbitrary(&mut Unstructured::new(input)) {
        sample.check();
    }
});

/// A request for our signer, which is also converted for the crate.
#[derive(Arbitrary, Debug)]
struct Sample {
    method: Method,
    unsigned: bool,
    time: u32,
    expires: u32,
    token: Option<String>,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(u8, String)>,
    secret: String,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Method {
    Get,
    Put,
    Head,
    Delete,
    Post,
}

impl Sample {
    fn check(mut self) {
        self.query.truncate(6);
        // S3 does not use parameters without a name.
        self.query.retain(|(key, _)| !key.is_empty());
        // Only characters that a header may contain, and each name once, as our callers do.
        let visible = |text: &str| text.chars().filter(|c| (' '..='~').contains(c)).collect::<String>();
        let headers: BTreeMap<String, String> = self
            .headers
            .iter()
            .take(6)
            .map(|(name, value)| (format!("x-h{}", name % 16), visible(value)))
            .collect();
        self.token =
            self.token.map(|token| visible(&token).replace(' ', "")).filter(|token| !token.is_empty());
        self.round_trip();
        let payload = match self.unsigned {
            true => UNSIGNED_PAYLOAD.to_owned(),
            false => Sha256::of(self.secret.as_bytes()).to_string(),
        };
        self.header_form(&headers, &payload);
        self.query_form(&headers);
    }

    /// An encoded path contains only characters allowed in a URL, and decodes to the same path.
    fn round_trip(&self) {
        let encoded = encode_path(&self.path);
        assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)));
        let mut decoded = Vec::new();
        let mut rest = encoded.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let (byte, after) = match byte {
                b'%' => (u8::from_str_radix(str::from_utf8(&after[..2]).unwrap(), 16).unwrap(), &after[2..]),
                _ => (byte, after),
            };
            decoded.push(byte);
            rest = after;
        }
        assert_eq!(decoded, self.path.as_bytes());
    }

    fn header_form(&self, headers: &BTreeMap<String, String>, payload: &str) {
        let ours = self.ours(headers, payload, |request, scope| {
            let (canonical, signed) = canonical_request(request);
            // One line each: method, path, query, every header, an empty line, the names, the payload.
            assert_eq!(canonical.lines().count(), 6 + request.headers.len());
            assert!(signed.split(';').is_sorted());
            sign_headers(request, scope, &self.credentials())
        });
        let ours: BTreeMap<String, String> =
            ours.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let body = match self.unsigned {
            true => SignableBody::UnsignedPayload,
            false => SignableBody::Precomputed(payload.into()),
        };
        let theirs = self.theirs(headers, SignatureLocation::Headers, body);
        assert_eq!(ours, theirs);
    }

    fn query_form(&self, headers: &BTreeMap<String, String>) {
        let query = self.ours(headers, UNSIGNED_PAYLOAD, |request, scope| {
            presign(request, scope, &self.credentials(), self.expires())
        });
        let own: Vec<&str> = query.split('&').filter(|pair| pair.starts_with("X-Amz-")).collect();
        let theirs = self.theirs(headers, SignatureLocation::QueryParams, SignableBody::UnsignedPayload);
        for (name, value) in theirs {
            let pair = format!("{name}={}", encode(&value));
            assert!(own.contains(&pair.as_str()), "no {pair} in {query}");
        }
    }

    fn ours<T>(
        &self,
        headers: &BTreeMap<String, String>,
        payload: &str,
        with: impl FnOnce(&Request<'_>, &Scope<'_>) -> T,
    ) -> T {
        let path = self.path();
        let query: Vec<(&str, &str)> = self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut all = vec![("host", HOST)];
        all.extend(headers.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let request = Request { method: self.method(), path: &path, query: &query, headers: &all, payload };
        let time = Timestamp::from_seconds(self.time.into());
        with(&request, &Scope { region: "eu-central-1", service: "s3", time })
    }

    /// The result of the crate for the same request.
    fn theirs(
        &self,
        headers: &BTreeMap<String, String>,
        location: SignatureLocation,
        body: SignableBody<'_>,
    ) -> BTreeMap<String, String> {
        let asked = Asked {
            method: self.method(),
            host: HOST,
            path: &self.path(),
            query: &self.query,
            headers: headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
            region: "eu-central-1",
            time: self.time.into(),
            expires: self.expires(),
            credentials: &self.credentials(),
        };
        asked.added(location, body)
    }

    fn path(&self) -> String {
        format!("/{}", encode_path(&self.path))
    }

    fn method(&self) -> &'static str {
        match self.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Head => "HEAD",
            Method::Delete => "DELETE",
            Method::Post => "POST",
        }
    }

    fn expires(&self) -> u32 {
        self.expires % 604_800 + 1
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: self.secret.clone(),
            session_token: self.token.clone(),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let text = b"env/production/head list-type=2 prefix=a b ?&=%2f x-amz  \t y \xc3\xa9 ";
    let mut counting: Vec<u8> = (0..=255).collect();
    counting.extend_from_slice(text);
    counting.extend([9, 3, 4, 20, 8, 2, 12, 30]);
    vec![vec![0; 40], [text.repeat(3), vec![20, 5, 8, 3, 16, 2, 24]].concat(), counting]
}

const HOST: &str = "bucket.s3.eu-central-1.amazonaws.com";
