//! Queries a cloud's metadata service. After any failure, the run continues without the answers.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stringless_core::metadata::{EACH_INTERFACE, Metadata};
use stringless_core::name::Name;

use crate::http::{Http, Request};
use crate::{host, signals};

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
    let mut answers = Answers::default();
    let (service, headers) = match open(metadata, http) {
        Ok(opened) => opened,
        Err(why) => return Answers { failure: Some(why), ..answers },
    };
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

/// Asks for one path, in the same way.
///
/// # Errors
/// A sentence that names the address.
pub fn ask(metadata: &Metadata, http: &Http, path: &str) -> Result<String, String> {
    let (service, headers) = open(metadata, http)?;
    service.send("GET", path, &headers)
}

/// The service, and the headers of every request: with a token, if it requires one.
fn open<'a>(metadata: &'a Metadata, http: &'a Http) -> Result<(Service<'a>, Headers<'a>), String> {
    let hosts = metadata.address.iter().flat_map(|address| hosts(address, &host::interfaces())).collect();
    let service = Service { http, hosts, answered: Cell::new(0), until: Instant::now() + ALL };
    let mut headers = sent(&metadata.headers);
    if let Some(token) = &metadata.token {
        headers.push((&token.header, service.token(&token.path, &sent(&token.headers))?));
    }
    Ok((service, headers))
}

type Headers<'a> = Vec<(&'a str, String)>;

fn sent(headers: &BTreeMap<String, String>) -> Headers<'_> {
    headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

/// A place where the service may be.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    /// `http://host`, put before each path.
    base: String,
    /// The header `Host`, if it is not what stands in `base`: the interface means nothing to the service.
    header: Option<String>,
}

/// The places for one address of the configuration: a link-local address is tried on each interface.
fn hosts(address: &str, interfaces: &[u32]) -> Vec<Host> {
    if !address.contains(EACH_INTERFACE) {
        return vec![Host { base: address.to_owned(), header: None }];
    }
    let bare = address.replace(EACH_INTERFACE, "");
    let header = bare.trim_start_matches("http://").to_owned();
    let on = |number: &u32| Host {
        base: address.replace(EACH_INTERFACE, &format!("%{number}")),
        header: Some(header.clone()),
    };
    interfaces.iter().map(on).collect()
}

struct Service<'a> {
    http: &'a Http,
    hosts: Vec<Host>,
    /// The index of the host that answered last, to be asked first.
    answered: Cell<usize>,
    until: Instant,
}

impl Service<'_> {
    fn url(&self, path: &str) -> String {
        let base = self.hosts.get(self.answered.get()).map_or("http://", |host| &host.base);
        format!("{base}{path}")
    }

    fn token(&self, path: &str, headers: &Headers<'_>) -> Result<String, String> {
        let answer = self.send("PUT", path, headers)?;
        let token = answer.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("PUT {}: the answer is not a token", self.url(path)));
        }
        Ok(token.to_owned())
    }

    /// Asks each host in turn, a few times. If none answers, the reason is that of the first one.
    fn send(&self, method: &str, path: &str, headers: &Headers<'_>) -> Result<String, String> {
        let mut failure = None;
        let first = self.answered.get();
        for n in 0..TRIES {
            sleep(PAUSE * n);
            for at in (first..self.hosts.len()).chain(0..first) {
                let left = self.until.saturating_duration_since(Instant::now());
                if signals::stop_requested() || left.is_zero() {
                    break;
                }
                match self.ask(&self.hosts[at], method, path, headers, left.min(EACH)) {
                    Ok(text) => {
                        self.answered.set(at);
                        return Ok(text);
                    }
                    Err(Refusal { why, last: true }) => {
                        self.answered.set(at);
                        return Err(why);
                    }
                    // What the usual address says is the best reason.
                    Err(Refusal { why, last: false }) if at == first => failure = Some(why),
                    Err(Refusal { why, last: false }) => _ = failure.get_or_insert(why),
                }
            }
        }
        Err(failure.unwrap_or_else(|| format!("{method} {}: there was no time left", self.url(path))))
    }

    /// One request to one host.
    fn ask(
        &self,
        host: &Host,
        method: &str,
        path: &str,
        headers: &Headers<'_>,
        limit: Duration,
    ) -> Result<String, Refusal> {
        let url = format!("{}{path}", host.base);
        let mut headers = headers.clone();
        headers.extend(host.header.clone().map(|name| ("host", name)));
        let again = |why: String| Refusal { why: format!("{method} {url}: {why}"), last: false };
        let reply = self.http.send_local(&Request { method, url: &url, headers: &headers, limit });
        let reply = reply.map_err(again)?;
        match reply.status {
            200 => whole(reply.into_body()).map_err(again),
            status => Err(Refusal {
                last: !WORTH_ANOTHER_TRY.contains(&status) && status < 500,
                ..again(format!("it answered {status}"))
            }),
        }
    }
}

/// Why a request brought no answer.
struct Refusal {
    why: String,
    /// Whether the service itself refused, so that another try would bring the same.
    last: bool,
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
