//! The agent's own signer against the `aws-sigv4` crate, over thousands of generated requests.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "sigv4/oracle.rs"]
mod oracle;

use std::collections::BTreeMap;

use aws_sigv4::http_request::{SignableBody, SignatureLocation};
use oracle::{Asked, encode};
use proptest::prelude::*;
use stringless_core::sigv4::{
    Credentials, Request, Scope, UNSIGNED_PAYLOAD, encode_path, presign, sign_headers,
};
use stringless_core::time::Timestamp;

/// A request in our terms, from which the crate's terms are made.
#[derive(Clone, Debug)]
struct Sample {
    method: &'static str,
    host: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    payload: Option<[u8; 32]>,
    region: String,
    time: u64,
    expires: u32,
    credentials: Credentials,
}

fn samples() -> impl Strategy<Value = Sample> {
    let segment = prop_oneof![
        8 => "[a-zA-Z0-9._~-]{1,12}",
        3 => "[ -.0-~]{1,12}",
        2 => "\\PC{1,6}",
        1 => "\\.\\.?",
    ];
    let path = prop::collection::vec(segment, 0..5).prop_map(|parts| format!("/{}", parts.join("/")));
    let word = prop_oneof!["[a-zA-Z0-9_.-]{1,10}", "[ -~]{1,10}", "\\PC{1,4}"];
    let value = prop_oneof!["", "[a-zA-Z0-9_.-]{0,20}", "[ -~]{0,20}", "\\PC{0,8}"];
    let query = prop::collection::vec((word, value), 0..4);
    let name = "x-[a-z0-9-]{1,12}|range|if-match|if-none-match|content-type";
    let headers = prop::collection::btree_map(name, "[ -~]{0,30}", 0..4);
    let token = prop::option::of("[a-zA-Z0-9+/=]{1,200}");
    let keys = ("[A-Z0-9]{16,24}", "[a-zA-Z0-9+/]{20,64}", token);
    let first = (
        prop::sample::select(vec!["GET", "PUT", "HEAD", "DELETE", "POST"]),
        "[a-z0-9]{1,10}(\\.[a-z0-9-]{1,10}[a-z0-9]){0,3}(:[1-9][0-9]{3})?",
        path,
        query,
        headers,
        prop::option::of(any::<[u8; 32]>()),
    );
    // From 2000 to 2099.
    let time = 946_684_800_u64..4_102_444_800;
    let second = ("[a-z]{2}-[a-z]{3,9}-[1-9]|auto|garage|us_east", time, 1..=604_800_u32, keys);
    (first, second).prop_map(
        |((method, host, path, query, headers, payload), (region, time, expires, keys))| {
            let (access_key_id, secret_access_key, session_token) = keys;
            let headers: BTreeMap<String, String> = headers;
            Sample {
                method,
                host,
                path,
                query,
                headers: headers.into_iter().collect(),
                payload,
                region,
                time,
                expires,
                credentials: Credentials { access_key_id, secret_access_key, session_token },
            }
        },
    )
}

impl Sample {
    fn payload(&self) -> String {
        match &self.payload {
            Some(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            None => UNSIGNED_PAYLOAD.to_owned(),
        }
    }

    /// Calls `with` with the request in our terms.
    fn ours<T>(&self, payload: &str, with: impl FnOnce(&Request<'_>, &Scope<'_>) -> T) -> T {
        let path = encode_path(&self.path);
        let query: Vec<(&str, &str)> = self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut headers = vec![("host", self.host.as_str())];
        headers.extend(self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let request = Request { method: self.method, path: &path, query: &query, headers: &headers, payload };
        let scope = Scope { region: &self.region, service: "s3", time: Timestamp::from_seconds(self.time) };
        with(&request, &scope)
    }

    /// The same request for the crate.
    fn theirs(&self, location: SignatureLocation, body: SignableBody<'_>) -> BTreeMap<String, String> {
        let asked = Asked {
            method: self.method,
            host: &self.host,
            path: &encode_path(&self.path),
            query: &self.query,
            headers: self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
            region: &self.region,
            time: self.time,
            expires: self.expires,
            credentials: &self.credentials,
        };
        asked.added(location, body)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_header_form_is_that_of_the_crate(sample in samples()) {
        let payload = sample.payload();
        let ours: BTreeMap<String, String> = sample
            .ours(&payload, |request, scope| sign_headers(request, scope, &sample.credentials))
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let body = match sample.payload {
            Some(_) => SignableBody::Precomputed(payload),
            None => SignableBody::UnsignedPayload,
        };
        prop_assert_eq!(ours, sample.theirs(SignatureLocation::Headers, body));
    }

    #[test]
    fn the_query_form_is_that_of_the_crate(sample in samples()) {
        let query = sample.ours(UNSIGNED_PAYLOAD, |request, scope| {
            presign(request, scope, &sample.credentials, sample.expires)
        });
        let own: Vec<&str> = query.split('&').filter(|pair| pair.starts_with("X-Amz-")).collect();
        let theirs = sample.theirs(SignatureLocation::QueryParams, SignableBody::UnsignedPayload);
        for (name, value) in theirs {
            let pair = format!("{name}={}", encode(&value));
            prop_assert!(own.contains(&pair.as_str()), "no {pair} in {query}");
        }
    }
}
