//! A server's end of a connection, plain or within TLS, that can also be ended against the rules.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The connection.
pub(super) enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    pub(super) fn new(socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        Ok(match tls {
            Some(config) => {
                let session = ServerConnection::new(config).map_err(io::Error::other)?;
                Self::Tls(Box::new(StreamOwned::new(session, socket)))
            }
            None => Self::Plain(socket),
        })
    }

    /// Sends a part of what these bytes are on the wire: within TLS, records of which the last is cut.
    pub(super) fn send_cut(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self::Tls(stream) = self else { return self.write_all(bytes) };
        let mut records = Vec::new();
        stream.conn.writer().write_all(bytes)?;
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut records)?;
        }
        let most = records.len().saturating_sub(20);
        stream.sock.write_all(&records[..most])
    }

    /// Says farewell as TLS wants it.
    pub(super) fn farewell(&mut self) -> io::Result<()> {
        let Self::Tls(stream) = self else { return Ok(()) };
        stream.conn.send_close_notify();
        stream.flush()
    }

    /// Makes closing a reset.
    pub(super) fn reset_when_closed(&self) -> io::Result<()> {
        reset_when_closed(match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        })
    }
}

pub(super) fn reset_when_closed(socket: &TcpStream) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
