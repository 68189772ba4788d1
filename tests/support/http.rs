//! Just enough of an HTTP/1.1 server for peers that must answer wrongly on purpose.

mod wire;

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

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

/// How an answer goes out.
#[derive(Debug, Clone, Default)]
pub enum Delivery {
    /// As promised.
    #[default]
    Whole,
    /// The full length is promised, only this many bytes are sent, then the connection is closed.
    Short(usize),
    /// The body again and again, with no length promised, until the reader goes away or two minutes are over.
    Endless,
    /// This many bytes at a time, with a pause after each.
    Drip(usize, Duration),
    /// Nothing is sent; the connection stays open this long.
    Hang(Duration),
    /// No length is promised; the connection stays open this long after the last byte.
    SlowClose(Duration),
    /// The connection is closed without an answer.
    Drop,
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
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            answer,
            seen: Arc::clone(&seen),
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
        Self { port, seen, stopping, acceptor: Some(acceptor) }
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
    stopping: Arc<AtomicBool>,
    count: AtomicU64,
}

impl<A: Fn(&Request) -> Reply> Shared<A> {
    fn connection(&self, socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(IDLE))?;
        socket.set_write_timeout(Some(IDLE))?;
        socket.set_nodelay(true)?;
        match tls {
            Some(config) => {
                let session = ServerConnection::new(config).map_err(io::Error::other)?;
                self.requests(StreamOwned::new(session, socket))
            }
            None => self.requests(socket),
        }
    }

    fn requests(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(request) = wire::request(&mut stream)? {
            let reply = (self.answer)(&request);
            let id = self.count.fetch_add(1, Ordering::Relaxed);
            self.seen.lock().unwrap().push(Seen {
                id,
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
            let delivered = self.deliver(stream.get_mut(), &request, &reply, count);
            if !delivered? {
                break;
            }
        }
        Ok(())
    }

    /// Sends the reply; says whether the connection can go on.
    fn deliver(
        &self,
        out: &mut impl Write,
        request: &Request,
        reply: &Reply,
        count: impl Fn(usize),
    ) -> io::Result<bool> {
        let sized = !matches!(reply.delivery, Delivery::Endless | Delivery::SlowClose(_));
        let go_on =
            matches!(reply.delivery, Delivery::Whole) && request.header("connection") != Some("close");
        match reply.delivery {
            Delivery::Hang(time) => {
                self.pause(time);
                return Ok(false);
            }
            Delivery::Drop => return Ok(false),
            _ => out.write_all(&wire::head(reply, sized, go_on))?,
        }
        let body: &[u8] = if request.method == "HEAD" || reply.status == 304 { b"" } else { &reply.body };
        let mut send = |bytes: &[u8]| {
            count(bytes.len());
            out.write_all(bytes).and_then(|()| out.flush())
        };
        match reply.delivery {
            Delivery::Short(length) => send(&body[..length.min(body.len())])?,
            Delivery::Endless => {
                let end = Instant::now() + Duration::from_secs(120);
                while !body.is_empty() && Instant::now() < end && !self.stopping.load(Ordering::Relaxed) {
                    send(body)?;
                }
            }
            Delivery::Drip(size, time) => {
                for chunk in body.chunks(size.max(1)) {
                    send(chunk)?;
                    self.pause(time);
                }
            }
            _ => send(body)?,
        }
        if let Delivery::SlowClose(time) = reply.delivery {
            self.pause(time);
        }
        Ok(go_on)
    }

    fn pause(&self, time: Duration) {
        crate::process::until(time, || self.stopping.load(Ordering::Relaxed));
    }
}

const IDLE: Duration = Duration::from_secs(120);
