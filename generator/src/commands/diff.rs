//! `stringless diff`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{IsTerminal, stdout};
use std::path::Path;

use agent_core::manifest::Manifest;
use agent_core::name::Name;
use agent_core::pack::Pack;
use serde::Serialize;

use super::{open_store, print};
use crate::build;
use crate::changes::{self, Change, ChangeKind, Items};
use crate::cli::DiffArgs;
use crate::error::{Error, Result};
use crate::folder::SiteFolder;
use crate::progress::Progress;
use crate::published;
use crate::store::Store;
use crate::unpack;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    environment: &'a Name,
    /// Null before the first release.
    published: Option<u64>,
    changed: bool,
    settings: Vec<String>,
    packs: Vec<PackChange>,
    files: &'a [Change],
}

#[derive(Serialize)]
struct PackChange {
    path: String,
    kind: ChangeKind,
}

/// Shows what publishing would change; 2 when there are changes.
///
/// # Errors
/// When the build or the store refuses.
pub fn run(site: Option<&Path>, args: &DiffArgs) -> Result<u8> {
    let site = SiteFolder::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let progress = Progress::new();
    let store = open_store(&site)?;
    let trusts = published::keys(&site.trust()?);
    let found = published::read(&store, &site.site.site, &environment, &trusts)?;
    let old: Option<&Manifest> = found.as_ref().map(|published| &*published.manifest);
    let build = build::build(&site, &environment, &progress)?;

    let packs = pack_changes(old.map(|m| m.packs.as_slice()).unwrap_or_default(), &build.packs);
    let changed = |pack: &&Pack| packs.iter().any(|change| change.path == pack.path);
    let (mut before, mut after) = (Items::new(), Items::new());
    for pack in old.iter().flat_map(|manifest| &manifest.packs).filter(changed) {
        add(pack, &cached(&site, &store, pack)?, &mut before)?;
    }
    for pack in build.packs.iter().filter(changed) {
        let path = build.file(pack);
        let bytes = fs::read(&path).map_err(|e| Error::io("reading", &path, e))?;
        add(pack, &bytes, &mut after)?;
    }
    let files = changes::between(&before, &after);
    let settings = settings(&site, &environment, old)?;
    let any = old.is_none() || !packs.is_empty() || !settings.is_empty();
    let published = old.map(|manifest| manifest.serial);
    if args.json {
        print::json(&Report {
            format: print::JSON_FORMAT,
            site: &site.site.site,
            environment: &environment,
            published,
            changed: any,
            settings,
            packs,
            files: &files,
        })?;
    } else {
        print::out(&told(&environment, published, &settings, &packs, &files, args.stat))?;
    }
    Ok(if any { CHANGES } else { 0 })
}

fn pack_changes(old: &[Pack], new: &[Pack]) -> Vec<PackChange> {
    let by_path =
        |packs: &[Pack]| packs.iter().map(|p| (p.path.clone(), p.sha256)).collect::<BTreeMap<_, _>>();
    let (old, new) = (by_path(old), by_path(new));
    let mut changes: Vec<PackChange> = Vec::new();
    for (path, sha256) in &new {
        let kind = match old.get(path) {
            None => ChangeKind::Added,
            Some(known) if known != sha256 => ChangeKind::Changed,
            Some(_) => continue,
        };
        changes.push(PackChange { path: path.clone(), kind });
    }
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    changes.extend(gone.map(|path| PackChange { path: path.clone(), kind: ChangeKind::Removed }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// The bytes of a published pack: from the cache, where what was built lies too.
fn cached(site: &SiteFolder, store: &Store, pack: &Pack) -> Result<Vec<u8>> {
    let path = build::pack_file(&site.cache("packs")?, pack);
    if let Ok(bytes) = fs::read(&path)
        && agent_core::hash::Sha256::of(&bytes) == pack.sha256
    {
        return Ok(bytes);
    }
    let bytes = published::pack(store, pack)?;
    build::write_whole(&path, &bytes)?;
    Ok(bytes)
}

fn add(pack: &Pack, bytes: &[u8], items: &mut Items) -> Result<()> {
    let full = |path: String| if pack.path.is_empty() { path } else { format!("{}/{path}", pack.path) };
    unpack::each(pack, bytes, |item| {
        items.insert(full(item.path), item.kind);
    })
    .map_err(|refusal| Error::refusal("reading", "what is published", &refusal))
}

/// What changes beside the content, one sentence each.
fn settings(site: &SiteFolder, environment: &Name, old: Option<&Manifest>) -> Result<Vec<String>> {
    let Some(old) = old else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    let apply = site.site.apply(environment)?;
    if apply != old.apply {
        lines.push(format!("apply: {} to {}", text(&old.apply), text(&apply)));
    }
    let agent = site.lock()?.pin(site.site.agent.version);
    if agent != old.agent {
        lines.push(format!("agent: {} to {}", text(&old.agent), text(&agent)));
    }
    let version = site.trust()?.last().map_or(0, |file| file.trust.version);
    if version != old.trust_version {
        lines.push(format!("trust: version {} to {version}", old.trust_version));
    }
    Ok(lines)
}

fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn told(
    environment: &Name,
    published: Option<u64>,
    settings: &[String],
    packs: &[PackChange],
    files: &[Change],
    stat: bool,
) -> String {
    let since = published.map_or_else(|| "nothing published".to_owned(), |serial| format!("serial {serial}"));
    if published.is_some() && packs.is_empty() && settings.is_empty() {
        return format!("{environment}: no change since {since}\n");
    }
    let mut text = String::new();
    if stat {
        let sign = |kind| match kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
        };
        let rows: Vec<Vec<String>> = files
            .iter()
            .map(|f| vec![sign(f.kind).to_owned(), f.path.clone(), format!("+{} -{}", f.added, f.removed)])
            .collect();
        text.push_str(&print::table(&rows));
    } else {
        text.extend(files.iter().map(|file| shown(&file.text)));
    }
    text.extend(settings.iter().map(|line| format!("{line}\n")));
    let count = |kind| packs.iter().filter(|pack| pack.kind == kind).count();
    let (added, removed) = files.iter().fold((0, 0), |(a, r), file| (a + file.added, r + file.removed));
    text.push_str(&format!(
        "{environment}, since {since}: {} files, +{added} -{removed} lines; packs: {} changed, {} added, {} removed\n",
        files.len(),
        count(ChangeKind::Changed),
        count(ChangeKind::Added),
        count(ChangeKind::Removed)
    ));
    text
}

/// On a terminal: in colour, and without the control characters that a file may hold.
fn shown(text: &str) -> String {
    if !stdout().is_terminal() {
        return text.to_owned();
    }
    let colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut out = String::new();
    for line in text.lines() {
        let line: String =
            line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        let code = match line.as_bytes().first() {
            Some(b'+') => "\x1b[32m",
            Some(b'-') => "\x1b[31m",
            Some(b'@') => "\x1b[36m",
            _ if line.starts_with("diff ") => "\x1b[1m",
            _ => "",
        };
        if colour && !code.is_empty() {
            out.push_str(&format!("{code}{line}\x1b[0m\n"));
        } else {
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}

/// The exit code that says that there are changes.
const CHANGES: u8 = 2;
