//! What the configuration and the environment say about the network.

use std::env::VarError;
use std::path::Path;

use stringless_core::config::Config;
use stringless_core::json;
use stringless_core::proxy::{AROUND, Proxy};
use stringless_core::report::Outcome;

use crate::disk::read_capped;
use crate::error::{Error, Result};

/// The proxy of the configuration, or else of the environment, with the hosts to reach without it.
///
/// # Errors
/// Configuration: the proxy is not supported, or cannot be read.
pub fn proxy_of(config: &Config) -> Result<Option<(Proxy, String)>> {
    let variable = |name: &str| match std::env::var(name) {
        Ok(text) => Some(Ok(text)),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => Some(Err(())),
    };
    let found = match config.proxy().map_err(Error::configuration)? {
        Some(proxy) => Some(proxy),
        None => Proxy::from_environment(variable).map_err(|why| {
            Error::configuration(format!("reading the environment: {why}"))
                .hint("expected `http://[user:password@]host:port`; correct the variable, or remove it")
        })?,
    };
    let around = match &config.no_proxy {
        Some(list) => list.clone(),
        None if config.proxy.is_some() => String::new(),
        None => AROUND.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default(),
    };
    Ok(found.map(|proxy| (proxy, around)))
}

/// The text of the additional certificate authorities.
///
/// # Errors
/// Configuration: the file cannot be read.
pub fn ca_file(config: &Config, root: &Path) -> Result<Option<Vec<u8>>> {
    let Some(file) = &config.ca_file else { return Ok(None) };
    let file = root.join(file.trim_start_matches('/'));
    let pem = read_capped(&file).map_err(|error| error.with_outcome(Outcome::Configuration))?;
    match pem {
        None => {
            let message = format!("reading ca_file `{}`: there is no such file", file.display());
            Err(Error::configuration(message))
        }
        Some(pem) if pem.len() > json::MAX_BYTES => {
            let message = format!("reading ca_file `{}`: it is larger than 1 MiB", file.display());
            Err(Error::configuration(message))
        }
        pem => Ok(pem),
    }
}
