//! The keys of a container's role on AWS (ECS and EKS), from an address in the environment.

use std::path::Path;
use std::time::Duration;

use crate::disk::read_capped;
use crate::http::{Http, Request};

/// The role's keys, as JSON.
///
/// # Errors
/// A sentence, if the environment names no address or the address does not answer.
pub fn role(http: &Http) -> Result<String, String> {
    let url = address(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    let mut headers = Vec::new();
    if let Some(token) = token()? {
        headers.push(("authorization", token));
    }
    let request = Request { method: "GET", url: &url, headers: &headers, limit: Duration::from_secs(5) };
    let reply = http.send_local(&request)?;
    match reply.status {
        200 => Ok(reply.text(64 * 1024)),
        status => Err(format!("the address answered {status}")),
    }
}

/// The address in the environment. It must use TLS, or be this machine or one of the two addresses that AWS
/// reserves for this.
fn address(var: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    if let Some(path) = var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Ok(format!("http://169.254.170.2{path}"));
    }
    let Some(url) = var("AWS_CONTAINER_CREDENTIALS_FULL_URI") else {
        return Err("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set".into());
    };
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let port = host.rfind(':').filter(|&at| host[at + 1..].bytes().all(|b| b.is_ascii_digit()));
    let name = port.map_or(host, |at| &host[..at]);
    let near = NEAR.contains(&name);
    if near || url.starts_with("https://") {
        return Ok(url);
    }
    Err("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine".into())
}

const NEAR: [&str; 6] =
    ["127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

fn token() -> Result<Option<String>, String> {
    if let Ok(file) = std::env::var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        let bytes = read_capped(Path::new(&file)).map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("reading `{file}`: there is no such file"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("reading `{file}`: it is not UTF-8"))?;
        return Ok(Some(text.trim().to_owned()));
    }
    Ok(std::env::var("AWS_CONTAINER_AUTHORIZATION_TOKEN").ok())
}

#[cfg(test)]
mod tests {
    use super::address;

    fn with(name: &'static str, value: &'static str) -> Result<String, String> {
        address(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn accepts_only_tls_and_local_addresses() {
        assert_eq!(with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x").unwrap(), "http://169.254.170.2/x");
        for url in
            ["https://example.org/x", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/x"]
        {
            assert!(with("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).is_ok(), "{url}");
        }
        for url in ["http://example.org/", "http://127.0.0.1.example.org/", "http://localhost:80@a/"] {
            assert!(with("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).is_err(), "{url}");
        }
        assert!(address(|_| None).is_err());
    }
}
