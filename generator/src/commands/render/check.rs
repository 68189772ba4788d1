//! `stringless render --check`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use agent_core::config::Config;
use agent_core::manifest::AgentPin;
use serde::Serialize;
use serde_json::Value;

use super::{ca_pem, newest, parse_form, pin, time};
use crate::catalog::{Catalog, Encoding, Form};
use crate::cli::RenderArgs;
use crate::commands::{open_store, print};
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::folder::{SiteFolder, TrustFile};
use crate::launch::Tool;
use crate::outdated::{Current, Finding, Rendering};
use crate::published;
use crate::render::{AgentPins, Request, Way, node_config, render, way};

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    file: String,
    site: &'a str,
    environment: &'a str,
    rendered: String,
    out_of_date: bool,
    findings: &'a [Finding],
}

/// Tells whether the rendering in `file` is out of date, and why; 2 when it is.
pub(super) fn run(site: &SiteFolder, args: &RenderArgs, file: &Path) -> Result<u8> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(MAX_BYTES).read_to_end(&mut bytes));
    read.map_err(|e| Error::io("reading", file, e).hint("`--check FILE` names what was rendered"))?;
    let rendering = Rendering::read(&bytes)?;
    let Some(layer) = rendering.config.layers.first().filter(|layer| layer.site == site.site.site) else {
        let whose = rendering.config.layers.first().map_or("none", |layer| layer.site.as_str());
        return Err(Error::configuration(format!(
            "checking `{}`: it was rendered for the site `{whose}`, and this one is `{}`",
            file.display(),
            site.site.site
        ))
        .hint("`--site-file FILE` names the site"));
    };
    site.site.environment(&layer.environment)?;
    let (chain, pin) = (site.trust()?, pin(site)?);
    let trust = newest(&chain)?.trusted_keys();
    let store = open_store(site)?;
    let found = published::read(&store, &site.site.site, &layer.environment, &published::keys(&chain))?;
    let serial = found.map(|published| published.manifest.serial);
    let mut findings = rendering.outdated(&Current { trust: &trust, pin: &pin, serial, now: time() });
    findings.retain(|finding| finding.what != "serial" || !args.serial_ok);
    findings.extend(rendered_anew(site, args, &rendering, &pin, &chain)?);

    if args.json {
        print::json(&Report {
            format: print::JSON_FORMAT,
            file: file.display().to_string(),
            site: layer.site.as_str(),
            environment: layer.environment.as_str(),
            rendered: rendering.config.rendered.to_string(),
            out_of_date: !findings.is_empty(),
            findings: &findings,
        })?;
    } else if findings.is_empty() {
        print::out(&format!("`{}` is up to date\n", file.display()))?;
    } else {
        let rows: Vec<Vec<String>> =
            findings.iter().map(|finding| vec![finding.what.to_owned(), finding.why.clone()]).collect();
        print::out(&print::table(&rows))?;
    }
    Ok(if findings.is_empty() { 0 } else { 2 })
}

/// What differs when the same is rendered now, under the keys and from the serial that it has.
fn rendered_anew(
    site: &SiteFolder,
    args: &RenderArgs,
    rendering: &Rendering,
    pin: &AgentPin,
    chain: &[TrustFile],
) -> Result<Vec<Finding>> {
    let catalog = Catalog::embedded()?;
    let pair = args.distro.clone().zip(args.cloud.clone()).or_else(|| rendering.pair(&catalog));
    let Some((distro, cloud)) = pair else {
        print::note(
            "note: it does not tell what it was rendered for; with DISTRO and CLOUD the settings are compared",
        );
        return Ok(Vec::new());
    };
    let (distro, cloud) = (catalog.distro(&distro)?, catalog.cloud(&cloud)?);
    let Some(layer) = rendering.config.layers.first() else { return Ok(Vec::new()) };
    let forms = match args.form.as_deref() {
        Some(form) => vec![parse_form(form)?],
        None => catalog.forms(distro, cloud),
    };
    let mut reasons = Vec::new();
    for form in forms {
        let Way { boot, also, form } = way(&catalog, distro, cloud, Some(form), args.boot_agent.as_deref())?;
        let request = Request {
            distro,
            cloud,
            boot,
            also,
            form,
            encoding: Encoding::Plain,
            with: &[],
            // As if it did not pass through the cloud: its size was looked at when it was rendered.
            tool: Some(Tool::Curl),
            cpu: args.cpu.as_deref(),
            site: &site.site,
            environment: &layer.environment,
            trust: newest(chain)?.trusted_keys(),
            min_serial: layer.min_serial,
            agent: AgentPins { version: pin.version, targets: &pin.targets },
            presigned: std::collections::BTreeMap::new(),
            static_keys: rendering.static_keys(),
            ca_pem: ca_pem(site)?,
            lock: rendering.lock(),
            now: rendering.config.rendered,
        };
        match compared(rendering, &request) {
            Ok(findings) if findings.is_empty() => return Ok(findings),
            Ok(findings) => reasons.push(findings),
            Err(fault) => reasons.push(vec![Finding { what: "settings", why: fault.to_string() }]),
        }
    }
    // The form that it was rendered in is the one that differs least.
    Ok(reasons.into_iter().min_by_key(Vec::len).unwrap_or_default())
}

fn compared(rendering: &Rendering, request: &Request<'_>) -> std::result::Result<Vec<Finding>, Fault> {
    let mut findings = settings(&rendering.config, &node_config(request)?);
    let old = &rendering.config.layers[0].trust;
    // Where the keys differ the text does too, and that was said.
    let comparable = *old == request.trust && findings.is_empty() && !is_presigned(request);
    if comparable && !rendering.holds(&render(request)?.body) {
        let why = "this version of stringless, or of its settings, renders another text".to_owned();
        findings.push(Finding { what: "script", why });
    }
    Ok(findings)
}

fn is_presigned(request: &Request<'_>) -> bool {
    request.site.first_fetch() == crate::site::FirstFetch::Presigned && request.form != Form::Nix
}

/// The keys of the two configurations that differ, trust aside.
fn settings(old: &Config, new: &Config) -> Vec<Finding> {
    let flat = |config: &Config| {
        let mut value = serde_json::to_value(config).unwrap_or_default();
        let layer = value["layers"][0].take();
        (value, layer)
    };
    let ((old, old_layer), (new, new_layer)) = (flat(old), flat(new));
    let mut findings = Vec::new();
    for (old, new) in [(&old, &new), (&old_layer, &new_layer)] {
        let (Value::Object(old), Value::Object(new)) = (old, new) else { continue };
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys.into_iter().filter(|key| *key != "trust" && old.get(*key) != new.get(*key)) {
            let why = format!("`{key}` of the node's configuration would be another one now");
            findings.push(Finding { what: "settings", why });
        }
    }
    findings
}

/// More than any user-data.
const MAX_BYTES: u64 = 1 << 20;
