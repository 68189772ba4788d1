//! `stringless verify`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::fleet::head::Head;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::refusal::Refusal;
use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::{self, Verified};

use crate::cli::VerifyArgs;
use crate::clock::now;
use crate::error::{Error, Result};
use crate::output::{format, json, print};
use crate::progress::Progress;
use crate::remote;
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::open_one;
use crate::site::trust_chain::TrustFile;
use crate::trust::{expiry, sync};

/// The output of `verify --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    /// Whether a node would accept everything.
    ok: bool,
    /// One check for each environment in each store.
    checks: Vec<Check>,
}

/// The output of `verify FILE --json`.
#[derive(Serialize, JsonSchema)]
pub struct Document {
    /// `trust`, `manifest` or `head`.
    kind: &'static str,
    /// The environment; for trust, `keys`.
    name: String,
    /// The serial, or the version of the trust or the head.
    number: u64,
    /// The trust version whose keys signed it.
    trust_version: u64,
}

/// The result for one environment in one store.
#[derive(Serialize, JsonSchema)]
pub struct Check {
    /// The URL of the store.
    store: String,
    /// The environment.
    environment: Name,
    /// Null when nothing is published, or the release is refused.
    serial: Option<u64>,
    /// The newest trust version whose keys signed the release.
    trust_version: Option<u64>,
    /// When the release was signed.
    created: Option<String>,
    /// When the release expires; null if it never does.
    expires: Option<String>,
    /// The number of its packs.
    packs: usize,
    /// The size of its packs, in bytes.
    bytes: u64,
    /// Whether the environment has ended.
    retired: bool,
    /// Expiry dates that are near.
    warnings: Vec<String>,
    /// What a node would do.
    result: Outcome,
    /// Null when a node would accept the release.
    error: Option<String>,
}

/// The result of a check.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A node would accept the release.
    Ok,
    /// A node would refuse it.
    Refused,
    /// The store did not answer, or cannot be used from here: nothing is known about the release.
    Unknown,
}

/// Verifies what the stores hold, or one document on disk.
///
/// # Errors
/// When the site cannot be used, or the gravest error of the stores.
pub fn run(site: Option<&Path>, args: &VerifyArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let chain = site.trust()?;
    if let Some(file) = &args.file {
        return document(&site, &chain, file, args.json);
    }
    let names: Vec<Name> = match &args.environment {
        Some(name) => vec![site.environment(Some(name))?],
        None => site.site.environments.keys().cloned().collect(),
    };
    let mut checks = Vec::new();
    let mut failure = None;
    for settings in &site.site.stores {
        for name in &names {
            let check = match open_one(&site, settings)
                .and_then(|store| one(&SiteStore::new(&site, store, chain.clone()), &settings.url, name))
            {
                Ok(None) if args.environment.is_none() => continue,
                Ok(None) => {
                    Err(Error::refused(format!("verifying {}: `{name}` is not published", settings.url)))
                }
                Ok(Some(check)) => Ok(check),
                Err(error) => Err(error),
            };
            checks.push(check.unwrap_or_else(|error| {
                let check = Check::failed(&settings.url, name, &error);
                let gravity = error.kind().gravity();
                if failure.as_ref().is_none_or(|known: &Error| known.kind().gravity() < gravity) {
                    failure = Some(error);
                }
                check
            }));
        }
    }
    if checks.is_empty() {
        return Err(Error::refused("verifying the stores: nothing is published").hint("`stringless publish`"));
    }
    let warnings: BTreeSet<&String> = checks.iter().flat_map(|check| &check.warnings).collect();
    for warning in warnings {
        print::note(&format!("warning: {warning}: `stringless refresh` signs it again"));
    }
    let ok = failure.is_none();
    if args.json {
        let report = Report { ok, checks };
        json::print(Some(&site.site.site), &report)?;
        return Ok(failure.map_or(0, |error| error.exit_code()));
    }
    print::out(&summary(&checks))?;
    failure.map_or(Ok(0), Err)
}

/// Checks one environment in one store as a node does; `None` when it is not published there.
fn one(remote: &SiteStore<'_>, url_of_store: &str, name: &Name) -> Result<Option<Check>> {
    let (store, newest) = (&remote.store, remote.newest_trust()?);
    let newer = sync::newer_trust(remote)?;
    let trust: &Trust = newer.last().map_or(newest, |trust| trust);
    let Some(found) = remote.published_under(name, trust)? else { return Ok(None) };
    let manifest: &Manifest = &found.manifest;
    let url = store.url(&stringless_core::layout::head(name));
    remote::admit_new(&found.manifest, trust, now())
        .map_err(|refusal| expired(Error::refusal("verifying", &url, &refusal), &refusal))?;
    if let Some(head) = &found.head {
        remote::admit_new_head(head, trust, now())
            .map_err(|refusal| expired(Error::refusal("verifying", &url, &refusal), &refusal))?;
    }
    let stable = found.stable.as_ref().map(|(stable, _)| stable);
    for one in stable.into_iter().chain([&found.manifest]) {
        remote::check_packs(store, one, &Progress::new())?;
        if !one.retired {
            remote::check_agent(store, one)?;
        }
    }
    Ok(Some(Check {
        store: url_of_store.to_owned(),
        environment: name.clone(),
        serial: Some(manifest.serial),
        trust_version: Some(manifest.trust_version),
        created: Some(manifest.created.to_string()),
        expires: manifest.expires.map(|time| time.to_string()),
        packs: manifest.packs.len(),
        bytes: manifest.packs.iter().map(|pack| pack.size).sum(),
        retired: manifest.retired,
        warnings: expiry::release_warning(manifest, now())
            .into_iter()
            .chain(found.head.as_ref().and_then(|head| expiry::head_warning(head, now())))
            .chain(expiry::trust_warning(trust, now()))
            .collect(),
        result: Outcome::Ok,
        error: None,
    }))
}

impl Check {
    fn failed(store: &str, environment: &Name, error: &Error) -> Self {
        Self {
            store: store.to_owned(),
            environment: environment.clone(),
            serial: None,
            trust_version: None,
            created: None,
            expires: None,
            packs: 0,
            bytes: 0,
            retired: false,
            warnings: Vec::new(),
            result: if error.is_refusal() { Outcome::Refused } else { Outcome::Unknown },
            error: Some(error.to_string()),
        }
    }
}

fn expired(error: Error, refusal: &Refusal) -> Error {
    match refusal {
        Refusal::Expired { .. } => error.hint("`stringless refresh` signs it again"),
        _ => error,
    }
}

fn summary(checks: &[Check]) -> String {
    let head = ["STORE", "ENVIRONMENT", "SERIAL", "TRUST", "PACKS", "SIZE", "EXPIRES", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for check in checks {
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        rows.push(vec![
            check.store.clone(),
            check.environment.to_string(),
            number(check.serial),
            number(check.trust_version),
            check.packs.to_string(),
            format::size(check.bytes),
            check
                .expires
                .clone()
                .unwrap_or_else(|| if check.result == Outcome::Ok { "never" } else { "-" }.into()),
            match check.result {
                Outcome::Ok if check.retired => "retired",
                Outcome::Ok => "ok",
                Outcome::Refused => "REFUSED",
                Outcome::Unknown => "NOT CHECKED",
            }
            .to_owned(),
        ]);
    }
    format::table(&rows)
}

fn head_in(bytes: &[u8], trusted: &TrustedKeys, site: &Name, environment: &Name) -> Option<Verified<Head>> {
    if trusted.fleet.is_empty() { None } else { verify::head(bytes, trusted, site, environment).ok() }
}

/// Verifies one document on disk, as a trust document, a manifest or a head.
fn document(site: &SiteDir, chain: &[TrustFile], file: &Path, json: bool) -> Result<u8> {
    let bytes = fs::read(file).map_err(|e| Error::io("reading", file, e))?;
    let own = &site.site.site;
    let mut refusal = None;
    for link in chain.iter().rev() {
        let trusted = link.trust.trusted_keys();
        let base =
            |kind, name: String, number| Document { kind, name, number, trust_version: trusted.version };
        let mut found = None;
        if link.bytes == bytes {
            found = Some(base("trust", "keys".into(), link.trust.version));
        } else if let Ok(next) = verify::next_trust(&bytes, &trusted, own) {
            found = Some(base("trust", "keys".into(), next.version));
        }
        for name in site.site.environments.keys() {
            if found.is_some() {
                break;
            }
            match verify::manifest(&bytes, &trusted, own, name) {
                Ok(manifest) => found = Some(base("manifest", name.to_string(), manifest.serial)),
                Err(_) if let Some(head) = head_in(&bytes, &trusted, own, name) => {
                    found = Some(base("head", name.to_string(), head.version));
                }
                // Another environment of the site may accept the document: keep a better reason, if one comes.
                Err(error) if refusal.is_none() || matches!(refusal, Some(Refusal::Foreign { .. })) => {
                    refusal = Some(error);
                }
                Err(_) => {}
            }
        }
        if let Some(found) = found {
            if json {
                json::print(Some(&site.site.site), &found)?;
            } else {
                let Document { kind, name, number, trust_version, .. } = &found;
                print::out(&format!(
                    "ok: {kind} {own} {name} {number}, signed under trust version {trust_version}\n"
                ))?;
            }
            return Ok(0);
        }
    }
    let refusal = refusal.unwrap_or(Refusal::Invalid("there is no trust to verify with".into()));
    Err(Error::refusal("verifying", format!("`{}`", file.display()), &refusal))
}
