//! `stringless publish`.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::manifest::Manifest;
use agent_core::name::Name;
use agent_core::trust::Trust;
use serde::Serialize;

use super::{open_store, print};
use crate::build::{self, Build};
use crate::cli::PublishArgs;
use crate::error::{Error, Result};
use crate::folder::{SiteFolder, TrustFile, now};
use crate::progress::Progress;
use crate::publish::{self, Decision, Wanted};
use crate::published::{self, Published};
use crate::secret::{SecretKey, public_path};
use crate::sign;
use crate::store::Store;
use crate::upload::{self, Moved, Upload, Uploaded};

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    environment: &'a Name,
    /// The release that is published now, or would be.
    serial: u64,
    published: bool,
    reasons: Vec<&'static str>,
    expires: Option<String>,
    packs: usize,
    moved: Moved,
}

/// Publishes an environment.
///
/// # Errors
/// When the build, the store or the keys refuse.
pub fn run(site: Option<&Path>, args: &PublishArgs) -> Result<u8> {
    let site = SiteFolder::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let progress = Progress::new();
    let chain = site.trust()?;
    let trust = newest(&chain)?;
    let store = open_store(&site)?;
    store.check_writable()?;
    let published = published::read(&store, &site.site.site, &environment, &published::keys(&chain))?;
    refuse_newer_trust(&store, &site, trust)?;
    let build = build::build(&site, &environment, &progress)?;
    let old = published.as_ref().map(|p| (&*p.manifest, p.trust_version));
    let wanted = wanted(&site, &environment, &build)?;
    let decision = publish::decide(wanted, old, trust, now(), args.force)?;
    let Decision::Sign(mut manifest, reasons) = decision else {
        return nothing(&site, args, published.as_ref());
    };
    if args.dry_run {
        return told(&site, args, &manifest, reasons, None);
    }
    let keys = keys(&site, args, trust)?;
    let trusted = trust.trusted_keys();
    for tried in 0..MAX_TAKEN {
        let signed = sign::manifest(&manifest, &keys, &trusted)?;
        let steps = publish::steps(&manifest);
        let after = published.as_ref().and_then(|p| p.etag.as_deref());
        let upload = Upload {
            store: &store,
            trust: &chain,
            build: &build,
            manifest: &manifest,
            signed: &signed,
            after,
        };
        match upload::run(&upload, &steps, &progress)? {
            Uploaded::Done(moved) => return told(&site, args, &manifest, reasons, Some(moved)),
            // Left over from a publication that was cut off, or of one that is under way: the pointer
            // decides between the two. The strides grow: however many were cut off, an end is reached.
            Uploaded::SerialTaken => match manifest.serial.checked_add(1 << tried) {
                Some(next) => manifest.serial = next,
                None => break,
            },
        }
    }
    Err(all_taken(&environment, published.as_ref()))
}

fn all_taken(environment: &Name, published: Option<&Published>) -> Error {
    let serial = published.map_or(0, |published| published.manifest.serial);
    Error::refused(format!(
        "publishing `{environment}`: {MAX_TAKEN} serials after {serial} were tried, and each has another manifest in its place"
    ))
    .hint(format!(
        "remove what lies in `env/{environment}/history/` above {serial}, once you know how it came there"
    ))
}

fn wanted(site: &SiteFolder, environment: &Name, build: &Build) -> Result<Wanted> {
    Ok(Wanted {
        site: site.site.site.clone(),
        environment: environment.clone(),
        packs: build.packs.clone(),
        apply: site.site.apply(environment)?,
        agent: site.lock()?.pin(site.site.agent.version),
        lifetime: site.site.expires.seconds(),
        source: build.source.clone(),
    })
}

fn newest(chain: &[TrustFile]) -> Result<&Trust> {
    let newest: &Trust =
        &chain.last().ok_or_else(|| Error::configuration("reading `trust/`: it is empty"))?.trust;
    match newest.expires {
        Some(expires) if now() >= expires => {
            Err(Error::refused(format!("verifying `trust/{}.json`: it expired at {expires}", newest.version)))
        }
        _ => Ok(newest),
    }
}

/// Whoever signs with yesterday's keys would be refused by nodes that know today's.
fn refuse_newer_trust(store: &Store, site: &SiteFolder, trust: &Trust) -> Result<()> {
    let newer = published::newer_trust(store, &site.site.site, trust)?;
    match newer.last() {
        None => Ok(()),
        Some(newer) => Err(Error::refused(format!(
            "publishing: the store has trust version {}, `trust/` here ends at {}",
            newer.version, trust.version
        ))
        .hint("get the newest `trust/` from version control")),
    }
}

/// The keys named on the command line, or those of `keys/` that the trust knows, as many as it asks for.
fn keys(site: &SiteFolder, args: &PublishArgs, trust: &Trust) -> Result<Vec<SecretKey>> {
    if !args.key.is_empty() {
        return args.key.iter().map(|path| SecretKey::open(path)).collect();
    }
    let trusted = |path: &PathBuf| {
        let public = fs::read_to_string(public_path(path)).unwrap_or_default();
        trust.keys.iter().any(|key| public.lines().any(|line| line == key.key.as_str()))
    };
    let found: Vec<PathBuf> = site.secret_keys().into_iter().filter(trusted).take(trust.threshold).collect();
    if found.len() < trust.threshold {
        let known: Vec<String> = trust.keys.iter().map(|key| format!("{} ({})", key.name, key.id)).collect();
        return Err(Error::configuration(format!(
            "looking for keys: {} of {} needed are in `{}`",
            found.len(),
            trust.threshold,
            site.root.join(crate::folder::KEYS).display()
        ))
        .hint(format!("`--key FILE` names one; the site trusts {}", known.join(", "))));
    }
    found.iter().map(|path| SecretKey::open(path)).collect()
}

fn nothing(site: &SiteFolder, args: &PublishArgs, published: Option<&Published>) -> Result<u8> {
    let Some(published) = published else { return Ok(0) };
    let manifest: &Manifest = &published.manifest;
    if args.json {
        return report(site, manifest, false, Vec::new(), Moved::default());
    }
    let expires = manifest.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
    print::out(&format!(
        "nothing to do: {} {} {} is published, and expires {expires}\n",
        manifest.site, manifest.environment, manifest.serial
    ))?;
    Ok(0)
}

fn told(
    site: &SiteFolder,
    args: &PublishArgs,
    manifest: &Manifest,
    reasons: Vec<&'static str>,
    moved: Option<Moved>,
) -> Result<u8> {
    if moved.is_some_and(|moved| moved.claimed) {
        print::note(
            "warning: the store does not heed `If-Match`; publishers took turns by a claim, which is weaker",
        );
    }
    if args.json {
        return report(site, manifest, moved.is_some(), reasons, moved.unwrap_or_default());
    }
    let did = if moved.is_some() { "published" } else { "would publish" };
    let expires = manifest.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
    let packs = match moved {
        Some(moved) => {
            format!("{} of {} uploaded, {}", moved.packs, manifest.packs.len(), print::size(moved.bytes))
        }
        None => manifest.packs.len().to_string(),
    };
    let source = match &manifest.source.commit {
        None => String::new(),
        Some(commit) => {
            let dirty = if manifest.source.dirty { ", with changes that are not committed" } else { "" };
            format!("  source   commit {:.12}{dirty}\n", commit)
        }
    };
    print::out(&format!(
        "{did} {} {} {}: {}\n{source}  packs    {packs}\n  expires  {expires}\n",
        manifest.site,
        manifest.environment,
        manifest.serial,
        reasons.join(", ")
    ))?;
    Ok(0)
}

fn report(
    site: &SiteFolder,
    manifest: &Manifest,
    published: bool,
    reasons: Vec<&'static str>,
    moved: Moved,
) -> Result<u8> {
    print::json(&Report {
        format: print::JSON_FORMAT,
        site: &site.site.site,
        environment: &manifest.environment,
        serial: manifest.serial,
        published,
        reasons,
        expires: manifest.expires.map(|time| time.to_string()),
        packs: manifest.packs.len(),
        moved,
    })?;
    Ok(0)
}

/// Serials that are tried; the last one is a million after the first.
const MAX_TAKEN: u32 = 21;
