//! A metadata service as the strict kind is: version 2 only, every request with a token.

use std::collections::{BTreeMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::http::{Reply, Request, Seen, Service};
use crate::qemu::GUEST;
use crate::random::hex;

/// Temporary credentials of a role.
#[derive(Debug, Clone)]
pub struct RoleKeys {
    /// Public half.
    pub access_key_id: String,
    /// Secret half.
    pub secret_access_key: String,
    /// The session's token.
    pub token: String,
    /// When they end, in RFC 3339.
    pub expiration: String,
}

/// What the service tells.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The instance's role; none when empty.
    pub role: String,
    /// The role's credentials: one after another on each request, the last for ever.
    pub keys: Vec<RoleKeys>,
    /// What the instance was launched with.
    pub user_data: Option<Vec<u8>>,
}

/// The running service; dropping it ends it.
#[derive(Debug)]
pub struct Imds {
    service: Service,
}

impl Imds {
    /// Answers on `listener`, which is 169.254.169.254:80 for a machine that shall believe it.
    pub fn start(listener: TcpListener, facts: Facts) -> Self {
        let keys = Mutex::new(VecDeque::from(facts.keys.clone()));
        let tokens = Arc::new(Mutex::new(Vec::new()));
        Self {
            service: Service::start(listener, None, move |request| answer(&facts, &keys, &tokens, request)),
        }
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        self.service.take()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.service.port()
    }
}

fn answer(
    facts: &Facts,
    keys: &Mutex<VecDeque<RoleKeys>>,
    tokens: &Mutex<Vec<String>>,
    request: &Request,
) -> Reply {
    if request.path() == "/latest/api/token" {
        return token(tokens, request);
    }
    let known = request.header("x-aws-ec2-metadata-token");
    if known.is_none_or(|token| !tokens.lock().unwrap().iter().any(|given| given == token)) {
        return Reply::new(401, "Unauthorized");
    }
    if request.method != "GET" {
        return Reply::new(405, "");
    }
    // A version is a date, or the latest.
    let Some((version, path)) = request.path()[1..].split_once('/') else { return Reply::new(404, "") };
    if version != "latest" && !(version.len() == 10 && version.starts_with("20")) {
        return Reply::new(404, "");
    }
    if path == "user-data" {
        return facts.user_data.clone().map_or_else(|| Reply::new(404, ""), |bytes| Reply::new(200, bytes));
    }
    let tree = tree(facts);
    match tree.get(path) {
        Some(Leaf::Text(text)) => Reply::new(200, text.as_str()),
        Some(Leaf::RoleKeys) => role_keys(keys),
        None => listing(&tree, path).map_or_else(|| Reply::new(404, ""), |text| Reply::new(200, text)),
    }
}

/// What stands at a path.
enum Leaf {
    Text(String),
    RoleKeys,
}

/// Every answer, by its path below the version: enough for a boot agent that reads the whole of it.
fn tree(facts: &Facts) -> BTreeMap<String, Leaf> {
    let document = serde_json::json!({"instanceId": facts.instance_id, "region": facts.region});
    let interface = format!("meta-data/network/interfaces/macs/{MAC}");
    let mut tree: BTreeMap<String, Leaf> = [
        ("meta-data/ami-id", "ami-0123456789abcdef0".to_owned()),
        ("meta-data/ami-launch-index", "0".into()),
        ("meta-data/hostname", "ip-10-0-3-15.eu-central-1.compute.internal".into()),
        ("meta-data/instance-id", facts.instance_id.clone()),
        ("meta-data/instance-type", "t3.nano".into()),
        ("meta-data/local-hostname", "ip-10-0-3-15.eu-central-1.compute.internal".into()),
        ("meta-data/local-ipv4", GUEST.into()),
        ("meta-data/mac", MAC.into()),
        ("meta-data/placement/availability-zone", format!("{}a", facts.region)),
        ("meta-data/placement/region", facts.region.clone()),
        (&format!("{interface}/device-number"), "0".into()),
        (&format!("{interface}/local-ipv4s"), GUEST.into()),
        (&format!("{interface}/mac"), MAC.into()),
        ("dynamic/instance-identity/document", document.to_string()),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), Leaf::Text(text)))
    .collect();
    if !facts.role.is_empty() {
        tree.insert(format!("meta-data/iam/security-credentials/{}", facts.role), Leaf::RoleKeys);
    }
    tree
}

/// The names in a folder, one a line; those of folders end with a slash.
fn listing(tree: &BTreeMap<String, Leaf>, path: &str) -> Option<String> {
    let folder = format!("{}/", path.trim_end_matches('/'));
    let below = tree.keys().filter_map(|leaf| leaf.strip_prefix(&folder));
    let mut names: Vec<&str> = below.map(|rest| rest.split_inclusive('/').next().unwrap_or(rest)).collect();
    names.dedup();
    if names.is_empty() { None } else { Some(names.join("\n")) }
}

fn token(tokens: &Mutex<Vec<String>>, request: &Request) -> Reply {
    let seconds = request.header("x-aws-ec2-metadata-token-ttl-seconds").unwrap_or_default();
    if request.method != "PUT" {
        return Reply::new(405, "");
    }
    // A request that came through a proxy is not the instance's own.
    if request.header("x-forwarded-for").is_some() {
        return Reply::new(403, "");
    }
    if !seconds.parse().is_ok_and(|seconds: u32| (1..=21600).contains(&seconds)) {
        return Reply::new(400, "");
    }
    let token = hex(28);
    tokens.lock().unwrap().push(token.clone());
    Reply::new(200, token).with("x-aws-ec2-metadata-token-ttl-seconds", seconds)
}

fn role_keys(keys: &Mutex<VecDeque<RoleKeys>>) -> Reply {
    let mut keys = keys.lock().unwrap();
    let Some(next) = keys.front().cloned() else { return Reply::new(404, "") };
    if keys.len() > 1 {
        keys.pop_front();
    }
    // Spaced and ordered as the real one, for scripts that take it apart without a JSON parser.
    Reply::new(200, format!(
        "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2026-01-01T00:00:00Z\",\n  \"Type\" : \"AWS-HMAC\",\n  \
         \"AccessKeyId\" : \"{}\",\n  \"SecretAccessKey\" : \"{}\",\n  \"Token\" : \"{}\",\n  \"Expiration\" : \"{}\"\n}}",
        next.access_key_id, next.secret_access_key, next.token, next.expiration
    ))
    .with("content-type", "text/plain")
}

/// The address of the one network card of an instance.
pub const MAC: &str = "52:54:00:12:34:56";

#[cfg(test)]
mod tests {

    use super::*;
    use crate::netns::{Lab, Net};
    use crate::process::run;

    fn curl(net: &Net, args: &[&str]) -> String {
        let mut curl = net.command("curl");
        let output = run(
            curl.args(["--silent", "--max-time", "100", "-w", " %{http_code}"]).args(args),
            crate::process::PATIENCE,
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn it_refuses_whoever_has_no_token() {
        let Some(lab) = Lab::new() else { return };
        let facts = Facts {
            instance_id: "i-1".into(),
            region: "eu-central-1".into(),
            role: "node".into(),
            keys: Vec::new(),
            user_data: None,
        };
        let imds = Imds::start(lab.cloud.listen_at("169.254.169.254:80"), facts);
        let id = "http://169.254.169.254/latest/meta-data/instance-id";
        let token = "http://169.254.169.254/latest/api/token";
        let ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";
        assert_eq!(curl(&lab.node, &[id]), "Unauthorized 401");
        assert_eq!(curl(&lab.node, &["-H", "X-aws-ec2-metadata-token: guessed", id]), "Unauthorized 401");
        assert_eq!(curl(&lab.node, &["-X", "PUT", token]), " 400");
        assert_eq!(
            curl(&lab.node, &["-X", "PUT", "-H", ttl, "-H", "X-Forwarded-For: 10.0.0.1", token]),
            " 403"
        );
        let answer = curl(&lab.node, &["-X", "PUT", "-H", ttl, token]);
        let header = format!("X-aws-ec2-metadata-token: {}", answer.trim_end_matches(" 200"));
        assert_eq!(curl(&lab.node, &["-H", &header, id]), "i-1 200");
        let base = "http://169.254.169.254/2021-03-23/meta-data";
        for (path, expected) in [
            ("placement", "availability-zone\nregion 200"),
            ("placement/", "availability-zone\nregion 200"),
            ("network/interfaces/macs/", "52:54:00:12:34:56/ 200"),
            ("iam/security-credentials/", "node 200"),
            ("place", " 404"),
        ] {
            assert_eq!(curl(&lab.node, &["-H", &header, &format!("{base}/{path}")]), expected, "{path}");
        }
        assert_eq!(curl(&lab.node, &[&format!("{base}/placement/")]), "Unauthorized 401");
        assert_eq!(imds.take().len(), 12);
    }
}
