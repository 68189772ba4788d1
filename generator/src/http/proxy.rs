//! The proxy that the environment names.

use std::env::{self, VarError};

use stringless_core::proxy::{AROUND, Proxy};
use ureq::ProxyProtocol;

use crate::error::{Error, Result};

/// The proxy that the environment names, and its host and port. ureq would pass by one that it does not
/// understand.
///
/// # Errors
/// Configuration: the value cannot be read.
pub fn from_environment() -> Result<Option<(ureq::Proxy, String)>> {
    let value = |name: &str| match env::var(name) {
        Ok(text) => Some(Ok(text)),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => Some(Err(())),
    };
    let wrong = |why: String| {
        Error::configuration(format!("reading the environment: {why}"))
            .hint("expected `http://[user:password@]host:port`; correct the variable, or remove it")
    };
    let Some(proxy) = Proxy::from_environment(value).map_err(wrong)? else { return Ok(None) };
    let mut builder = ureq::Proxy::builder(ProxyProtocol::Http).host(&proxy.host).port(proxy.port);
    if let Some(user) = proxy.user() {
        builder = builder.username(&user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(&password);
    }
    let around = AROUND.iter().find_map(|name| env::var(name).ok()).unwrap_or_default();
    for host in around.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
    }
    let built =
        builder.build().map_err(|_| wrong("the host or the login of the proxy cannot be used".into()))?;
    Ok(Some((built, proxy.place())))
}
