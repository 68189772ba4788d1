//! Tests our signer with the published AWS suite, in headers and in the query string.
//!
//! The suite's service normalises paths and encodes them twice; S3 does neither. So the test prepares the
//! path by the suite's rule before it calls the signer.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use stringless_core::hash::Sha256;
use stringless_core::sigv4;
use stringless_core::sigv4::{Credentials, Request, Scope};
use stringless_core::time::Timestamp;

#[test]
fn agrees_with_the_published_suite() {
    let Some(folder) = support::vectors("sigv4") else { return };
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Two folders hold cases of the aws-sigv4 crate, not of the published suite: they say no context.
    cases.retain(|case| case.join("context.json").is_file());
    cases.sort();
    assert!(cases.len() >= 38, "{} cases", cases.len());
    for case in &cases {
        Case::read(case).run();
    }
    println!("{} cases in header and query form", cases.len());
}

struct Case {
    folder: std::path::PathBuf,
    context: Value,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    payload: String,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let context: Value = serde_json::from_str(&text(folder, "context.json")).unwrap();
        let request = text(folder, "request.txt");
        let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let (method, rest) = first.split_once(' ').unwrap();
        let target = rest.strip_suffix(" HTTP/1.1").unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            match line.split_once(':') {
                Some((name, value)) if !line.starts_with(' ') => headers.push((name.into(), value.into())),
                // A continuation line of a folded header.
                _ => headers.last_mut().unwrap().1 += line,
            }
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        // The aws-sigv4 crate writes the space of one path as `%20`, where the published suite has the space.
        let path = &decode(path);
        let normalize = context["normalize"].as_bool().unwrap();
        let path = sigv4::encode_path(&if normalize { normalized(path) } else { path.to_owned() });
        Self {
            folder: folder.into(),
            method: method.into(),
            path,
            query,
            headers,
            payload: Sha256::of(body.as_bytes()).to_string(),
            context,
        }
    }

    fn run(&self) {
        let text = |name: &str| text(&self.folder, name);
        let folder = self.folder.display();
        let time = Timestamp::parse(self.context["timestamp"].as_str().unwrap()).unwrap();
        let field = |value: &Value| value.as_str().map(str::to_owned);
        let keys = &self.context["credentials"];
        let credentials = Credentials {
            access_key_id: field(&keys["access_key_id"]).unwrap(),
            secret_access_key: field(&keys["secret_access_key"]).unwrap(),
            session_token: field(&keys["token"]),
        };
        let scope = Scope {
            region: self.context["region"].as_str().unwrap(),
            service: self.context["service"].as_str().unwrap(),
            time,
        };
        let query: Vec<_> = self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let plain: Vec<_> = self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let request = Request {
            method: &self.method,
            path: &self.path,
            query: &query,
            headers: &plain,
            payload: &self.payload,
        };

        // Header form. The suite signs fewer headers than S3 needs, so add them here instead of calling
        // `sign_headers`.
        let date = time.amz();
        let mut headers = plain.clone();
        headers.push(("x-amz-date", &date));
        if self.context["sign_body"].as_bool().unwrap() {
            headers.push(("x-amz-content-sha256", &self.payload));
        }
        let late_token = self.context["omit_session_token"].as_bool().unwrap_or(false);
        if let Some(token) = credentials.session_token.as_deref().filter(|_| !late_token) {
            headers.push(("x-amz-security-token", token));
        }
        let header_form = Request { headers: &headers, ..request };
        let (canonical, _) = sigv4::canonical_request(&header_form);
        assert_eq!(canonical, text("header-canonical-request.txt"), "{folder}");
        assert_eq!(sigv4::string_to_sign(&canonical, &scope), text("header-string-to-sign.txt"), "{folder}");
        let authorization = sigv4::authorization(&header_form, &scope, &credentials);
        assert!(authorization.ends_with(&format!("Signature={}", text("header-signature.txt"))), "{folder}");

        // Query form. If the token is added after signing, the caller does that, not the signer.
        let token = credentials.session_token.clone().filter(|_| !late_token);
        let signer = Credentials { session_token: token, ..credentials };
        let expires = u32::try_from(self.context["expiration_in_seconds"].as_u64().unwrap()).unwrap();
        let presigned = sigv4::presign(&request, &scope, &signer, expires);
        let signature = presigned.rsplit_once("X-Amz-Signature=").unwrap().1;
        assert_eq!(signature, text("query-signature.txt"), "{folder}");
    }
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap().replace("\r\n", "\n")
}

/// RFC 3986, 5.2.4, with repeated slashes merged: the suite's rule for services other than S3.
fn normalized(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{slash}", parts.join("/"))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let hex = str::from_utf8(&rest[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &rest[2..];
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
