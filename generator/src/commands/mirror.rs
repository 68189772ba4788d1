//! `stringless mirror`.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;
use stringless_core::store::StoreSettings;

use crate::cli::MirrorArgs;
use crate::error::{Error, Kind, Result};
use crate::output::failures::{Failure, Failures};
use crate::output::{format, json, print};
use crate::progress::Progress;
use crate::release::mirror::{Copied, Copying, Mirror};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::{self, open_one, same_url};
use crate::store::Store;
use crate::trust::sync;

/// The output of `mirror --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The URL of the store that was copied.
    from: &'a str,
    /// The URL of the store that it was copied to.
    to: &'a str,
    /// False with `--dry-run`.
    done: bool,
    /// What was copied, for each environment.
    environments: &'a [Copied],
    /// What could not be copied.
    errors: &'a [Failure],
}

/// Copies the published releases to another store.
///
/// An object that cannot be copied is reported, and the others are copied.
///
/// # Errors
/// Refused when the other store belongs to another site, or nothing is published.
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
    let mirror = Mirror::new(&source, &target, args.keep);
    if !args.dry_run {
        mirror.trust()?;
    }
    let (mut copying, mut failures) = (Vec::new(), Failures::default());
    let names = environments(&site, &source.store, args)?;
    let end = copy(&mirror, names, args, &mut copying, &mut failures);
    let copied: Vec<Copied> = copying.into_iter().map(|one| one.copied).collect();
    if copied.is_empty() && failures.is_empty() && end.is_ok() {
        return Err(Error::refused(format!("copying {}: nothing is published there", from.url))
            .hint("`stringless publish` publishes; `--from URL` names another store"));
    }
    if copied.iter().any(|copied| copied.moved.claimed) {
        print::note(
            "warning: the store ignores `If-Match`; a claim kept other publishers away, which is weaker",
        );
    }
    let printed = if args.json {
        json::print(
            Some(&site.site.site),
            &Report {
                from: &from.url,
                to: &to.url,
                done: !args.dry_run,
                environments: &copied,
                errors: failures.list(),
            },
        )
    } else {
        Ok(())
    };
    failures.finish(end.and(printed).map(|()| 0))
}

/// Copies the environments: the published releases of all of them first, because nodes follow those.
fn copy(
    mirror: &Mirror<'_>,
    environments: Vec<Name>,
    args: &MirrorArgs,
    copying: &mut Vec<Copying>,
    failures: &mut Failures,
) -> Result<()> {
    let progress = Progress::new();
    for environment in environments {
        let done = match mirror.open(&environment) {
            Ok(Some(mut opened)) => {
                let done = if args.dry_run { Ok(()) } else { mirror.published(&mut opened, &progress) };
                copying.push(opened);
                done
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            go_on(mirror, &environment, error, failures)?;
        }
    }
    for one in copying {
        let environment = one.copied.environment.clone();
        let mut failed = |error| go_on(mirror, &environment, error, failures);
        let done = if args.dry_run {
            mirror.dry_run(one, &mut failed)
        } else {
            mirror.earlier(one, &progress, &mut failed)
        };
        done.or_else(failed)?;
        if !args.json {
            failures.print(&summary(&one.copied, args.dry_run));
        }
    }
    Ok(())
}

/// Adds the error to `failures`. The copy goes on, unless one of the stores no longer answers.
fn go_on(mirror: &Mirror<'_>, environment: &Name, error: Error, failures: &mut Failures) -> Result<()> {
    let temporary = error.kind() == Kind::Temporary;
    failures.add(Some(environment), error);
    if temporary { mirror.check_stores() } else { Ok(()) }
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
        names
            .extend(keys.iter().filter_map(|listed| {
                Name::new(listed.key.strip_prefix("env/")?.strip_suffix("/head")?).ok()
            }));
    }
    Ok(names.into_iter().collect())
}

fn summary(copied: &Copied, dry_run: bool) -> String {
    let Copied { environment, serial, published, before, head, releases, hollow, agents, moved } = copied;
    let new = *before != Some(*serial);
    if *published && !new && head.is_none() && *releases == 0 && *agents == 0 && moved.packs == 0 {
        return format!("nothing to do: {environment} {serial} is there\n");
    }
    let did = match (published, dry_run) {
        (false, _) => "not copied:",
        (true, true) => "would copy",
        (true, false) => "copied",
    };
    let before = match before {
        Some(before) if new => format!(", which follows {before} there"),
        _ => String::new(),
    };
    let mut text = format!("{did} {environment} {serial}{before}\n");
    if let Some(head) = head {
        text.push_str(&format!("  head     {head}\n"));
    }
    text.push_str(&format!("  releases {releases} new\n"));
    if *hollow > 0 {
        text.push_str(&format!("           {hollow} without content, which `gc` removed\n"));
    }
    text.push_str(&format!("  packs    {} new, {}\n", moved.packs, format::size(moved.bytes)));
    text.push_str(&format!("  agents   {agents} new\n"));
    text
}
