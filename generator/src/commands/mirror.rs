//! `stringless mirror`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;
use stringless_core::store::StoreSettings;

use crate::cli::MirrorArgs;
use crate::error::{Error, Result};
use crate::output::{format, json, print};
use crate::progress::Progress;
use crate::release::mirror::{Copied, Mirror};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::{self, open_one, same_url};
use crate::store::Store;
use crate::trust::sync;

#[derive(Serialize)]
struct Report<'a> {
    from: &'a str,
    to: &'a str,
    /// False with `--dry-run`.
    done: bool,
    environments: &'a [Copied],
}

/// Copies the published releases to another store.
///
/// # Errors
/// Refused when an object is not the signed one, or the other store is ahead or belongs to another site.
pub fn run(site: Option<&Path>, args: &MirrorArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let chain = site.trust()?;
    let from = stores::settings(&site, args.from.as_deref())?.clone();
    let to = target(&site, args)?;
    if same_url(&from.url, &to.url) {
        return Err(Error::usage(format!("copying {} to {}: it is the same store", from.url, to.url))
            .hint("name another store; `--from URL` names the store that is copied"));
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
            mirror.dry_run(&environment)?
        } else {
            mirror.copy(&environment, &Progress::new())?
        };
        if !args.json
            && let Some(done) = &done
        {
            print::out(&summary(done, args.dry_run))?;
        }
        copied.extend(done);
    }
    if copied.is_empty() {
        return Err(Error::refused(format!("copying {}: nothing is published there", from.url))
            .hint("`stringless publish` publishes; `--from URL` names another store"));
    }
    if copied.iter().any(|copied| copied.moved.claimed) {
        print::note(
            "warning: the store ignores `If-Match`; a claim kept other publishers away, which is weaker",
        );
    }
    if args.json {
        json::print(
            Some(&site.site.site),
            &Report { from: &from.url, to: &to.url, done: !args.dry_run, environments: &copied },
        )?;
    }
    Ok(0)
}

/// The settings of the target: from the site file, or from the command line for a store that is not in it.
fn target(site: &SiteDir, args: &MirrorArgs) -> Result<StoreSettings> {
    let described = args.region.is_some() || args.endpoint.is_some() || args.style.is_some();
    let known = site.site.stores.iter().find(|settings| same_url(&settings.url, &args.to));
    match known {
        Some(settings) if !described => Ok(settings.clone()),
        _ => Ok(StoreSettings {
            url: args.to.clone(),
            region: args.region.clone(),
            endpoint: args.endpoint.clone(),
            style: args.style,
        }),
    }
}

/// The environments of the command line, or all that the source has.
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

fn summary(copied: &Copied, dry_run: bool) -> String {
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
        text.push_str(&format!("           {hollow} without content, which `gc` removed\n"));
    }
    text.push_str(&format!("  packs    {} new, {}\n", moved.packs, format::size(moved.bytes)));
    text.push_str(&format!("  agents   {agents} new\n"));
    text
}
