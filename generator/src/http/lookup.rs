//! Looks up host names, with a time limit.
//!
//! Reason: ureq's own resolver panics if it cannot start a thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

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
        let mut addresses = self.empty();
        for address in lookup(place.ok_or(Error::HostNotFound)?, &timeout)?.into_iter().take(MAX_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

fn lookup(place: String, timeout: &NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    let (send, found) = mpsc::sync_channel(1);
    let look = move || send.send(place.to_socket_addrs().map(Vec::from_iter));
    thread::Builder::new()
        .spawn(look)
        .map_err(|e| io::Error::new(e.kind(), format!("starting a thread: {e}")))?;
    match found.recv_timeout(*timeout.after) {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::Timeout(timeout.reason)),
    }
}

/// As many as the list can hold.
const MAX_ADDRESSES: usize = 16;
