//! What a store does wrong, by the words of a case.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::http::{Delivery, Greeting, Reply};
use e2e::server;
use serde::Deserialize;

/// What a connection gets instead of service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Greets {
    Silence,
    Reset,
    Garbage,
    /// An answer without TLS.
    Plain,
    /// So many bytes of the handshake, then nothing.
    Handshake(usize),
}

/// What goes wrong for one object.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Turns {
    InTurn(Vec<Fault>),
    Always(Fault),
}

/// What goes wrong with one answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    Status(u16),
    Answer {
        status: u16,
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
    Cut(usize),
    CutRecord(usize),
    CutChunks,
    Reset(usize),
    /// This length is promised.
    Length(usize),
    /// No length is promised, so many bytes are sent, and TLS ends by its rules.
    Farewell(usize),
    /// The same, and TLS ends without a word.
    NoFarewell(usize),
    Endless,
    EndlessChunks,
    EndlessHead,
    /// Milliseconds.
    Late(u64),
    Hang,
    /// Seconds.
    HangFor(u64),
    HangAt(usize),
    /// Bytes a second.
    Drip(usize),
    Drop,
    Garbage,
    Flip(usize),
    NoRange,
    Range(usize),
    FalseRange,
    NewTag,
    Encoded,
}

impl Greets {
    /// The same for the server.
    pub fn greeting(&self) -> Greeting {
        match self {
            Self::Silence => Greeting::Silence(EVER),
            Self::Reset => Greeting::Reset,
            Self::Garbage => Greeting::Bytes(GARBAGE.into()),
            Self::Plain => Greeting::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".into()),
            Self::Handshake(bytes) => Greeting::Handshake(*bytes, EVER),
        }
    }
}

impl Turns {
    /// The same for the server: each fault, and how often; `None`: for ever.
    pub fn of_server(&self) -> Vec<(server::Fault, Option<u32>)> {
        match self {
            Self::Always(fault) => vec![(fault.of_server(), None)],
            Self::InTurn(faults) => faults.iter().map(|fault| (fault.of_server(), Some(1))).collect(),
        }
    }
}

impl Fault {
    fn of_server(&self) -> server::Fault {
        let deliver = server::Fault::Deliver;
        match self {
            Self::Status(status) => server::Fault::status(*status),
            Self::Answer { status, headers, body } => {
                let reply = Reply::new(*status, body.as_str());
                server::Fault::Answer(
                    headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value)),
                )
            }
            Self::Cut(bytes) => deliver(Delivery::Short(*bytes)),
            Self::CutRecord(bytes) => deliver(Delivery::MidRecord(*bytes)),
            Self::CutChunks => deliver(Delivery::CutChunks),
            Self::Reset(bytes) => deliver(Delivery::Reset(*bytes)),
            Self::Length(bytes) => deliver(Delivery::Promise(*bytes)),
            Self::Farewell(bytes) => deliver(Delivery::Unsized(*bytes, true)),
            Self::NoFarewell(bytes) => deliver(Delivery::Unsized(*bytes, false)),
            Self::Endless => deliver(Delivery::Endless),
            Self::EndlessChunks => deliver(Delivery::EndlessChunks),
            Self::EndlessHead => deliver(Delivery::EndlessHead),
            Self::Late(milliseconds) => deliver(Delivery::Late(Duration::from_millis(*milliseconds))),
            Self::Hang => deliver(Delivery::Hang(EVER)),
            Self::HangFor(seconds) => deliver(Delivery::Hang(Duration::from_secs(*seconds))),
            Self::HangAt(bytes) => deliver(Delivery::HangAt(*bytes, EVER)),
            Self::Drip(bytes) => deliver(Delivery::Drip(*bytes, Duration::from_secs(1))),
            Self::Drop => deliver(Delivery::Drop),
            Self::Garbage => deliver(Delivery::Raw(GARBAGE.into())),
            Self::Flip(place) => server::Fault::Flip(*place),
            Self::NoRange => server::Fault::NoRange,
            Self::Range(first) => server::Fault::Range(*first),
            Self::FalseRange => server::Fault::FalseRange,
            Self::NewTag => server::Fault::NewTag,
            Self::Encoded => server::Fault::Encoded,
        }
    }
}

const GARBAGE: &[u8] = b"\x00\xffI am no server of yours.\r\n\r\n\x16\x03\x01";
const EVER: Duration = Duration::from_secs(120);
