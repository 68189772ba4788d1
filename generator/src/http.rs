//! HTTP for stores: every wait has a time limit, every body a size limit, and failures are retried with back-off.

mod lookup;
mod proxy;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use stringless_core::{backoff, certificate};
use ureq::http::{Method, Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

use self::lookup::Lookup;
use crate::error::{Error, Result};
use crate::random::random_number;
use crate::signals;
use crate::verbose::{self, plain_url};

/// The environment variable that names a PEM file of additional certificate authorities.
pub const CA_FILE: &str = "STRINGLESS_CA_FILE";

/// A client. With additional certificate authorities it has two sets of trusted roots (these, and the built-in
/// ones), and stays with the set that worked last.
#[derive(Debug)]
pub struct Http {
    agents: Vec<Agent>,
    preferred: AtomicUsize,
    /// The proxy, and its host and port for messages.
    proxy: Option<(ureq::Proxy, String)>,
}

/// The parts of a request. They are rebuilt for each attempt, because a signature is valid for minutes only.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: &'a [u8],
}

/// The limits of a request besides those that each request has.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The longest time of one attempt.
    pub attempt: Option<Duration>,
    /// Whether another attempt may begin, the first one included.
    pub may_try: &'a dyn Fn() -> bool,
}

/// A server's response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The body, up to the size limit.
    pub body: Vec<u8>,
    /// Whether the body was longer than the size limit.
    pub cut: bool,
}

impl Http {
    /// A client that trusts the built-in certificate authorities, those in the PEM text `ca`, and those in the
    /// file that `STRINGLESS_CA_FILE` names.
    ///
    /// # Errors
    /// When `ca` or the file holds no certificate, or when the environment names a proxy that is not supported.
    pub fn new(ca: Option<&[u8]>) -> Result<Self> {
        let mut extra = match ca {
            Some(pem) => certificates(pem, "node.ca_file")?,
            None => Vec::new(),
        };
        if let Some(path) = env::var_os(CA_FILE).filter(|path| !path.is_empty()) {
            let path = Path::new(&path);
            let pem = fs::read(path).map_err(|e| {
                Error::configuration(format!("reading `{}`: {e}", path.display()))
                    .hint(format!("`{CA_FILE}` names it"))
            })?;
            extra.extend(certificates(&pem, CA_FILE)?);
        }
        let proxy = proxy::from_environment()?;
        let client = || proxy.as_ref().map(|(client, _)| client.clone());
        let mut agents = vec![agent(RootCerts::WebPki, client())];
        if !extra.is_empty() {
            agents.insert(0, agent(RootCerts::new_with_certs(&extra), client()));
        }
        Ok(Self { agents, preferred: AtomicUsize::new(0), proxy })
    }

    /// Sends the request until the response is not a temporary failure, or no attempt is left. `cap` is the size
    /// limit of the body, in bytes.
    ///
    /// # Errors
    /// When no server responds.
    pub fn send<'a>(&self, url: &str, cap: u64, call: impl Fn() -> Result<Call<'a>>) -> Result<Answer> {
        self.send_within(url, cap, Limits { attempt: None, may_try: &|| true }, call)
    }

    /// As [`Http::send`], within `limits`.
    ///
    /// # Errors
    /// When no server responds, or no attempt may begin.
    pub fn send_within<'a>(
        &self,
        url: &str,
        cap: u64,
        limits: Limits<'_>,
        call: impl Fn() -> Result<Call<'a>>,
    ) -> Result<Answer> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let result = self.attempt(url, cap, &call()?, limits)?;
            let retry = match &result {
                Ok(answer) => matches!(answer.status, 409 | 429 | 500 | 502 | 503 | 504),
                Err(error) => transient(error),
            };
            let retry = retry && !signals::stop_requested();
            match retry.then(|| backoff::wait(attempts, random_number())).flatten() {
                Some(wait) => {
                    let (url, why) = (plain_url(url), outcome(&result));
                    verbose::step(format_args!("{url}: try {attempts} failed: {why}; again in {wait} ms"));
                    signals::sleep(Duration::from_millis(wait));
                }
                None => return result.map_err(|error| unreachable_server(url, self.proxy_for(url), &error)),
            }
        }
    }

    /// The host and port of the proxy through which this URL is requested.
    fn proxy_for(&self, url: &str) -> Option<&str> {
        let (proxy, place) = self.proxy.as_ref()?;
        let around = url.parse().is_ok_and(|uri| proxy.is_no_proxy(&uri));
        Some(place.as_str()).filter(|_| !around)
    }

    /// One attempt, with each set of roots until one works. The outer error: it may not begin.
    fn attempt(
        &self,
        url: &str,
        cap: u64,
        call: &Call<'_>,
        limits: Limits<'_>,
    ) -> Result<std::result::Result<Answer, ureq::Error>> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for n in 0..self.agents.len() {
            if !(limits.may_try)() {
                return Err(Error::temporary(format!("requesting {url}: the time for it is over"))
                    .hint("run it again: it continues where it stopped"));
            }
            let n = (first + n) % self.agents.len();
            let start = Instant::now();
            let result = once(&self.agents[n], url, cap, call, limits.attempt);
            let (method, shown, took) = (&call.method, plain_url(url), start.elapsed().as_millis());
            verbose::detail(format_args!("{method} {shown}: {}, {took} ms", outcome(&result)));
            match result {
                Ok(answer) => {
                    self.preferred.store(n, Ordering::Relaxed);
                    return Ok(Ok(answer));
                }
                // Report the first failure: it comes from the roots that include the site's own authority.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Ok(Err(failure.unwrap_or(ureq::Error::ConnectionFailed)))
    }
}

/// The status or the error, for a line with `-v`.
fn outcome(result: &std::result::Result<Answer, ureq::Error>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |answer| answer.status.to_string())
}

fn once(
    agent: &Agent,
    url: &str,
    cap: u64,
    call: &Call<'_>,
    limit: Option<Duration>,
) -> std::result::Result<Answer, ureq::Error> {
    let mut request = Request::builder().method(call.method.clone()).uri(url);
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let response: Response<Body> = if call.method == Method::PUT {
        agent.run(limited(agent, request.body(call.body)?, limit))?
    } else {
        agent.run(limited(agent, request.body(())?, limit))?
    };
    let (parts, body) = response.into_parts();
    let mut bytes = Vec::new();
    if call.method != Method::HEAD {
        let mut reader = std::io::Read::take(body.into_reader(), cap + 1);
        std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(ureq::Error::Io)?;
    }
    let cut = bytes.len() as u64 > cap;
    bytes.truncate(usize::try_from(cap).unwrap_or(usize::MAX));
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes, cut })
}

fn limited<S: ureq::AsSendBody>(agent: &Agent, request: Request<S>, limit: Option<Duration>) -> Request<S> {
    match limit {
        None => request,
        Some(limit) => agent.configure_request(request).timeout_global(Some(limit)).build(),
    }
}

impl Answer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn agent(roots: RootCerts, proxy: Option<ureq::Proxy>) -> Agent {
    let tls = TlsConfig::builder().root_certs(roots).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("stringless/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(Duration::from_secs(20)))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(120)))
        .timeout_per_call(Some(Duration::from_secs(3600)))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Lookup)
}

fn certificates(pem: &[u8], origin: &str) -> Result<Vec<Certificate<'static>>> {
    let found: Vec<_> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(Error::configuration(format!("reading the certificates of `{origin}`: there are none"))
            .hint("it must be a PEM file with `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(found)
}

fn transient(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(e) => e.kind() != std::io::ErrorKind::InvalidData,
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => true,
        _ => false,
    }
}

fn unreachable_server(url: &str, proxy: Option<&str>, error: &ureq::Error) -> Error {
    let plain = url.split('?').next().unwrap_or_default();
    let text = error.to_string();
    let words = certificate::in_words(&text).unwrap_or_else(|| text.clone());
    let failed = match (proxy, error) {
        (Some(proxy), ureq::Error::ConnectProxyFailed(why)) => {
            let answer = why.strip_prefix("proxy server responded ").and_then(|rest| rest.split('/').next());
            let answer = answer.map_or_else(|| why.clone(), |status| format!("it answered {status}"));
            let message = format!("requesting {plain}: the proxy `{proxy}` made no connection: {answer}");
            return Error::temporary(message).hint(if answer.ends_with("407") {
                "the proxy wants a login: `http://user:password@host:port` in the proxy variable"
            } else {
                "check the proxy that the environment names, or add the host to `NO_PROXY`"
            });
        }
        (Some(proxy), _) => {
            Error::temporary(format!("requesting {plain}, through the proxy `{proxy}`: {words}"))
        }
        (None, _) => Error::temporary(format!("requesting {plain}: {words}")),
    };
    if text.contains("certificate") {
        return failed.hint(format!("if the server's certificate comes from a private authority, set `{CA_FILE}` or `node.ca_file` in the site file to its PEM file"));
    }
    if proxy.is_some() {
        return failed
            .hint("check the proxy that the environment names; hosts in `NO_PROXY` are reached without it");
    }
    if text.contains("lookup") || matches!(error, ureq::Error::HostNotFound) {
        return failed.hint(
            "check the host name: in the site file, that of the store comes from `url`, `region`, `endpoint` and `style`, that of a release from `agent.from`",
        );
    }
    failed
        .hint("run it again; if it fails again, check the address in the site file, and the proxy variables")
}
