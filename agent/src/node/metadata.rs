//! Queries a cloud's metadata service. After any failure, the run continues without the answers.

use std::collections::BTreeMap;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stringless_core::metadata::Metadata;
use stringless_core::name::Name;

use crate::http::{Http, Request};
use crate::signals;

/// The answers of the service.
#[derive(Debug, Default)]
pub struct Answers {
    /// The id of the instance.
    pub instance_id: Option<Name>,
    /// The region.
    pub region: Option<Name>,
    /// Why one of them is missing.
    pub failure: Option<String>,
}

/// Queries the id and the region: a few short tries, never through a proxy, without redirects.
pub fn query(metadata: &Metadata, http: &Http) -> Answers {
    let service = Service { http, address: &metadata.address, until: Instant::now() + ALL };
    let mut headers = sent(&metadata.headers);
    let mut answers = Answers::default();
    if let Some(token) = &metadata.token {
        match service.token(&token.path, &sent(&token.headers)) {
            Ok(text) => headers.push((&token.header, text)),
            Err(why) => return Answers { failure: Some(why), ..answers },
        }
    }
    // One document may hold both answers.
    let mut answer = (String::new(), String::new());
    let questions = [Some(&metadata.instance_id), metadata.region.as_ref()];
    for (question, into) in questions.into_iter().zip([&mut answers.instance_id, &mut answers.region]) {
        let Some(question) = question else { continue };
        let fetched = match answer.0 == question.path {
            true => Ok(()),
            false => service.send("GET", &question.path, &headers).map(|text| {
                answer = (question.path.clone(), text);
            }),
        };
        let read = || question.read(&answer.1).map_err(|why| format!("{}: {why}", service.url(&answer.0)));
        match fetched.and_then(|()| read()) {
            Ok(name) => *into = Some(name),
            // After a failure, do not query the rest: one reason is enough.
            Err(why) => {
                answers.failure = Some(why);
                break;
            }
        }
    }
    answers
}

type Headers<'a> = Vec<(&'a str, String)>;

fn sent(headers: &BTreeMap<String, String>) -> Headers<'_> {
    headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

struct Service<'a> {
    http: &'a Http,
    address: &'a str,
    until: Instant,
}

impl Service<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    fn token(&self, path: &str, headers: &Headers<'_>) -> Result<String, String> {
        let answer = self.send("PUT", path, headers)?;
        let token = answer.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("PUT {}: the answer is not a token", self.url(path)));
        }
        Ok(token.to_owned())
    }

    fn send(&self, method: &str, path: &str, headers: &Headers<'_>) -> Result<String, String> {
        let url = self.url(path);
        let mut failure = String::new();
        for n in 0..TRIES {
            sleep(PAUSE * n);
            let left = self.until.saturating_duration_since(Instant::now());
            if signals::stop_requested() || left.is_zero() {
                break;
            }
            let request = Request { method, url: &url, headers, limit: left.min(EACH) };
            match self.http.send_local(&request) {
                Ok(reply) if reply.status == 200 => match whole(reply.into_body()) {
                    Ok(text) => return Ok(text),
                    Err(why) => failure = format!("{method} {url}: {why}"),
                },
                Ok(reply) => {
                    failure = format!("{method} {url}: it answered {}", reply.status);
                    if !WORTH_ANOTHER_TRY.contains(&reply.status) && reply.status < 500 {
                        break;
                    }
                }
                Err(why) => failure = format!("{method} {url}: {why}"),
            }
        }
        if failure.is_empty() { Err(format!("{method} {url}: there was no time left")) } else { Err(failure) }
    }
}

/// Reads a body to its end. Part of an id could be the id of another node.
fn whole(body: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    body.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it answered more than {LONGEST} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "the answer is not text".to_owned())
}

const TRIES: u32 = 3;
/// The service is on the same host or near it. If it takes longer, it does not exist.
const EACH: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(200);
/// The time limit for all queries together.
const ALL: Duration = Duration::from_secs(8);
/// The longest answer. The document with the value may also contain user-data and keys.
const LONGEST: u64 = 128 * 1024;
/// Services send these during an update or when they are overloaded.
const WORTH_ANOTHER_TRY: [u16; 4] = [404, 408, 410, 429];
