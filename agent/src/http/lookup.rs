//! Looks up host names, with a time limit.
//!
//! Reason: ureq's own resolver panics if it cannot start a thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The resolver of the operating system.
#[derive(Debug)]
pub struct Lookup;

impl Resolver for Lookup {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let place = uri.scheme().zip(uri.authority());
        let place = place.and_then(|(scheme, authority)| DefaultResolver::host_and_port(scheme, authority));
        let place = place.ok_or(Error::HostNotFound)?;
        let mut addresses = self.empty();
        for address in lookup(&place, *timeout.after)?.into_iter().take(MAX_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// The addresses of `host:port`, within `limit`.
///
/// # Errors
/// The name server's error, or no answer in time.
pub fn lookup(place: &str, limit: Duration) -> Result<Vec<SocketAddr>, Error> {
    // An address needs neither a lookup nor a thread.
    if let Ok(address) = place.parse() {
        return Ok(vec![address]);
    }
    let (send, found) = mpsc::sync_channel(1);
    let name = place.to_owned();
    thread::Builder::new()
        .spawn(move || send.send(name.to_socket_addrs().map(Vec::from_iter)))
        .map_err(|error| failed(place, &format!("starting a thread: {error}")))?;
    match found.recv_timeout(limit) {
        Ok(answer) => answer.map_err(|error: io::Error| failed(place, &error.to_string())),
        Err(RecvTimeoutError::Timeout) => Err(failed(place, "no answer in time")),
        Err(RecvTimeoutError::Disconnected) => Err(failed(place, "no answer")),
    }
}

fn failed(place: &str, why: &str) -> Error {
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    Error::Other(format!("looking up the host `{host}`: {why}").into())
}

/// As many as the list can hold.
const MAX_ADDRESSES: usize = 16;
