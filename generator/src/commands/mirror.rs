//! `stringless mirror`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;
use stringless_core::store::StoreSettings;

use crate::cli::MirrorArgs;
use crate::error::{Error, Result};
use crate::output::{format, print};
use crate::progress::Progress;
use crate::release::mirror::{Copied, Mirror};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::open_one;
use crate::store::Store;
use crate::trust::sync;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    from: &'a str,
    to: &'a str,
    /// False for what would be done.
    done: bool,
    environments: &'a [Copied],
}

/// Copies what is published to another store.
///
/// # Errors
/// Refused when something is not what was signed, or the other store is ahead, or another site's.
pub fn run(site: Option<&Path>, args: &MirrorArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let chain = site.trust()?;
    let from = match &args.from {
        Some(url) => own(&site, url)?.clone(),
        None => site.site.stores[0].clone(),
    };
    let to = target(&site, args)?;
    if same(&from.url, &to.url) {
        return Err(Error::usage(format!("copying {} to {}: it is the same store", from.url, to.url))
            .hint("name another one; `--from URL` names the one that is copied"));
    }
    let source = SiteStore::new(&site, open_one(&site, &from)?, chain.clone());
    let target = SiteStore::new(&site, open_one(&site, &to)?, chain);
    target.store.check_writable()?;
    sync::refuse_newer(&source)?;
    let mirror = Mirror { source: &source, target: &target, earlier: args.keep };
    if !args.dry_run {
        mirror.trust()?;
    }
    let mut copied = Vec::new();
    for environment in environments(&site, &source.store, args)? {
        let done = if args.dry_run {
            mirror.ask(&environment)?
        } else {
            mirror.copy(&environment, &Progress::new())?
        };
        if !args.json
            && let Some(done) = &done
        {
            print::out(&told(done, args.dry_run))?;
        }
        copied.extend(done);
    }
    if copied.is_empty() {
        return Err(Error::refused(format!("copying {}: nothing is published there", from.url))
            .hint("`stringless publish` publishes; `--from URL` names another store"));
    }
    if copied.iter().any(|copied| copied.moved.claimed) {
        print::note(
            "warning: the store does not heed `If-Match`; publishers took turns by a claim, which is weaker",
        );
    }
    if args.json {
        print::json(&Report {
            format: print::JSON_FORMAT,
            site: &site.site.site,
            from: &from.url,
            to: &to.url,
            done: !args.dry_run,
            environments: &copied,
        })?;
    }
    Ok(0)
}

/// The one of the site's stores with this URL.
///
/// # Errors
/// When there is none.
pub fn own<'a>(site: &'a SiteDir, url: &str) -> Result<&'a StoreSettings> {
    let stores = &site.site.stores;
    stores.iter().find(|settings| same(&settings.url, url)).ok_or_else(|| {
        let all: Vec<&str> = stores.iter().map(|settings| settings.url.as_str()).collect();
        Error::usage(format!("choosing the store: `{url}` is none of the site's"))
            .hint(format!("one of {}", all.join(", ")))
    })
}

/// One of the site's stores, or what the command line says of another one.
fn target(site: &SiteDir, args: &MirrorArgs) -> Result<StoreSettings> {
    let told = args.region.is_some() || args.endpoint.is_some() || args.style.is_some();
    let known = site.site.stores.iter().find(|settings| same(&settings.url, &args.to));
    match known {
        Some(settings) if !told => Ok(settings.clone()),
        _ => Ok(StoreSettings {
            url: args.to.clone(),
            region: args.region.clone(),
            endpoint: args.endpoint.clone(),
            style: args.style,
        }),
    }
}

/// Those named, or all that the source has.
fn environments(site: &SiteDir, source: &Store, args: &MirrorArgs) -> Result<Vec<Name>> {
    if !args.environment.is_empty() {
        return Ok(args.environment.clone());
    }
    let mut names: BTreeSet<Name> = site.site.environments.keys().cloned().collect();
    if !matches!(source, Store::Web(_)) {
        let keys = source.list("env/")?;
        names.extend(keys.iter().filter_map(|listed| {
            Name::new(listed.key.strip_prefix("env/")?.strip_suffix("/manifest")?).ok()
        }));
    }
    Ok(names.into_iter().collect())
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn told(copied: &Copied, dry_run: bool) -> String {
    let Copied { environment, serial, before, releases, hollow, agents, moved } = copied;
    let new = *before != Some(*serial);
    if !new && *releases == 0 && *agents == 0 && moved.packs == 0 {
        return format!("nothing to do: {environment} {serial} is there\n");
    }
    let did = if dry_run { "would copy" } else { "copied" };
    let before = match before {
        Some(before) if new => format!(", which follows {before} there"),
        _ => String::new(),
    };
    let mut text = format!("{did} {environment} {serial}{before}\n");
    text.push_str(&format!("  releases {releases} new\n"));
    if *hollow > 0 {
        text.push_str(&format!("           {hollow} without content, which was removed before\n"));
    }
    text.push_str(&format!("  packs    {} new, {}\n", moved.packs, format::size(moved.bytes)));
    text.push_str(&format!("  agents   {agents} new\n"));
    text
}
