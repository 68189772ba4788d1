//! `stringless build`.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::manifest::Source;
use stringless_core::name::Name;
use stringless_core::pack::Pack;

use crate::checks::{self, Checked};
use crate::cli::BuildArgs;
use crate::error::{Error, Result};
use crate::fs::write_atomic;
use crate::output::failures::{Failure, Failures};
use crate::output::{self, format, json, print};
use crate::pack::{self, Build, cache};
use crate::progress::Progress;
use crate::site::SiteDir;

/// The output of `build --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The environments that were built.
    environments: Vec<Built<'a>>,
    /// With `--all`: why other environments were not built.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Failure],
}

/// An environment that was built.
#[derive(Serialize, JsonSchema)]
pub struct Built<'a> {
    #[serde(flatten)]
    index: Index<'a>,
    /// What the checks of its code found.
    checks: &'a Checked,
}

/// The pack index of one environment, also written to `.stringless/index/<environment>.json`.
#[derive(Serialize, JsonSchema)]
pub struct Index<'a> {
    /// The version of the format of the pack index.
    format: u32,
    /// The environment.
    environment: &'a Name,
    /// What it was built from.
    source: &'a Source,
    /// Its packs, sorted by path.
    packs: &'a [Pack],
}

/// Builds the packs of one or every environment.
///
/// # Errors
/// When the source holds something that is not allowed in a release, or a required check fails. With `--all` such an
/// environment is reported, and the others are built.
pub fn run(site: Option<&Path>, args: &BuildArgs) -> Result<u8> {
    let (site, notes) = SiteDir::open_to_build(site, args.environment.as_ref(), args.offline)?;
    for note in notes {
        print::note(&format!("note: {note}"));
    }
    let names: Vec<Name> =
        if args.all { site.environments() } else { vec![site.environment(args.environment.as_ref())?] };
    let progress = Progress::new();
    let (mut builds, mut failures) = (Vec::new(), Failures::default());
    if args.all {
        failures.add_all(site.conflicts());
    }
    for name in &names {
        match one(&site, name, args, &progress) {
            Ok((build, checked)) => builds.push((name, build, checked)),
            Err(error) if args.all => failures.add(Some(name), error),
            Err(error) => return Err(error),
        }
    }
    if args.json {
        let environments =
            builds.iter().map(|(name, build, checks)| Built { index: index(name, build), checks }).collect();
        let printed = json::print(Some(&site.site.site), &Report { environments, errors: failures.list() });
        return failures.finish(printed.map(|()| 0));
    }
    for (name, build, _) in &builds {
        failures.print(&summary(name, build));
    }
    failures.finish(Ok(0))
}

fn one(site: &SiteDir, name: &Name, args: &BuildArgs, progress: &Progress) -> Result<(Build, Checked)> {
    let build = pack::build(site, name, progress)?;
    let checked = checks::check(site, &build.tree)?;
    output::checks::admit(site, name, &checked)?;
    write_index(site, name, &build)?;
    if let Some(out) = &args.out {
        // They leave the cache, and nobody compares them later.
        build.prove_all(progress)?;
        copy(&build, out)?;
    }
    Ok((build, checked))
}

fn index<'a>(environment: &'a Name, build: &'a Build) -> Index<'a> {
    Index { format: json::FORMAT, environment, source: &build.source, packs: &build.packs }
}

fn write_index(site: &SiteDir, name: &Name, build: &Build) -> Result<()> {
    let path = site.cache("index")?.join(format!("{name}.json"));
    let bytes = stringless_core::json::write(&index(name, build));
    if fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    write_atomic(&path, &bytes)
}

fn copy(build: &Build, out: &Path) -> Result<()> {
    fs::create_dir_all(out).map_err(|e| Error::io("making", out, e))?;
    for pack in &build.packs {
        let to = cache::pack_file(out, pack);
        fs::copy(build.file(pack), &to).map_err(|e| Error::io("writing", &to, e))?;
    }
    Ok(())
}

fn summary(name: &Name, build: &Build) -> String {
    let mut rows = vec![["PACK", "FILES", "SIZE", "SHA-256"].map(str::to_owned).to_vec()];
    for pack in &build.packs {
        let path = if pack.path.is_empty() { "(top level)" } else { &pack.path };
        let sha256 = pack.sha256.to_string();
        rows.push(vec![
            path.to_owned(),
            pack.files.to_string(),
            format::size(pack.size),
            sha256[..16].to_owned(),
        ]);
    }
    let bytes = build.packs.iter().map(|pack| pack.size).sum();
    format!(
        "{}{name}: {}, {}\n",
        format::table(&rows),
        format::count(build.packs.len(), "pack"),
        format::size(bytes)
    )
}
