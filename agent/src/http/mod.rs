//! The HTTP client: time limits, no redirects, and a proxy if one is set.

mod connect;
mod element;
mod lookup;
mod tls;

pub use self::element::element;

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stringless_core::certificate;
use stringless_core::proxy::Proxy;
use ureq::http::Uri;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::Connector;
use ureq::{Agent, AsSendBody, Body, ProxyProtocol};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::http::connect::{Tcp, Tunnel};
use crate::http::lookup::{Lookup, lookup};
use crate::http::tls::Tls;
use crate::log;

/// The clients of a run: one for stores, one for the cloud's metadata addresses.
#[derive(Debug)]
pub struct Http {
    stores: Agent,
    local: Agent,
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// `GET` or `PUT`, without a body; or `POST`, with the body that [`Http::send_body`] takes.
    pub method: &'a str,
    /// The absolute URL.
    pub url: &'a str,
    /// Headers in addition to those that HTTP itself needs.
    pub headers: &'a [(&'a str, String)],
    /// The time limit for the whole exchange, including the body.
    pub limit: Duration,
}

/// A reply: the headers are read, the body is not.
pub struct Reply {
    /// The status code.
    pub status: u16,
    reply: ureq::http::Response<Body>,
}

/// Why there was no reply. All such errors are worth a retry.
pub type Failure = String;

impl Http {
    /// The clients. `proxy` is for stores, with the hosts to reach without it, separated by commas; `ca` is PEM
    /// text with authorities to trust in addition to the built-in ones.
    ///
    /// # Errors
    /// Configuration: the proxy or the authorities.
    pub fn new(proxy: Option<(Proxy, String)>, ca: Option<&[u8]>, clock: &Arc<Clock>) -> Result<Self> {
        let tls = |extra: Option<&[u8]>| {
            Tls::new(extra, clock).map_err(|why| Error::configuration(format!("ca_file: {why}")))
        };
        let place = proxy.as_ref().map(|(proxy, _)| proxy.place());
        let proxy = proxy.map(|(proxy, around)| client_proxy(&proxy, &around)).transpose()?;
        Ok(Self { stores: agent(proxy, place, tls(ca)?), local: agent(None, None, tls(None)?) })
    }

    /// Sends a request to a store, through the proxy if there is one.
    ///
    /// # Errors
    /// There was no reply in time.
    pub fn send(&self, request: &Request<'_>) -> std::result::Result<Reply, Failure> {
        send(&self.stores, request, &[])
    }

    /// Sends a request with a body, through the proxy if there is one.
    ///
    /// # Errors
    /// There was no reply in time.
    pub fn send_body(&self, request: &Request<'_>, body: &[u8]) -> std::result::Result<Reply, Failure> {
        send(&self.stores, request, body)
    }

    /// The host and the addresses that a request to a store's URL connects to: those of the proxy, if one is used.
    ///
    /// # Errors
    /// The URL is invalid, or the name server does not know the host.
    pub fn addresses(&self, url: &str) -> std::result::Result<(String, Vec<SocketAddr>), Failure> {
        let uri: Uri = url.parse().map_err(|_| "it is not a URL".to_owned())?;
        let proxy = self.stores.config().proxy().filter(|proxy| !proxy.is_no_proxy(&uri));
        let place = match (proxy, uri.scheme().zip(uri.authority())) {
            (Some(proxy), _) => Some(format!("{}:{}", proxy.host(), proxy.port())),
            (None, Some((scheme, authority))) => DefaultResolver::host_and_port(scheme, authority),
            (None, None) => None,
        };
        let place = place.ok_or("it names no host")?;
        let found = lookup(&place, CONNECT).map_err(|error| explain(&error))?;
        Ok((place, found))
    }

    /// Sends text to a URL that is no store, through the proxy if there is one. Returns the status.
    ///
    /// # Errors
    /// There was no reply in time.
    pub fn post(&self, url: &str, json: &[u8], limit: Duration) -> std::result::Result<u16, Failure> {
        let request = ureq::http::Request::builder().method("POST").uri(url);
        let request = request.header("content-type", "application/json").body(json);
        Ok(run(&self.stores, request, limit)?.status().as_u16())
    }

    /// Sends a request to a metadata address of the cloud, never through a proxy.
    ///
    /// # Errors
    /// There was no reply in time.
    pub fn send_local(&self, request: &Request<'_>) -> std::result::Result<Reply, Failure> {
        send(&self.local, request, &[])
    }
}

impl Reply {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.reply.headers().get(name)?.to_str().ok()
    }

    /// The body. The reader must limit its length.
    pub fn into_body(self) -> impl Read + Send + 'static {
        self.reply.into_body().into_reader()
    }

    /// At most `cap` bytes of the body as text. Errors while reading are ignored.
    pub fn text(self, cap: u64) -> String {
        let mut bytes = Vec::new();
        let _ = self.into_body().take(cap).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn send(agent: &Agent, request: &Request<'_>, body: &[u8]) -> std::result::Result<Reply, Failure> {
    let start = Instant::now();
    let reply = exchange(agent, request, body);
    let (method, url, took) = (request.method, without_query(request.url), start.elapsed().as_millis());
    match &reply {
        Ok(reply) => log::detail(format_args!("{method} {url}: {} in {took} ms", reply.status)),
        Err(why) => log::detail(format_args!("{method} {url}: {why}, after {took} ms")),
    }
    reply
}

/// A URL for the log: its query may hold a signature.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn exchange(agent: &Agent, request: &Request<'_>, body: &[u8]) -> std::result::Result<Reply, Failure> {
    let mut builder = ureq::http::Request::builder().method(request.method).uri(request.url);
    for (name, value) in request.headers {
        builder = builder.header(*name, value);
    }
    let reply = if request.method == "GET" {
        run(agent, builder.body(()), request.limit)
    } else {
        // Even an empty body has a known length; without it, the request would be sent in chunks.
        run(agent, builder.body(body), request.limit)
    }?;
    Ok(Reply { status: reply.status().as_u16(), reply })
}

fn run<S: AsSendBody>(
    agent: &Agent,
    request: ureq::http::Result<ureq::http::Request<S>>,
    limit: Duration,
) -> std::result::Result<ureq::http::Response<Body>, Failure> {
    let request = request.map_err(|error| error.to_string())?;
    let limited = agent.configure_request(request).timeout_global(Some(limit)).build();
    agent.run(limited).map_err(|error| explain(&error))
}

/// An error with its causes, without repetition, in words.
fn explain(error: &ureq::Error) -> String {
    let mut text = match error {
        // These only repeat the kind of the error.
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Other(error) => error.to_string(),
        error => error.to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    certificate::in_words(&text).unwrap_or(text)
}

/// `place` is the proxy's host and port, for messages.
fn agent(proxy: Option<ureq::Proxy>, place: Option<String>, tls: Tls) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .user_agent(concat!("stringless-agent/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(RESPONSE))
        .timeout_per_read(Some(STALLED))
        .timeout_per_write(Some(STALLED))
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(4)
        .build();
    let place = place.map(Arc::from);
    let connector = ().chain(Tunnel::new(place.clone())).chain(Tcp::new(place)).chain(tls);
    Agent::with_parts(config, connector, Lookup)
}

/// The proxy in the client's own form.
fn client_proxy(proxy: &Proxy, around: &str) -> Result<ureq::Proxy> {
    let mut builder = ureq::Proxy::builder(ProxyProtocol::Http).host(&proxy.host).port(proxy.port);
    if let Some(user) = proxy.user() {
        builder = builder.username(&user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(&password);
    }
    for host in around.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
    }
    builder.build().map_err(|_| Error::configuration("proxy: its host or login cannot be used"))
}

const CONNECT: Duration = Duration::from_secs(10);
/// The time limit for the headers of a reply, even if they arrive in small pieces.
const RESPONSE: Duration = Duration::from_secs(30);
const STALLED: Duration = Duration::from_secs(15);
const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_logged_without_what_signs_it() {
        for (url, shown) in [
            ("https://b.example/x/y?X-Amz-Signature=hidden&a=b", "https://b.example/x/y"),
            ("https://b.example/x#hidden", "https://b.example/x"),
            ("https://b.example/x", "https://b.example/x"),
        ] {
            assert_eq!(without_query(url), shown);
        }
    }
}
