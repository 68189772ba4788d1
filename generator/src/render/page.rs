//! Request → what the templates see. Every value is set: templates ask `if` of booleans only.

use agent_core::name::Name;
use serde::Serialize;

use super::engine::{self, EnginePackage};
use super::fetch::Fetch;
use super::{Request, config, quote};
use crate::fault::Fault;
use crate::site::Schedule;

/// The values of the templates.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Page {
    version: &'static str,
    site: String,
    environment: String,
    min_serial: u64,
    rendered: String,
    distro_name: String,
    cloud_name: String,
    log: String,
    /// `ID VERSION_ID`.
    os: String,
    proxy: String,
    no_proxy: String,
    pins: Vec<Pin>,
    agent_version: String,
    agent_json: String,
    ca: String,
    puppet: bool,
    package: EnginePackage,
    /// Something is downloaded.
    downloads: bool,
    fetch: Fetch,
    daemon: bool,
    periodic: bool,
    interval: u64,
    splay: u64,
    /// The five fields of a line of crontab; `$m` is a random number.
    cron: String,
    /// Cron is what the site asks for, not what is left.
    cron_chosen: bool,
}

/// The agent for one CPU.
#[derive(Clone, Debug, Serialize)]
struct Pin {
    /// A pattern for `uname -m`.
    cpu: String,
    target: String,
    sha256: String,
    /// What the end of this target's signed link has of its own.
    signature: String,
}

impl Page {
    pub(super) fn of(request: &Request<'_>) -> Result<Self, Fault> {
        let (site, distro) = (request.site, request.distro);
        let node = &site.node;
        let fetch = Fetch::of(request)?;
        let package = engine::package(request)?;
        let config = config::config(request)?;
        let agent_json = quote::json(&config).map_err(|error| Fault::new(error.to_string()))?;
        let repository = package.as_ref().is_some_and(EnginePackage::is_foreign);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            site: site.site.to_string(),
            environment: request.environment.to_string(),
            min_serial: request.min_serial,
            rendered: request.now.to_string(),
            distro_name: distro.name.clone(),
            cloud_name: request.cloud.name.clone(),
            log: distro.log.clone(),
            os: format!("{} {}", distro.os_release.id, distro.os_release.version),
            proxy: node.proxy.clone().unwrap_or_default(),
            no_proxy: node.no_proxy.clone().unwrap_or_default(),
            pins: pins(request, &fetch)?,
            agent_version: request.agent.version.to_string(),
            agent_json,
            ca: ca(request)?,
            puppet: package.is_some(),
            package: package.unwrap_or(EnginePackage {
                name: String::new(),
                version: String::new(),
                release: String::new(),
                release_sha256: String::new(),
            }),
            downloads: !fetch.folder || repository,
            fetch,
            daemon: node.schedule == Schedule::Daemon,
            periodic: node.schedule != Schedule::Boot,
            interval: node.interval.seconds(),
            splay: node.splay.seconds(),
            cron: cron(node.interval.seconds()),
            cron_chosen: node.schedule == Schedule::Cron,
        })
    }

    /// The template of what runs the agent; `None` where nothing does.
    pub(super) fn schedule_template(&self, request: &Request<'_>) -> Option<String> {
        match request.site.node.schedule {
            Schedule::Timer | Schedule::Daemon => Some(format!("init/{}.tera", request.distro.init)),
            Schedule::Cron => Some("init/cron.tera".into()),
            Schedule::Boot => None,
        }
    }
}

fn pins(request: &Request<'_>, fetch: &Fetch) -> Result<Vec<Pin>, Fault> {
    let mut pins = Vec::new();
    for target in &request.distro.targets {
        let Some(file) = request.agent.targets.get(target) else { continue };
        let Some(signature) = fetch.signature(target) else { continue };
        let cpu = target.as_str().split('-').next().unwrap_or_default();
        pins.push(Pin {
            cpu: pattern(cpu),
            target: target.to_string(),
            sha256: file.sha256.to_string(),
            signature,
        });
    }
    if pins.is_empty() {
        let targets: Vec<&str> = request.distro.targets.iter().map(Name::as_str).collect();
        return Err(Fault::new(format!(
            "rendering for {}: no agent {} is pinned for it",
            request.distro.name, request.agent.version
        ))
        .hint(format!("run `stringless agent push` with one for {}", targets.join(" or "))));
    }
    Ok(pins)
}

/// What `uname -m` says on such a CPU.
fn pattern(cpu: &str) -> String {
    match cpu {
        "x86_64" => "x86_64|amd64".into(),
        "aarch64" => "aarch64|arm64".into(),
        other => other.into(),
    }
}

/// The site's authorities, without whatever stands around the certificates.
fn ca(request: &Request<'_>) -> Result<String, Fault> {
    let Some(file) = &request.site.node.ca_file else { return Ok(String::new()) };
    let fault = |why: &str| Fault::new(format!("reading node.ca_file `{file}`: {why}"));
    let pem = request.ca_pem.as_deref().ok_or_else(|| fault("its text is missing"))?;
    let mut kept = Vec::new();
    // The base64 of the certificate that is being read.
    let mut body: Option<String> = None;
    for line in pem.lines().map(str::trim_end) {
        if line.starts_with("-----BEGIN ") && line != BEGIN {
            return Err(
                fault("it holds something else than certificates").hint("never give nodes a private key")
            );
        }
        body = match (body.take(), line) {
            (None, BEGIN) => Some(String::new()),
            (None, END) => return Err(fault("a certificate in it ends before it begins")),
            // Names and comments between certificates are common, and not for the node.
            (None, _) => continue,
            (Some(text), END) if is_base64(&text) => None,
            (Some(text), _) if line != BEGIN && line != END => Some(text + line),
            _ => return Err(fault("a certificate in it is not base64")),
        };
        kept.push(line);
    }
    if kept.is_empty() || body.is_some() {
        return Err(fault("it holds no complete certificate in PEM form"));
    }
    Ok(kept.join("\n"))
}

/// Whether `text` is base64 of at least one byte, padded (RFC 4648, section 4).
fn is_base64(text: &str) -> bool {
    let data = text.trim_end_matches('=');
    !data.is_empty()
        && text.len() - data.len() <= 2
        && text.len().is_multiple_of(4)
        && data.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
}

/// `seconds` as the nearest interval that cron knows, at a minute `$m` of the node's own.
fn cron(seconds: u64) -> String {
    let minutes = seconds.div_ceil(60).max(1);
    match minutes {
        1 => "* * * * *".into(),
        2..60 => format!("$((m % {minutes}))-59/{minutes} * * * *"),
        60..1440 => format!("$((m % 60)) */{} * * *", minutes / 60),
        _ => "$((m % 60)) $((m % 24)) * * *".into(),
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
