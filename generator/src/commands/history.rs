//! `stringless history`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::layout;
use stringless_core::manifest::{Manifest, Origin};
use stringless_core::name::Name;

use crate::cli::HistoryArgs;
use crate::error::{Error, Result};
use crate::output::{format, json, print};
use crate::remote::history::{Release, Walk};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::store::Store;

/// The output of `history --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Its name.
    environment: &'a Name,
    /// The serial that nodes follow.
    published: u64,
    /// The releases, the newest first.
    releases: &'a [Line],
}

/// A release.
#[derive(Serialize, JsonSchema)]
pub struct Line {
    /// Its serial.
    serial: u64,
    /// What became of it.
    state: State,
    /// When it was signed; null if it cannot be read.
    created: Option<String>,
    /// When it expires; null if it never does, or cannot be read.
    expires: Option<String>,
    /// The newest trust version whose keys signed it.
    trust_version: Option<u64>,
    /// The number of its packs.
    packs: usize,
    /// The size of its packs, in bytes.
    bytes: u64,
    /// The number of packs that the store no longer has; null for a store that cannot list its objects.
    gone: Option<usize>,
    /// The commit that it was built from, if it is known.
    commit: Option<String>,
    /// Whether the tree differed from that commit.
    dirty: bool,
    /// The branch that it was built from, if it is known.
    branch: Option<String>,
    /// The earlier release with the same content, after `rollback` and `promote`.
    release: Option<Origin>,
    /// Whether it retired the environment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
    /// Why it cannot be read.
    error: Option<String>,
}

/// The state of a release.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nodes follow this release.
    Published,
    /// The stable release: nodes follow it until a newer one, which is on its way, reaches them.
    Stable,
    /// Nodes followed this release earlier.
    Earlier,
    /// It was signed, but never published: the publication was interrupted or overtaken, or is still running.
    Unpublished,
    /// A later release names it, but the store does not have it.
    Missing,
    /// No trusted key signed it.
    Refused,
}

/// Shows the releases of an environment, the newest first.
///
/// # Errors
/// Refused when nothing is published, or an object of the history is not a release of the site.
pub fn run(site: Option<&Path>, args: &HistoryArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let remote = SiteStore::open(&site)?;
    let environment = match (&args.environment, site.environment(args.environment.as_ref())) {
        // The site no longer has the branch or the entry of a retired environment.
        (Some(name), Err(_)) if remote.published(name)?.is_some() => name.clone(),
        (_, known) => known?,
    };
    let (store, history) = (&remote.store, remote.history(&environment));
    let Some(current) = remote.published(&environment)? else {
        return Err(Error::refused(format!("reading the history of `{environment}`: nothing is published"))
            .hint(format!("`stringless publish -e {environment}`")));
    };
    let lists = !matches!(store, Store::Web(_));
    let listed: Vec<u64> =
        if lists { history.listed()?.into_iter().map(|(serial, _)| serial).collect() } else { Vec::new() };
    let packs = if lists { Some(sizes(store)?) } else { None };
    let mut failure = None;
    let published = Release::from(&current);
    let mut lines = vec![Line::of(&published, State::Published, packs.as_ref())];
    if let Some(refused) = remote.refusal(&environment, &current)? {
        lines[0].error = Some(refused.to_string());
        let hint =
            format!("nodes refuse it; `stringless publish -e {environment}` publishes another release");
        failure = Some(refused.hint(hint));
    }
    for (serial, found) in
        Walk::before(history, &current.manifest, &listed).take(args.limit.saturating_sub(1))
    {
        let is_stable = current.stable.as_ref().is_some_and(|(stable, _)| stable.serial == serial);
        let state = if is_stable { State::Stable } else { State::Earlier };
        lines.push(line(serial, found, state, packs.as_ref(), &mut failure)?);
    }
    let shown: BTreeSet<u64> = lines.iter().map(|line| line.serial).collect();
    let last = shown.first().copied().unwrap_or(0);
    for serial in
        listed.iter().rev().filter(|serial| **serial > last && !shown.contains(serial)).take(args.limit)
    {
        lines.push(line(
            *serial,
            history.release(*serial),
            State::Unpublished,
            packs.as_ref(),
            &mut failure,
        )?);
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.serial));
    if args.json {
        json::print(
            Some(&site.site.site),
            &Report { environment: &environment, published: current.manifest.serial, releases: &lines },
        )?;
        return Ok(failure.map_or(0, |error| error.exit_code()));
    }
    print::out(&table(&lines))?;
    failure.map_or(Ok(0), Err)
}

/// The line for a serial. A refused release becomes a line, too; other errors end the command.
fn line(
    serial: u64,
    found: Result<Option<Release>>,
    state: State,
    packs: Option<&BTreeMap<String, u64>>,
    failure: &mut Option<Error>,
) -> Result<Line> {
    Ok(match found {
        Ok(Some(release)) => Line::of(&release, state, packs),
        Ok(None) => Line::without(serial, State::Missing, None),
        Err(error) if error.is_refusal() => {
            let line = Line::without(serial, State::Refused, Some(error.to_string()));
            failure.get_or_insert(error);
            line
        }
        Err(error) => return Err(error),
    })
}

fn sizes(store: &Store) -> Result<BTreeMap<String, u64>> {
    Ok(store.list("packs/")?.into_iter().map(|listed| (listed.key, listed.size)).collect())
}

impl Line {
    fn of(release: &Release, state: State, packs: Option<&BTreeMap<String, u64>>) -> Self {
        let manifest: &Manifest = &release.manifest;
        let gone = |packs: &BTreeMap<String, u64>| {
            let there =
                manifest.packs.iter().filter(|p| packs.get(&layout::pack(&p.sha256)) == Some(&p.size));
            manifest.packs.len() - there.count()
        };
        Self {
            serial: manifest.serial,
            state,
            created: Some(manifest.created.to_string()),
            expires: manifest.expires.map(|time| time.to_string()),
            trust_version: Some(release.trust_version),
            packs: manifest.packs.len(),
            bytes: manifest.packs.iter().map(|pack| pack.size).sum(),
            gone: packs.map(gone),
            commit: manifest.source.commit.clone(),
            dirty: manifest.source.dirty,
            branch: manifest.source.branch.clone(),
            release: manifest.source.release.clone(),
            retired: manifest.retired,
            error: None,
        }
    }

    fn without(serial: u64, state: State, error: Option<String>) -> Self {
        Self {
            serial,
            state,
            created: None,
            expires: None,
            trust_version: None,
            packs: 0,
            bytes: 0,
            gone: None,
            commit: None,
            dirty: false,
            branch: None,
            release: None,
            retired: false,
            error,
        }
    }

    /// The source that it was built from, in short form.
    fn source(&self) -> String {
        let mut words = Vec::new();
        if let Some(commit) = &self.commit {
            words.push(format!("{commit:.12}{}", if self.dirty { "+" } else { "" }));
        }
        words.extend(self.branch.clone());
        words.extend(self.release.as_ref().map(|of| format!("of {} {}", of.environment, of.serial)));
        words.join(" ")
    }

    fn state(&self) -> String {
        match (self.state, self.gone) {
            (State::Published, _) if self.error.is_some() => "published, REFUSED".into(),
            (State::Refused, _) => "REFUSED".into(),
            (State::Missing, _) => "missing".into(),
            (State::Published | State::Earlier, _) if self.retired => "retired".into(),
            (State::Published, None | Some(0)) => "published".into(),
            (State::Published, Some(gone)) => {
                format!("published, {} MISSING", format::count(gone, "PACK").to_uppercase())
            }
            (State::Unpublished, _) => "never published".into(),
            (State::Stable, _) => "stable".into(),
            (State::Earlier, Some(gone)) if gone > 0 => "content removed".into(),
            (State::Earlier, _) => String::new(),
        }
    }
}

fn table(lines: &[Line]) -> String {
    let head = ["SERIAL", "CREATED", "TRUST", "PACKS", "SIZE", "SOURCE", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for line in lines {
        let known = line.created.is_some();
        let or = |text: String| if known { text } else { "-".to_owned() };
        rows.push(vec![
            line.serial.to_string(),
            or(line.created.clone().unwrap_or_default()),
            or(line.trust_version.unwrap_or_default().to_string()),
            or(line.packs.to_string()),
            or(format::size(line.bytes)),
            or(line.source()),
            line.state(),
        ]);
    }
    format::table(&rows)
}
