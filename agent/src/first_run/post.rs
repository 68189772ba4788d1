//! Sends a signal: a signed POST, a few times if there is no answer.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use stringless_core::backoff;
use stringless_core::hash::Sha256;
use stringless_core::signal::Signal;
use stringless_core::sigv4::{self, Scope};
use stringless_core::status::IdSource;
use stringless_core::time::Timestamp;

use crate::http::{Request, element};
use crate::io::{Io, random};
use crate::node::Node;
use crate::signals;
use crate::store::credentials::Keyring;

/// Why a signal was not taken.
pub struct Failure {
    /// A sentence, with the service's own words if it answered.
    pub why: String,
    /// Whether the service understood the signal and does not want it: it would refuse it again.
    pub last: bool,
}

/// Sends a signal for this node.
///
/// # Errors
/// Why it was not taken.
pub fn send(signal: &Signal, good: bool, node: &Node, io: &Arc<Io>) -> Result<(), Failure> {
    if !matches!(node.id_source, IdSource::CloudInit | IdSource::Metadata) {
        let why = node.warning.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        return Err(Failure { why: format!("the instance id is unknown{why}"), last: false });
    }
    let body = signal.form(good, &node.id);
    let keyring = Keyring::new(signal.credentials.clone());
    let (mut tried, mut time) = (0, io.clock.now());
    loop {
        tried += 1;
        let refusal = match post(signal, &body, time, &keyring, io) {
            Ok(()) => return Ok(()),
            Err(refusal) => refusal,
        };
        let pause = backoff::wait(tried, random()).filter(|_| !signals::stop_requested());
        match (refusal.time, pause) {
            // The signature needs the time of the service, not ours.
            (Some(server), Some(_)) if server.seconds().abs_diff(time.seconds()) > TOLERANCE => time = server,
            (_, Some(pause)) if refusal.retry => sleep(Duration::from_millis(pause)),
            _ => return Err(refusal.failure),
        }
    }
}

/// What came in place of the service's consent.
struct Refusal {
    failure: Failure,
    /// Whether the same request may succeed soon.
    retry: bool,
    /// The service's time.
    time: Option<Timestamp>,
}

impl Refusal {
    fn unsent(why: String) -> Self {
        Self { failure: Failure { why, last: false }, retry: true, time: None }
    }
}

/// Sends the form once, signed at `time`.
fn post(signal: &Signal, body: &str, time: Timestamp, keyring: &Keyring, io: &Io) -> Result<(), Refusal> {
    let credentials = keyring.get(io).map_err(|why| Refusal::unsent(format!("no credentials: {why}")))?;
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
    if let Some(credentials) = &credentials {
        let payload = Sha256::of(body.as_bytes()).to_string();
        let request = sigv4::Request {
            method: "POST",
            path: "/",
            query: &[],
            headers: &[("host", signal.host()), ("content-type", &headers[0].1)],
            payload: &payload,
        };
        let scope = Scope { region: &signal.region, service: &signal.service, time };
        headers.extend(sigv4::sign_headers(&request, &scope, credentials));
    }
    let request = Request { method: "POST", url: &signal.endpoint, headers: &headers, limit: LIMIT };
    let reply = io.http.send_body(&request, body.as_bytes()).map_err(Refusal::unsent)?;
    if reply.status == 200 {
        return Ok(());
    }
    let time = reply.header("date").and_then(|text| Timestamp::parse_http(text).ok());
    let (status, answer) = (reply.status, reply.text(ERROR_BODY));
    let (code, message) = (quoted(&answer, "Code"), quoted(&answer, "Message"));
    let why = format!("the service answered {status} {code}: {message}");
    let busy = matches!(status, 408 | 429 | 500..) || code.starts_with("Throttl");
    // 403 may be a permission that the role does not have yet; 400 is about the signal itself.
    let last = status == 400 && !busy && !code.contains("Expired");
    Err(Refusal {
        failure: Failure { why: why.trim_end_matches([':', ' ']).into(), last },
        retry: busy,
        time,
    })
}

/// The text of an element, on one line.
fn quoted(answer: &str, name: &str) -> String {
    let text = element(answer, name).unwrap_or_default();
    text.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

const LIMIT: Duration = Duration::from_secs(20);
const ERROR_BODY: u64 = 16 * 1024;
/// The most characters of an answer that a message quotes.
const QUOTED: usize = 400;
/// Seconds. Services refuse signatures that differ by more than 300 or 900.
const TOLERANCE: u64 = 240;
