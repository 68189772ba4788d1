//! `stringless gc`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::name::Name;

use crate::cli::GcArgs;
use crate::clock::now;
use crate::error::Result;
use crate::output::{format, json, print};
use crate::progress::Progress;
use crate::release::gc::{Collector, Keep, Plan};
use crate::remote::site_store::SiteStore;
use crate::site::{SiteDir, stores};
use crate::store::Listed;

/// The output of `gc --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The URL of the store.
    store: String,
    /// False without `--delete`, and with `--dry-run`.
    done: bool,
    /// The number of releases before each published one whose packs are kept.
    keep: usize,
    /// Packs and releases that are younger are kept, in seconds.
    grace: u64,
    /// The releases whose packs are kept.
    environments: Vec<Kept<'a>>,
    /// What releases need.
    needed: Sum,
    /// Not needed, but too new to be removed.
    young: Sum,
    /// Removed, or in a dry run to be removed.
    removed: Sum,
    /// The keys of the removed packs.
    packs: Vec<&'a str>,
    /// Keys of objects that are not packs; they stay.
    foreign: Vec<&'a str>,
}

/// The releases of an environment whose packs are kept.
#[derive(Serialize, JsonSchema)]
pub struct Kept<'a> {
    /// Its name.
    environment: &'a Name,
    /// The serials of the releases, the newest first.
    serials: &'a [u64],
}

/// A number of packs, and their size.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub struct Sum {
    /// The number of packs.
    packs: u64,
    /// Their size in bytes.
    bytes: u64,
}

/// Prints which packs no release needs, and removes them with `--delete`.
///
/// # Errors
/// Refused when it cannot be known which packs are needed.
pub fn run(site: Option<&Path>, args: &GcArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let settings = stores::settings(&site, args.store.as_deref())?;
    let remote = SiteStore::open_one(&site, settings)?;
    remote.store.check_writable()?;
    let keep = Keep { releases: args.keep, grace: args.grace.seconds() };
    let collector = Collector { remote: &remote, keep };
    let mut plan = collector.plan(now())?;
    let mut removed: Vec<Listed> = plan.unneeded.iter().map(|(_, listed)| listed.clone()).collect();
    let done = args.delete && !args.dry_run;
    if done && !(plan.unneeded.is_empty() && plan.leftovers.is_empty()) {
        let bar = Progress::new().bar("removing", removed.len() as u64);
        let end = collector.remove(&plan, |_| bar.inc(1))?;
        bar.finish_and_clear();
        (plan, removed) = (end.plan, end.packs);
    }
    let sum = Sum::of(removed.iter());
    let url = settings.url.clone();
    if !args.json {
        return print::out(&summary(&site, &url, &plan, sum, done)).map(|()| 0);
    }
    json::print(
        Some(&site.site.site),
        &Report {
            store: url,
            done,
            keep: args.keep,
            grace: args.grace.seconds(),
            environments: plan
                .releases
                .iter()
                .map(|(environment, serials)| Kept { environment, serials })
                .collect(),
            needed: Sum::of(plan.needed.iter()),
            young: Sum::of(plan.recent.iter()),
            removed: sum,
            packs: removed.iter().map(|listed| listed.key.as_str()).collect(),
            foreign: plan.foreign.iter().map(|listed| listed.key.as_str()).collect(),
        },
    )?;
    Ok(0)
}

impl Sum {
    fn of<'a>(all: impl Iterator<Item = &'a Listed>) -> Self {
        all.fold(Self { packs: 0, bytes: 0 }, |sum, listed| Self {
            packs: sum.packs + 1,
            bytes: sum.bytes + listed.size,
        })
    }

    fn summary(self) -> String {
        format!("{}, {}", format::count(self.packs, "pack"), format::size(self.bytes))
    }
}

fn summary(site: &SiteDir, url: &str, plan: &Plan, removed: Sum, done: bool) -> String {
    let mut text = format!("{}, {url}\n", site.site.site);
    let rows: Vec<Vec<String>> = plan
        .releases
        .iter()
        .map(|(environment, serials)| vec![format!("  {environment}"), format!("keeps {}", ranges(serials))])
        .collect();
    text.push_str(&format::table(&rows));
    text.push_str(&format!("  needed   {}\n", Sum::of(plan.needed.iter()).summary()));
    text.push_str(&format!("  too new  {}\n", Sum::of(plan.recent.iter()).summary()));
    for listed in &plan.foreign {
        text.push_str(&format!("  no pack  {}, not touched\n", listed.key.escape_debug()));
    }
    text.push_str(&match (done, removed.packs) {
        (_, 0) => "nothing to remove\n".to_owned(),
        (true, _) => format!("removed {}\n", removed.summary()),
        (false, _) => format!("would remove {}: `--delete` does it\n", removed.summary()),
    });
    text
}

/// Serials in falling order as text: `12 to 9, 4`.
fn ranges(serials: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for serial in serials {
        match ranges.last_mut() {
            Some((_, last)) if *serial + 1 == *last => *last = *serial,
            _ => ranges.push((*serial, *serial)),
        }
    }
    let shown = |(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_printed_as_ranges() {
        assert_eq!(ranges(&[12, 11, 10, 4, 2, 1]), "12 to 10, 4, 2 to 1");
        assert_eq!((ranges(&[7]).as_str(), ranges(&[]).as_str()), ("7", ""));
    }
}
