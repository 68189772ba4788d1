//! Answers of a store, read with the agent's own HTTP client: any bytes on a real connection, and valid
//! answers in every framing.
#![no_main]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use fuzz::{seed, start};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use stringless_agent::clock::Clock;
use stringless_agent::disk::Disk;
use stringless_agent::http::Http;
use stringless_agent::io::{Io, Traffic};
use stringless_agent::store::document::{DocumentAnswer, RetryPolicy};
use stringless_agent::store::{Answer, GetRequest, StoreClient};
use stringless_core::config::NodeStore;
use stringless_core::json::{self, MAX_BYTES};
use stringless_core::time::Timestamp;

fuzz_target!(init: start(seeds), |input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    if mode & 0x80 == 0 {
        any(rest, mode & 1 == 1, mode & 2 == 2, mode & 4 == 4);
    } else if let Ok(answer) = True::arbitrary(&mut Unstructured::new(rest)) {
        answer.check();
    }
});

/// Any bytes: the agent sends at most two requests, values are bounded, and messages are printable.
fn any(reply: &[u8], whole: bool, conditional: bool, keys: bool) {
    let store = &*STORE;
    // The second part is the answer to a request that was signed again.
    let replies: Vec<Vec<u8>> = reply.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    store.set_replies(replies);
    let source = StoreClient::new(&settings(store.port, keys), &store.io()).unwrap();
    if whole {
        let etag = conditional.then_some("\"x\"");
        match source.document("env/production/head", etag, &RetryPolicy::brief()) {
            Ok(DocumentAnswer::NotModified) => assert!(conditional),
            Ok(DocumentAnswer::Missing) => {}
            Ok(DocumentAnswer::Document(bytes, etag)) => {
                assert!(bytes.len() <= MAX_BYTES + 1);
                assert!(etag.is_none_or(|etag| etag.len() <= 256 && !etag.chars().any(char::is_control)));
            }
            Err((failure, tried)) => {
                assert_eq!(tried, 1);
                assert!(failure.retry_after_ms() <= 60_000);
                assert!(!failure.message.chars().any(char::is_control), "{:?}", failure.message);
            }
        }
    } else {
        let from = if conditional { 5 } else { 0 };
        let wanted = GetRequest { key: "packs/x.tar.gz", etag: None, from, limit: LIMIT };
        match source.get(&wanted) {
            Ok(Answer::NotModified) => panic!("not modified, but the request had no ETag"),
            Ok(Answer::Missing) => {}
            Ok(Answer::Content { from: found, mut body, .. }) => {
                assert!(found == 0 || found == from);
                let _ = body.read_to_end(&mut Vec::new());
            }
            Err(failure) => assert!(!failure.message.chars().any(char::is_control), "{:?}", failure.message),
        }
    }
    drop(source);
    assert!(store.requests() <= 2);
}

/// A valid answer of a correct server. The agent must understand it correctly.
#[derive(Arbitrary, Debug)]
struct True {
    status: Status,
    framing: Framing,
    body: Vec<u8>,
    etag: Option<u32>,
    from: u16,
    headers: Vec<(u8, u8)>,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Whole,
    Part,
    OtherPart,
    NotModified,
    Missing,
    Busy(u16),
    Forbidden,
}

#[derive(Arbitrary, Clone, Debug)]
enum Framing {
    Length,
    Chunks(Vec<u8>),
    Close,
}

impl True {
    fn check(&self) {
        let store = &*STORE;
        let from = u64::from(self.from);
        store.set_replies(vec![self.reply()]);
        let source = StoreClient::new(&settings(store.port, false), &store.io()).unwrap();
        let etag = self.etag.map(|etag| format!("\"{etag}\""));
        let asked = (self.status == Status::NotModified).then_some("\"here\"");
        let wanted = GetRequest { key: "packs/x.tar.gz", etag: asked, from, limit: LIMIT };
        match (self.status, source.get(&wanted)) {
            (Status::Whole, Ok(Answer::Content { etag: found, encoding, from: 0, mut body })) => {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).unwrap();
                assert_eq!((bytes, found, encoding), (self.body.clone(), etag, None));
            }
            (Status::Part, Ok(Answer::Content { from: found, mut body, .. })) if from > 0 => {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).unwrap();
                assert_eq!((bytes, found), (self.body.clone(), from));
            }
            // A part that was not requested, or another part than requested.
            (Status::Part, Err(_)) if from == 0 => {}
            (Status::OtherPart, Err(failure)) => assert!(failure.is_permanent()),
            (Status::NotModified, Ok(Answer::NotModified)) | (Status::Missing, Ok(Answer::Missing)) => {}
            (Status::Forbidden, Err(failure)) => assert!(failure.is_forbidden() && failure.is_permanent()),
            (Status::Busy(seconds), Err(failure)) => {
                assert_eq!(failure.retry_after_ms(), u64::from(seconds).min(60) * 1000);
                assert!(!failure.is_permanent());
            }
            (_, Ok(_)) => panic!("{self:?} was taken for something else"),
            (_, Err(failure)) => panic!("{self:?}: {failure:?}"),
        }
        drop(source);
        assert_eq!(store.requests(), 1);
    }

    fn reply(&self) -> Vec<u8> {
        let from = self.from;
        let (status, more) = match self.status {
            Status::Whole => ("200 OK", String::new()),
            Status::Part => ("206 Partial Content", format!("content-range: bytes {from}-99999/100000\r\n")),
            Status::OtherPart => {
                ("206 Partial Content", format!("content-range: bytes {}-9/10\r\n", from ^ 1))
            }
            Status::NotModified => ("304 Not Modified", String::new()),
            Status::Missing => ("404 Not Found", String::new()),
            Status::Busy(seconds) => ("503 Slow Down", format!("Retry-After: {seconds}\r\n")),
            Status::Forbidden => ("403 Forbidden", String::new()),
        };
        let mut reply = format!("HTTP/1.1 {status}\r\n{more}").into_bytes();
        if let Some(etag) = self.etag {
            reply.extend(format!("ETag: \"{etag}\"\r\n").into_bytes());
        }
        for (name, value) in self.headers.iter().take(8) {
            reply.extend(format!("x-{name}: {value}\r\n").into_bytes());
        }
        if self.status == Status::NotModified {
            return [reply.as_slice(), b"\r\n"].concat();
        }
        match &self.framing {
            Framing::Length => {
                reply.extend(format!("content-length: {}\r\n\r\n", self.body.len()).into_bytes());
            }
            Framing::Close => reply.extend(b"connection: close\r\n\r\n"),
            Framing::Chunks(sizes) => {
                reply.extend(b"transfer-encoding: chunked\r\n\r\n");
                let mut rest = self.body.as_slice();
                let mut sizes = sizes.iter();
                while !rest.is_empty() {
                    let size =
                        sizes.next().map_or(rest.len(), |size| usize::from(*size).clamp(1, rest.len()));
                    let (chunk, after) = rest.split_at(size);
                    reply.extend([format!("{size:x}\r\n").as_bytes(), chunk, b"\r\n"].concat());
                    rest = after;
                }
                reply.extend(b"0\r\n\r\n");
                return reply;
            }
        }
        reply.extend(&self.body);
        reply
    }
}

/// A store on loopback that sends the given replies, one for each connection.
struct Store {
    port: u16,
    replies: Arc<Mutex<Replies>>,
}

/// The replies for the next connections, and the number of connections so far.
#[derive(Default)]
struct Replies {
    queue: Vec<Vec<u8>>,
    came: usize,
}

impl Store {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let replies = Arc::new(Mutex::new(Replies::default()));
        let shared = Arc::clone(&replies);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut replies = shared.lock().unwrap();
                let reply = replies.queue.get(replies.came).cloned().unwrap_or_default();
                replies.came += 1;
                drop(replies);
                // The client may close the connection early.
                let _ = answer(&mut connection.unwrap(), &reply);
            }
        });
        Self { port, replies }
    }

    fn set_replies(&self, replies: Vec<Vec<u8>>) {
        *self.replies.lock().unwrap() = Replies { queue: replies, came: 0 };
    }

    fn requests(&self) -> usize {
        self.replies.lock().unwrap().came
    }

    /// The outside world of a run, new for each input, so that inputs do not influence each other.
    fn io(&self) -> Arc<Io> {
        let clock = Arc::new(Clock::new(Timestamp::default()));
        let http = Http::new(None, None, &clock).unwrap();
        let disk = Disk::new("/nonexistent".into());
        Arc::new(Io { http, clock, disk, traffic: Traffic::default() })
    }
}

fn answer(connection: &mut TcpStream, reply: &[u8]) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        let got = connection.read(&mut buffer)?;
        if got == 0 {
            break;
        }
        request.extend_from_slice(&buffer[..got]);
    }
    connection.write_all(reply)
}

fn settings(port: u16, keys: bool) -> NodeStore {
    let keys = match keys {
        true => json!({"static": {"access_key_id": "A", "secret_access_key": "S"}}),
        false => json!("none"),
    };
    let store = json!({
        "url": "s3://bucket/prefix", "region": "eu-central-1", "style": "path",
        "endpoint": format!("http://127.0.0.1:{port}"), "credentials": [keys],
    });
    json::parse(&json::write(&store)).unwrap()
}

fn seeds() -> Vec<Vec<u8>> {
    let replies = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nworld",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\no worl",
        "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 18446744073709551615\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Slow Down\r\nDate: Fri, 20 Nov 2026 18:00:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 18:00:30 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/xml\r\n\r\n<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code></Error>\0HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 400 Bad Request\r\n\r\n<Error><Code>ExpiredToken</Code></Error>",
        "HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut",
        "",
    ];
    let mut seeds = Vec::new();
    for reply in replies {
        seeds.extend((0..8).map(|mode| seed(mode, reply)));
    }
    seeds.extend([seed(0x80, [0; 64]), seed(0x80, (0..=255).collect::<Vec<u8>>())]);
    seeds
}

static STORE: LazyLock<Store> = LazyLock::new(Store::open);
/// Nothing takes this long on loopback: an exchange that reaches the limit hangs.
const LIMIT: Duration = Duration::from_secs(20);
