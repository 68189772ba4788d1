//! Connects to a server or a proxy, and names the one that refuses.

use std::fmt;
use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, TcpConnector, Transport,
};

/// Opens a TCP connection.
pub struct Tcp {
    tcp: TcpConnector,
    /// The proxy's host and port.
    proxy: Option<Arc<str>>,
}

/// Asks the proxy for a tunnel to the server.
pub struct Tunnel {
    tunnel: ConnectProxyConnector,
    /// The proxy's host and port.
    proxy: Option<Arc<str>>,
}

impl Tcp {
    /// `proxy` is the host and port of the proxy in use.
    pub fn new(proxy: Option<Arc<str>>) -> Self {
        Self { tcp: TcpConnector::default(), proxy }
    }
}

impl Tunnel {
    /// As [`Tcp::new`].
    pub fn new(proxy: Option<Arc<str>>) -> Self {
        Self { tunnel: ConnectProxyConnector::default(), proxy }
    }
}

impl<In: Transport> Connector<In> for Tcp {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        self.tcp.connect(details, chained).map_err(|error| {
            let host = details.uri.authority().map_or("", |authority| authority.as_str());
            // The URI of a proxy may contain its login.
            let host = host.rsplit('@').next().unwrap_or_default();
            let what = if self.proxy.as_deref() == Some(host) { "the proxy " } else { "" };
            worded(format!("connecting to {what}`{host}`: {}", cause(&error)))
        })
    }
}

impl<In: Transport> Connector<In> for Tunnel {
    type Out = <ConnectProxyConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        self.tunnel.connect(details, chained).map_err(|error| match (&self.proxy, error) {
            (Some(proxy), Error::ConnectProxyFailed(why)) => {
                let host = details.uri.authority().map_or("", |authority| authority.as_str());
                worded(format!("the proxy `{proxy}` made no connection to `{host}`: {}", answer(&why)))
            }
            (_, error) => error,
        })
    }
}

/// ureq says `proxy server responded 407/407`.
fn answer(why: &str) -> String {
    match why.strip_prefix("proxy server responded ").and_then(|status| status.split('/').next()) {
        Some("407") => "it answered 407: it wants a login (user and password)".to_owned(),
        Some(status) => format!("it answered {status}"),
        None => why.to_owned(),
    }
}

fn cause(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::Timeout(_) => "no answer in time".to_owned(),
        error => error.to_string(),
    }
}

fn worded(text: String) -> Error {
    Error::Other(text.into())
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tcp")
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_proxy_answered() {
        assert_eq!(answer("proxy server responded 502/502"), "it answered 502");
        assert!(answer("proxy server responded 407/407").contains("wants a login"));
        assert_eq!(answer("proxy server did not respond"), "proxy server did not respond");
    }
}
