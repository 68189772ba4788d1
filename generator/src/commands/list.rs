//! `stringless list`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_render::platform::{BootAgent, Cloud, Distro, Form, Level, Platforms};

use crate::cli::{ListArgs, Listed};
use crate::clock::time;
use crate::error::Result;
use crate::output::{format, json, print};

/// The output of `list --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The distros, sorted by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    distros: Option<&'a [Distro]>,
    /// The clouds, sorted by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    clouds: Option<&'a [Cloud]>,
    /// The programs that run user-data, sorted by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    boot_agents: Option<&'a [BootAgent]>,
    /// Every pair that user-data reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Vec<Pair<'a>>>,
    /// The limits of the strongest level.
    #[serde(skip_serializing_if = "Option::is_none")]
    levels_note: Option<&'a str>,
}

/// A distro on a cloud.
#[derive(Serialize, JsonSchema)]
pub struct Pair<'a> {
    /// The id of the distro.
    distro: &'a str,
    /// The id of the cloud.
    cloud: &'a str,
    /// The forms of user-data, the default first.
    forms: Vec<Form>,
    /// How far the pair was tested.
    level: &'a str,
}

/// Lists distros, clouds and how far each pair was tested.
///
/// # Errors
/// When the embedded data of platforms is damaged.
pub fn run(args: &ListArgs) -> Result<u8> {
    let platforms = Platforms::embedded()?;
    let wanted = |what| args.what.is_none() || args.what == Some(what);
    let distros = wanted(Listed::Distros).then_some(platforms.distros.as_slice());
    let clouds = wanted(Listed::Clouds).then_some(platforms.clouds.as_slice());
    let levels = wanted(Listed::Pairs);
    if args.json {
        json::print(
            None,
            &Report {
                distros,
                clouds,
                boot_agents: args.what.is_none().then_some(&platforms.boot_agents),
                pairs: levels.then(|| pairs(&platforms)),
                levels_note: levels.then_some(BOOTED),
            },
        )?;
        return Ok(0);
    }
    let parts = [
        distros.map(distro_table),
        clouds.map(|clouds| cloud_table(&platforms, clouds)),
        levels.then(|| level_table(&platforms)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    print::out(&parts.join("\n"))?;
    Ok(0)
}

fn pairs(platforms: &Platforms) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    for (distro, cloud) in platforms.pairs() {
        let (forms, level) = (platforms.forms(distro, cloud), platforms.level(distro, cloud).as_str());
        pairs.push(Pair { distro: &distro.id, cloud: &cloud.id, forms, level });
    }
    pairs
}

fn distro_table(distros: &[Distro]) -> String {
    let mut rows = vec![row(["DISTRO", "NAME", "SUPPORTED UNTIL", "FIRST BOOT", "ALSO"])];
    rows.extend(distros.iter().map(|distro| {
        let ended = if distro.ended(time()).is_some() { ", ended" } else { "" };
        let eol = format!("{}{ended}", distro.supported_until());
        row([&distro.id, &distro.name, &eol, &distro.first_boot, &distro.aliases.join(", ")])
    }));
    format::table(&rows)
}

fn cloud_table(platforms: &Platforms, clouds: &[Cloud]) -> String {
    let mut rows = vec![row(["CLOUD", "NAME", "FORMS", "LIMIT", "ALSO"])];
    rows.extend(clouds.iter().map(|cloud| {
        let taken = |form: &Form| {
            if !cloud.forms.is_empty() && !cloud.forms.contains(form) {
                return false;
            }
            let mut agents = platforms.boot_agents.iter().filter(|agent| agent.forms.contains(form));
            agents.any(|agent| cloud.boot_agents.iter().any(|id| id.as_str() == agent.id))
        };
        let forms = Form::ALL.into_iter().filter(taken).map(Form::as_str).collect::<Vec<_>>().join(", ");
        let limit =
            cloud.max_bytes.map_or_else(|| "none stated".to_owned(), |bytes| format!("{bytes} bytes"));
        row([&cloud.id, &cloud.name, &forms, &limit, &cloud.aliases.join(", ")])
    }));
    format::table(&rows)
}

/// The clouds of each distro by level.
fn level_table(platforms: &Platforms) -> String {
    let mut rows = vec![row(["DISTRO", "TESTED", "ON"])];
    for distro in &platforms.distros {
        let mut by_level: BTreeMap<Level, Vec<&str>> = BTreeMap::new();
        for (_, cloud) in platforms.pairs().filter(|(one, _)| one.id == distro.id) {
            by_level.entry(platforms.level(distro, cloud)).or_default().push(&cloud.id);
        }
        let mut name = distro.id.as_str();
        for (level, clouds) in by_level {
            rows.push(row([name, level.as_str(), &clouds.join(" ")]));
            name = "";
        }
    }
    format!("{}\n{BOOTED}\n", format::table(&rows))
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The limits of the strongest level.
pub const BOOTED: &str = "booted: by the distribution's own first-boot agent on a lab machine, from a local seed or \
                          from a stand-in of the cloud's metadata service; no pair was run in an account of \
                          its cloud";
