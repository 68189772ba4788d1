//! `stringless check`.

mod puppet;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;
use stringless_core::trust::Trust;
use stringless_render::platform::Platforms;

use crate::checks;
use crate::cli::CheckArgs;
use crate::clock::now;
use crate::doctor::findings::{Finding, Findings};
use crate::doctor::keys;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::output::{format, json, print};
use crate::pack::{self, Build};
use crate::progress::Progress;
use crate::remote::last_seen;
use crate::site::stores::ca_pem;
use crate::site::{SiteDir, layers};
use crate::trust::{expiry, pending};

/// The output of `check --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    /// Whether there is no error.
    ok: bool,
    /// The findings, in the order of the checks.
    findings: Vec<Finding>,
}

/// Checks everything that needs no store.
///
/// # Errors
/// When there is no site. Faults of the site are printed; the exit code is that of the worst finding.
pub fn run(site: Option<&Path>, args: &CheckArgs) -> Result<u8> {
    let (site, notes, no_cache) = SiteDir::open_to_check(site, args.environment.as_ref(), args.offline)?;
    let names = match &args.environment {
        Some(name) => vec![site.environment(Some(name))?],
        None => site.environments(),
    };
    let mut list = Findings::default();
    list.ok("site file", format!("`{}`, site `{}`", site.file.display(), site.site.site));
    let borrowed = no_cache.is_some();
    if let Some(why) = no_cache {
        list.warn("cache", why.to_string(), "nothing is kept for the next run; all else is checked");
    }
    list.add("platforms", platforms());
    if let Some(trust) = list.add("trust", trust(&site)) {
        if let Some(warning) = expiry::trust_warning(&trust, now()) {
            list.warn("trust", warning, "`stringless refresh` gives it another year");
        }
        let _ = keys::check(&site, &trust, &mut list);
    }
    if !borrowed {
        check_waiting(&site, &mut list);
    }
    list.add("authorities", authorities(&site));
    list.add("layers", layers(&site));
    check_agent(&site, &mut list);
    list.add("puppet", puppet::packages(&site));
    if args.environment.is_none() {
        for (name, error) in site.conflicts() {
            list.add::<()>(&format!("environment {name}"), Err(error));
        }
    }
    for note in notes {
        list.warn("sources", note, "`invalid` and `ignore` of the source say what becomes of such branches");
    }
    for name in &names {
        check_published(&site, name, &mut list);
        if let Some(build) = list.add(&format!("environment {name}"), environment(&site, name)) {
            puppet::check(&site, name, &build, &mut list);
            check_code(&site, name, &build, &mut list);
        }
    }
    if args.json {
        let (ok, findings) = (list.worst == 0, list.all);
        json::print(Some(&site.site.site), &Report { ok, findings })?;
    } else {
        print::out(&list.text())?;
    }
    Ok(list.worst)
}

fn platforms() -> Result<((), String)> {
    let platforms = Platforms::embedded()?;
    Ok((
        (),
        format!(
            "{}, {}",
            format::count(platforms.distros.len(), "distro"),
            format::count(platforms.clouds.len(), "cloud")
        ),
    ))
}

fn trust(site: &SiteDir) -> Result<(Trust, String)> {
    let chain = site.trust()?;
    let Some(last) = chain.last() else { return Err(Error::configuration("reading `trust/`: it is empty")) };
    let trust: &Trust = &last.trust;
    if let Some(expires) = trust.expires.filter(|expires| now() >= *expires) {
        return Err(Error::refused(format!("version {} expired at {expires}", trust.version))
            .hint("`stringless refresh` gives it another year"));
    }
    let message = format!(
        "version {}, {} of {} must sign",
        trust.version,
        trust.threshold,
        format::count(trust.keys.len(), "key")
    );
    Ok((trust.clone(), message))
}

/// Documents that still wait for signatures.
fn check_waiting(site: &SiteDir, list: &mut Findings) {
    let waiting = pending::all(site).map(|all| (all, String::new()));
    for pending in list.add("signatures", waiting).unwrap_or_default() {
        let message = format!("`{}` waits for signatures", pending.file.display());
        list.warn(
            "signatures",
            message,
            "`stringless submit` names the missing signatures, and publishes it",
        );
    }
}

/// The expiry of the published release, as this machine last saw it: the store is not read.
fn check_published(site: &SiteDir, name: &Name, list: &mut Findings) {
    let Ok(chain) = site.trust() else { return };
    let Some(known) = last_seen::read(site, name, &chain) else { return };
    if let Some(warning) = expiry::release_warning(&known.manifest, now()) {
        list.warn(&format!("environment {name}"), warning, "`stringless refresh` signs it again");
    }
}

fn authorities(site: &SiteDir) -> Result<((), String)> {
    let Some(pem) = ca_pem(site)? else { return Ok(((), String::new())) };
    Http::new(Some(pem.as_bytes()))?;
    Ok(((), format!("`{}`", site.site.node.ca_file.clone().unwrap_or_default())))
}

fn layers(site: &SiteDir) -> Result<((), String)> {
    let layers = layers::layers(site, &[], &[])?;
    let names: Vec<String> =
        layers.all().map(|layer| format!("`{}/{}`", layer.site, layer.environment)).collect();
    Ok(((), names.join(", ")))
}

fn check_agent(site: &SiteDir, list: &mut Findings) {
    let lock = site.pin().map(|pin| (pin, String::new()));
    let Some(pin) = list.add("agent", lock) else { return };
    if pin.targets.is_empty() {
        list.warn(
            "agent",
            format!("{} is not pushed", pin.version),
            "`stringless agent push`, before rendering",
        );
    } else {
        let targets: Vec<&str> = pin.targets.keys().map(Name::as_str).collect();
        list.ok("agent", format!("{} for {}", pin.version, targets.join(", ")));
    }
}

fn environment(site: &SiteDir, name: &Name) -> Result<(Build, String)> {
    let build = pack::build(site, name, &Progress::new())?;
    let bytes = build.packs.iter().map(|pack| pack.size).sum();
    let message = format!("{}, {}", format::count(build.packs.len(), "pack"), format::size(bytes));
    Ok((build, message))
}

/// Runs the `checks` of the site file.
fn check_code(site: &SiteDir, name: &Name, build: &Build, list: &mut Findings) {
    let what = format!("environment {name}");
    let checked = checks::check(site, &build.tree).map(|checked| (checked, String::new()));
    let Some(checked) = list.add(&what, checked) else { return };
    let off =
        |check| format!("fix it, or turn the check off with `checks: {{{check}: off}}` in the site file");
    for finding in &checked.findings {
        let message = finding.to_string();
        match finding.required {
            true => drop(list.add::<()>(&what, Err(Error::refused(message).hint("fix it")))),
            false => list.warn(&what, message, &off(finding.check)),
        }
    }
    for unable in &checked.unable {
        let hint = "install it, or do not require it in `checks` of the site file";
        match unable.required {
            true => drop(list.add::<()>(&what, Err(Error::configuration(unable.to_string()).hint(hint)))),
            false => list.warn(&what, unable.to_string(), &off(unable.check)),
        }
    }
    let files: Vec<String> = checked.files.iter().map(|(check, files)| format!("{check} {files}")).collect();
    if !files.is_empty() {
        list.ok(&what, format!("checked: {}", files.join(", ")));
    }
}
