//! The metadata service of AWS instances, version 2: requests a token, then sends it with each query.

use std::time::Duration;

use crate::http::{Http, Request};

/// The keys of the instance's role, as JSON.
///
/// # Errors
/// A sentence, if there is no service, no role, or no answer.
pub fn role(http: &Http) -> Result<String, String> {
    let token = query(http, "PUT", "api/token", ("x-aws-ec2-metadata-token-ttl-seconds", "300".into()))?;
    let get = |path: &str| query(http, "GET", path, ("x-aws-ec2-metadata-token", token.clone()));
    let roles = get(ROLES)?;
    let role = roles.lines().next().map(str::trim).filter(|role| !role.is_empty());
    let role = role.ok_or("the instance has no role")?;
    if !role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b)) {
        return Err("the role has a name that IAM does not allow".into());
    }
    get(&format!("{ROLES}{role}"))
}

fn query(http: &Http, method: &str, path: &str, header: (&'static str, String)) -> Result<String, String> {
    let headers = [header];
    let mut answered = None;
    let mut silent = None;
    for address in (0..TRIES).flat_map(|_| ADDRESSES) {
        let url = format!("http://{address}/latest/{path}");
        match http.send_local(&Request { method, url: &url, headers: &headers, limit: LIMIT }) {
            Ok(reply) if reply.status == 200 => return Ok(reply.text(64 * 1024)),
            Ok(reply) if reply.status == 404 && path == ROLES => {
                return Err("the instance has no role".into());
            }
            Ok(reply) => {
                answered = Some(format!("the metadata service answered {} to {method} {path}", reply.status));
            }
            Err(error) => _ = silent.get_or_insert(format!("the metadata service did not answer: {error}")),
        }
    }
    Err(answered.or(silent).unwrap_or_default())
}

/// Where the service is; an instance without IPv4 reaches only the second one.
const ADDRESSES: [&str; 2] = ["169.254.169.254", "[fd00:ec2::254]"];

const ROLES: &str = "meta-data/iam/security-credentials/";
/// The service is on the same host. If it takes longer, it does not exist.
const LIMIT: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;
