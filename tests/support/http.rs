//! Just enough of an HTTP/1.1 server for peers that must answer wrongly on purpose.

mod deliver;
mod stream;
mod wire;

use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;

pub use deliver::Meeting;
use stream::Stream;

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The path with its query, not decoded.
    pub target: String,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same without a header.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut request = self.clone();
        request.headers.retain(|(key, _)| key != name);
        request
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// An answer, and how faithfully it is delivered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Besides `content-length` and `connection`.
    pub headers: Vec<(String, String)>,
    /// What is sent after the headers.
    pub body: Vec<u8>,
    /// The fault in the delivery.
    pub delivery: Delivery,
}

/// How an answer goes out. A connection that is closed is closed without a word, also within TLS,
/// unless it says otherwise.
#[derive(Debug, Clone, Default)]
pub enum Delivery {
    /// As promised.
    #[default]
    Whole,
    /// As promised, but only after this time.
    Late(Duration),
    /// As promised, once everybody is there whom the meeting awaits; else the connection is closed.
    Together(Arc<Meeting>),
    /// The full length is promised, only this many bytes are sent, then the connection is closed.
    Short(usize),
    /// The same, and the last record of TLS is cut in its middle.
    MidRecord(usize),
    /// The same, and the connection is reset.
    Reset(usize),
    /// This length is promised, and the body is sent as it is.
    Promise(usize),
    /// No length is promised; this many bytes are sent, then the connection is closed: by the rules
    /// (with TLS's own farewell) when true, without a word when false.
    Unsized(usize, bool),
    /// The body again and again, with no length promised, until the reader goes away or two minutes are over.
    Endless,
    /// The same in chunks, of which none is the last.
    EndlessChunks,
    /// The body in one chunk, which is not the last; the connection is closed.
    CutChunks,
    /// Header after header, until the reader goes away or two minutes are over.
    EndlessHead,
    /// The same, with a pause after each.
    SlowHead(Duration),
    /// This many bytes at a time, with a pause after each.
    Drip(usize, Duration),
    /// Nothing is sent; the connection stays open this long.
    Hang(Duration),
    /// The headers and this many bytes are sent; the connection stays open this long.
    HangAt(usize, Duration),
    /// No length is promised; the connection stays open this long after the last byte.
    SlowClose(Duration),
    /// These bytes instead of HTTP.
    Raw(Vec<u8>),
    /// The connection is closed without an answer.
    Drop,
}

/// What a connection gets before anything is asked.
#[derive(Debug, Clone)]
pub enum Greeting {
    /// Nothing, for this long.
    Silence(Duration),
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// A reset.
    Reset,
    /// So many bytes of the server's part of the TLS handshake, then nothing for this long.
    Handshake(usize, Duration),
}

impl Reply {
    /// An answer with a body, to be delivered whole.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), delivery: Delivery::Whole }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A request that was answered, for a test to look at.
#[derive(Debug, Clone)]
pub struct Seen {
    id: u64,
    /// When it came.
    pub at: Instant,
    /// What was asked.
    pub request: Request,
    /// The status that was answered.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub sent: usize,
}

/// An accepting socket and its threads; dropping it ends them.
#[derive(Debug)]
pub struct Service {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    greeting: Arc<Mutex<Option<Greeting>>>,
    connections: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<thread::JoinHandle<()>>,
}

impl Service {
    /// Answers each request on `listener` with what `answer` says, over TLS when there is a config for it.
    ///
    /// # Panics
    /// When the socket has no address.
    pub fn start(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let (seen, greeting, stopping) = <(Arc<Mutex<Vec<Seen>>>, Arc<_>, Arc<AtomicBool>)>::default();
        let connections = Arc::new(AtomicU64::new(0));
        let shared = Arc::new(Shared {
            answer,
            seen: Arc::clone(&seen),
            greeting: Arc::clone(&greeting),
            connections: Arc::clone(&connections),
            stopping: Arc::clone(&stopping),
            count: AtomicU64::new(0),
        });
        let acceptor = thread::spawn(move || {
            while !shared.stopping.load(Ordering::Relaxed) {
                let Ok((socket, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(3));
                    continue;
                };
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                thread::spawn(move || shared.connection(socket, tls).ok());
            }
        });
        Self { port, seen, greeting, connections, stopping, acceptor: Some(acceptor) }
    }

    /// From now on every new connection gets this first; `None`: it is served.
    pub fn greet(&self, greeting: Option<Greeting>) {
        *self.greeting.lock().unwrap() = greeting;
    }

    /// How many connections there were, served or not.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The requests so far, and forgets them.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

struct Shared<A> {
    answer: A,
    seen: Arc<Mutex<Vec<Seen>>>,
    greeting: Arc<Mutex<Option<Greeting>>>,
    connections: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    count: AtomicU64,
}

impl<A: Fn(&Request) -> Reply> Shared<A> {
    fn connection(&self, socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(IDLE))?;
        socket.set_write_timeout(Some(IDLE))?;
        socket.set_nodelay(true)?;
        let greeting = self.greeting.lock().unwrap().clone();
        match greeting {
            Some(greeting) => deliver::greet(socket, tls, &greeting, &self.stopping),
            None => self.requests(Stream::new(socket, tls)?),
        }
    }

    fn requests(&self, stream: Stream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(request) = wire::request(&mut stream)? {
            let at = Instant::now();
            let reply = (self.answer)(&request);
            let id = self.count.fetch_add(1, Ordering::Relaxed);
            self.seen.lock().unwrap().push(Seen {
                id,
                at,
                request: request.clone(),
                status: reply.status,
                sent: 0,
            });
            // Counted before it is sent: who has the answer finds it in the list.
            let count = |bytes| {
                if let Some(entry) = self.seen.lock().unwrap().iter_mut().find(|entry| entry.id == id) {
                    entry.sent += bytes;
                }
            };
            if !deliver::deliver(stream.get_mut(), &request, &reply, &self.stopping, count)? {
                break;
            }
        }
        Ok(())
    }
}

const IDLE: Duration = Duration::from_secs(120);
