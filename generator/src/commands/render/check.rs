//! `stringless render --check`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::manifest::AgentPin;
use stringless_render::choice::{self, Choice, Given};
use stringless_render::platform::Platforms;
use stringless_render::rerender::{Current, Finding, Rendering};

use crate::cli::RenderArgs;
use crate::clock::time;
use crate::error::{Error, Result};
use crate::output::{format, json, print};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::layers::layers;
use crate::site::stores::{ca_pem, open_store};
use crate::site::trust_chain::{TrustFile, newest};

/// The output of `render --check --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The file that was compared.
    file: String,
    /// The environment that it follows.
    environment: &'a str,
    /// When it was rendered.
    rendered: String,
    /// Whether it should be rendered again.
    out_of_date: bool,
    /// Why it is out of date.
    findings: &'a [Finding],
}

/// Prints whether the rendering in `file` is out of date, and why; exit code 2 if it is.
pub(super) fn run(site: &SiteDir, args: &RenderArgs, file: &Path) -> Result<u8> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(MAX_BYTES).read_to_end(&mut bytes));
    read.map_err(|e| Error::io("reading", file, e).hint("`--check FILE` names what was rendered"))?;
    let rendering = Rendering::read(&bytes)?;
    let Some(layer) = rendering.layer(&site.site.site) else {
        let whose = rendering.config.layers.first().map_or("none", |layer| layer.site.as_str());
        return Err(Error::configuration(format!(
            "checking `{}`: it was rendered for the site `{whose}`, and this one is `{}`",
            file.display(),
            site.site.site
        ))
        .hint("`--site-file FILE` names the site"));
    };
    site.site.environment(&layer.environment)?;
    let chain = site.trust()?;
    let pin = choice::pushed(site.lock()?.pin(site.agent_version()))?;
    let trust = newest(&chain)?.trusted_keys();
    let found = SiteStore::new(site, open_store(site)?, chain.clone()).published(&layer.environment)?;
    let serial = found.map(|published| published.lowest_serial());
    let mut findings =
        rendering.outdated(&Current { site: &layer.site, trust: &trust, pin: &pin, serial, now: time() });
    findings.retain(|finding| finding.what != "serial" || !args.serial_ok);
    findings.extend(rerendered(site, args, &rendering, &pin, &chain)?);

    if args.json {
        json::print(
            Some(&site.site.site),
            &Report {
                file: file.display().to_string(),
                environment: layer.environment.as_str(),
                rendered: rendering.config.rendered.to_string(),
                out_of_date: !findings.is_empty(),
                findings: &findings,
            },
        )?;
    } else if findings.is_empty() {
        print::out(&format!("`{}` is up to date\n", file.display()))?;
    } else {
        let rows: Vec<Vec<String>> =
            findings.iter().map(|finding| vec![finding.what.to_owned(), finding.why.clone()]).collect();
        print::out(&format::table(&rows))?;
    }
    Ok(if findings.is_empty() { 0 } else { 2 })
}

/// The differences from a new rendering with the same keys and minimum serial.
fn rerendered(
    site: &SiteDir,
    args: &RenderArgs,
    rendering: &Rendering,
    pin: &AgentPin,
    chain: &[TrustFile],
) -> Result<Vec<Finding>> {
    let platforms = Platforms::embedded()?;
    let pair = args.distro.clone().zip(args.cloud.clone()).or_else(|| rendering.pair(&platforms));
    let Some((distro, cloud)) = pair else {
        print::note(
            "note: the file does not name its distro and cloud; give DISTRO and CLOUD to compare the settings",
        );
        return Ok(Vec::new());
    };
    let Some(layer) = rendering.layer(&site.site.site) else { return Ok(Vec::new()) };
    let layers = layers(site, &args.layer_before, &args.layer_after)?;
    let forms = match args.form.as_deref() {
        Some(form) => vec![choice::form(form)?],
        None => platforms.forms(platforms.distro(&distro)?, platforms.cloud(&cloud)?),
    };
    // Role, labels and keys are those of the rendering.
    let given = Given {
        site: &site.site,
        environment: &layer.environment,
        layers: &layers,
        trust: newest(chain)?.trusted_keys(),
        pin,
        min_serial: layer.min_serial,
        links: BTreeMap::new(),
        keys: None,
        ca_pem: ca_pem(site)?,
        now: time(),
    };
    let mut reasons = Vec::new();
    for form in forms {
        let choice = Choice {
            distro: Some(distro.clone()),
            cloud: Some(cloud.clone()),
            form: Some(form),
            boot_agent: args.boot_agent.clone(),
            cpu: args.cpu.clone(),
            eol_ok: true,
            ..Choice::default()
        };
        let target = choice.target(&platforms, given.now)?;
        let request = choice.request(&target, &given);
        match rendering.compared(&request) {
            Ok(findings) if findings.is_empty() => return Ok(findings),
            Ok(findings) => reasons.push(findings),
            Err(fault) => reasons.push(vec![Finding { what: "settings", why: fault.to_string() }]),
        }
    }
    // The form with the fewest differences is the form of the file.
    Ok(reasons.into_iter().min_by_key(Vec::len).unwrap_or_default())
}

/// Larger than any user-data.
const MAX_BYTES: u64 = 1 << 20;
