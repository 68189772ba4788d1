//! Request → the values for the templates. Every value is set, because templates use `if` with booleans only.

use serde::Serialize;
use stringless_core::config::Config;
use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::installed::EVERY_BOOT;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use super::engine::{self, EnginePackage};
use super::fetch::Fetch;
use super::pin::Pin;
use super::{cron, metadata_lock};
use crate::envelope::bootcmd;
use crate::platform::{Form, Paths};
use crate::request::{MetadataLock, Request};
use crate::site::Schedule;
use crate::{node_config, quote};

/// The values of the templates.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page {
    version: String,
    site: String,
    environment: String,
    min_serial: u64,
    /// Names this rendering: the same for the same site and settings, whenever it is rendered.
    mark: String,
    distro_name: String,
    cloud_name: String,
    log: String,
    /// `ID` and the value of `os_key`; only `ID ` if any version fits.
    os: String,
    os_version: bool,
    os_variant: bool,
    /// The shell's expression for what distinguishes systems with the same `ID`.
    os_key: &'static str,
    paths: Paths,
    /// Whether a boot agent runs the script at every boot.
    every_boot: bool,
    /// Whether the script leaves a copy behind that runs until it has succeeded once. In a document, a unit of
    /// the document does that.
    pub repeats: bool,
    proxy: String,
    pub no_proxy: String,
    pins: Vec<Pin>,
    agent_version: String,
    pub agent_json: String,
    pub ca: String,
    puppet: bool,
    package: EnginePackage,
    /// Whether the script downloads anything.
    downloads: bool,
    pub fetch: Fetch,
    daemon: bool,
    periodic: bool,
    interval: u64,
    /// Whether the layers' intervals differ, so that the agent itself keeps each of them.
    due: bool,
    splay: u64,
    /// The five fields of a crontab line; `$minute` is a random number.
    cron: String,
    /// Whether the site chose cron; otherwise cron is the fallback.
    cron_chosen: bool,
    /// Whether the script restricts the metadata service to root.
    lock: bool,
    /// Whether the script fails if it cannot restrict the service.
    lock_required: bool,
    /// The command for a node without a firewall.
    lock_failed: &'static str,
    /// The IPv4 addresses of the service.
    lock4: Vec<String>,
    /// The IPv6 addresses of the service.
    lock6: Vec<String>,
    /// Whether the service also answers by https.
    lock_https: bool,
}

impl Page {
    pub(crate) fn new(request: &Request<'_>) -> Result<Self, Fault> {
        let (site, distro) = (request.site, request.distro);
        let node = &site.node;
        let fetch = Fetch::new(request)?;
        let package = engine::package(request)?;
        let config = node_config::config(request)?;
        let interval = config.shortest_interval();
        let agent_json = quote::json(&config).map_err(|error| Fault::new(error.to_string()))?;
        let (os_key, version) = distro.os_release.distinction();
        let (lock6, lock4) =
            metadata_lock::addresses(request)?.into_iter().partition(|address| address.contains(':'));
        let repository = package.as_ref().is_some_and(EnginePackage::is_foreign);
        let page = Self {
            version: request.tool_version.to_owned(),
            site: site.site.to_string(),
            environment: request.environment.to_string(),
            min_serial: request.min_serial,
            mark: String::new(),
            distro_name: distro.name.clone(),
            cloud_name: request.cloud.name.clone(),
            log: match request.form {
                Form::Bootcmd => bootcmd::LOG.to_owned(),
                _ => request.boot_agents().map(|agent| &*agent.log).collect::<Vec<_>>().join(" or "),
            },
            os: format!("{} {}", distro.os_release.id, version),
            os_version: !version.is_empty(),
            os_variant: distro.os_release.variant.is_some(),
            os_key,
            paths: distro.paths.clone(),
            every_boot: request.boot_agents().any(|agent| agent.every_boot),
            repeats: !matches!(request.form, Form::Ignition | Form::Nix),
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
            interval,
            due: config.layers.iter().any(|layer| layer.interval != interval),
            splay: node.splay.seconds(),
            cron: cron::fields(interval),
            cron_chosen: node.schedule == Schedule::Cron,
            lock: request.lock.is_some(),
            lock_required: request.lock == Some(MetadataLock::Required),
            lock_failed: request.lock.map_or("", MetadataLock::without_firewall),
            lock4,
            lock6,
            lock_https: request.cloud.lock_https,
        };
        let mark = page.mark(config, request.form)?;
        Ok(Self { mark, ..page })
    }

    /// A short hash of everything in the page, except the time and what is signed for that time.
    fn mark(&self, config: Config, form: Form) -> Result<String, Fault> {
        let text = |error: serde_json::Error| Fault::new(error.to_string());
        let timeless = Config { rendered: Timestamp::from_seconds(0), ..config };
        let agent_json = quote::json(&timeless).map_err(text)?;
        let pins = self.pins.iter().map(|pin| Pin { signature: String::new(), ..pin.clone() }).collect();
        let page = Self { agent_json, pins, fetch: self.fetch.without_signature(), ..self.clone() };
        let values = serde_json::to_vec(&page).map_err(text)?;
        let hash = Sha256::of(&values).to_string();
        // By its first letters `uninstall` knows that the file with the mark has to stay.
        let first = if self.every_boot || form == Form::Bootcmd { EVERY_BOOT } else { "" };
        Ok(format!("{first}{}", &hash[..16 - first.len()]))
    }

    /// The agent for the single CPU of a document: the requested one, or the distro's usual one.
    pub(crate) fn pin(&self, request: &Request<'_>) -> Result<&Pin, Fault> {
        let Some(cpu) = request.cpu else { return Ok(&self.pins[0]) };
        self.pins.iter().find(|pin| pin.cpu.split('|').any(|name| name == cpu)).ok_or_else(|| {
            let known: Vec<&str> = self.pins.iter().filter_map(|pin| pin.cpu.split('|').next()).collect();
            Fault::new(format!(
                "rendering for {}: no agent is pinned for the CPU `{cpu}`",
                request.distro.name
            ))
            .hint(format!("`--cpu` takes {}", known.join(" or ")))
        })
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

/// A shell pattern for the output of `uname -m` on this CPU.
fn pattern(cpu: &str) -> String {
    match cpu {
        "x86_64" => "x86_64|amd64".into(),
        "aarch64" => "aarch64|arm64".into(),
        other => other.into(),
    }
}

/// The certificates of the site's `ca_file`, without the text around them.
fn ca(request: &Request<'_>) -> Result<String, Fault> {
    let Some(file) = &request.site.node.ca_file else { return Ok(String::new()) };
    let fault = |why: &str| Fault::new(format!("reading node.ca_file `{file}`: {why}"));
    let pem = request.ca_pem.as_deref().ok_or_else(|| fault("its text is missing"))?;
    let mut kept = Vec::new();
    // The base64 of the current certificate.
    let mut body: Option<String> = None;
    for line in pem.lines().map(str::trim_end) {
        if line.starts_with("-----BEGIN ") && line != BEGIN {
            return Err(
                fault("it holds something other than certificates").hint("never give nodes a private key")
            );
        }
        body = match (body.take(), line) {
            (None, BEGIN) => Some(String::new()),
            (None, END) => return Err(fault("a certificate in it ends before it begins")),
            // Names and comments between certificates are common; the node does not need them.
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

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
