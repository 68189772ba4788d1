//! Answers on their way out, with the fault that was ordered.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection};

use super::stream::{Stream, reset_when_closed};
use super::{Delivery, Greeting, Reply, Request, wire};
use crate::process::until;

/// Requests that are answered only when all of them are there.
#[derive(Debug)]
pub struct Meeting {
    awaited: usize,
    here: AtomicUsize,
}

impl Meeting {
    /// A meeting of so many requests, of any servers.
    pub fn of(awaited: usize) -> Arc<Self> {
        Arc::new(Self { awaited, here: AtomicUsize::new(0) })
    }

    /// Whether all of them came.
    pub fn took_place(&self) -> bool {
        self.here.load(Ordering::SeqCst) >= self.awaited
    }

    fn join(&self, stopping: &AtomicBool) -> bool {
        self.here.fetch_add(1, Ordering::SeqCst);
        until(PATIENCE, || self.took_place() || stopping.load(Ordering::Relaxed)) && self.took_place()
    }
}

/// Sends the reply; says whether the connection can go on.
pub(super) fn deliver(
    out: &mut Stream,
    request: &Request,
    reply: &Reply,
    stopping: &AtomicBool,
    count: impl Fn(usize),
) -> io::Result<bool> {
    let body: &[u8] = if request.method == "HEAD" || reply.status == 304 { b"" } else { &reply.body };
    let up_to = |length: usize| &body[..length.min(body.len())];
    let lasts = matches!(
        reply.delivery,
        Delivery::Whole | Delivery::Late(_) | Delivery::Together(_) | Delivery::Promise(_)
    );
    let go_on = lasts && request.header("connection") != Some("close");
    if !begin(out, reply, stopping, go_on)? {
        return Ok(false);
    }
    let mut send = |bytes: &[u8]| {
        count(bytes.len());
        out.write_all(bytes).and_then(|()| out.flush())
    };
    let mut endless = |bytes: &[u8]| {
        let end = Instant::now() + ENDLESS;
        while !bytes.is_empty() && Instant::now() < end && !stopping.load(Ordering::Relaxed) {
            send(bytes)?;
        }
        Ok::<_, io::Error>(())
    };
    match &reply.delivery {
        Delivery::Endless => endless(body)?,
        Delivery::EndlessChunks => endless(&chunk(body))?,
        Delivery::EndlessHead => {
            endless(format!("x-{}: {}\r\n", "n".repeat(30), "v".repeat(900)).as_bytes())?;
        }
        Delivery::SlowHead(time) => {
            let end = Instant::now() + ENDLESS;
            while Instant::now() < end && !stopping.load(Ordering::Relaxed) {
                send(b"x-more: is to come\r\n")?;
                pause(*time, stopping);
            }
        }
        Delivery::CutChunks => send(&chunk(body))?,
        Delivery::Short(length) => send(up_to(*length))?,
        Delivery::HangAt(length, time) => {
            send(up_to(*length))?;
            pause(*time, stopping);
        }
        Delivery::Drip(size, time) => {
            for part in body.chunks((*size).max(1)) {
                send(part)?;
                pause(*time, stopping);
            }
        }
        Delivery::SlowClose(time) => {
            send(body)?;
            pause(*time, stopping);
        }
        Delivery::Unsized(length, farewell) => {
            send(up_to(*length))?;
            if *farewell {
                out.farewell()?;
            }
        }
        Delivery::Reset(length) => {
            send(up_to(*length))?;
            // What was sent is to arrive before the reset overtakes it.
            pause(SETTLED, stopping);
            out.reset_when_closed()?;
        }
        Delivery::MidRecord(length) => {
            count(*length);
            out.send_cut(up_to(*length))?;
        }
        _ => send(body)?,
    }
    Ok(go_on)
}

/// Waits as ordered and sends what comes before the body; false when nothing follows.
fn begin(out: &mut Stream, reply: &Reply, stopping: &AtomicBool, go_on: bool) -> io::Result<bool> {
    let mut head = wire::head(reply, go_on);
    match &reply.delivery {
        Delivery::Hang(time) => {
            pause(*time, stopping);
            return Ok(false);
        }
        Delivery::Raw(bytes) => {
            out.write_all(bytes)?;
            out.flush()?;
            return Ok(false);
        }
        Delivery::Drop => return Ok(false),
        Delivery::Late(time) => pause(*time, stopping),
        Delivery::Together(meeting) if !meeting.join(stopping) => return Ok(false),
        // Without the empty line that ends it.
        Delivery::EndlessHead | Delivery::SlowHead(_) => head.truncate(head.len() - 2),
        _ => {}
    }
    out.write_all(&head)?;
    out.flush()?;
    Ok(true)
}

/// What a connection gets instead of service.
pub(super) fn greet(
    mut socket: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    greeting: &Greeting,
    stopping: &AtomicBool,
) -> io::Result<()> {
    match greeting {
        Greeting::Silence(time) => pause(*time, stopping),
        Greeting::Reset => reset_when_closed(&socket)?,
        Greeting::Bytes(bytes) => {
            socket.write_all(bytes)?;
            // Closing with unread bytes would be a reset, which may overtake these.
            socket.set_read_timeout(Some(Duration::from_secs(2)))?;
            socket.shutdown(std::net::Shutdown::Write)?;
            io::copy(&mut socket.take(1 << 20), &mut io::sink())?;
        }
        Greeting::Handshake(length, time) => {
            let config = tls.ok_or_else(|| io::Error::other("no TLS here"))?;
            let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
            while !session.wants_write() {
                session.read_tls(&mut socket)?;
                session.process_new_packets().map_err(io::Error::other)?;
            }
            let mut flight = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut flight)?;
            }
            socket.write_all(&flight[..(*length).min(flight.len())])?;
            pause(*time, stopping);
        }
    }
    Ok(())
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

fn pause(time: Duration, stopping: &AtomicBool) {
    until(time, || stopping.load(Ordering::Relaxed));
}

/// How long a meeting waits for those who are not there.
const PATIENCE: Duration = Duration::from_secs(60);
const ENDLESS: Duration = Duration::from_secs(120);
const SETTLED: Duration = Duration::from_millis(200);
