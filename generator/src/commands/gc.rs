//! `stringless gc`.

use std::path::Path;

use serde::Serialize;
use stringless_core::name::Name;

use super::mirror;
use crate::cli::GcArgs;
use crate::clock::now;
use crate::error::Result;
use crate::output::{format, print};
use crate::progress::Progress;
use crate::release::gc::{Collector, Keep, Plan, Removed};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::store::Listed;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    store: String,
    /// False for what would be done.
    done: bool,
    keep: usize,
    grace: u64,
    environments: Vec<Kept<'a>>,
    needed: Sum,
    /// Not needed, and too new to be removed.
    young: Sum,
    /// Removed, or what would be.
    removed: Sum,
    /// The keys of those.
    packs: Vec<&'a str>,
    /// Keys of objects that are no packs; they stay.
    foreign: Vec<&'a str>,
}

#[derive(Serialize)]
struct Kept<'a> {
    environment: &'a Name,
    serials: &'a [u64],
}

#[derive(Clone, Copy, Serialize)]
struct Sum {
    packs: u64,
    bytes: u64,
}

/// Tells which packs nothing needs, and removes them where it is told to.
///
/// # Errors
/// Refused when it cannot be known what is needed.
pub fn run(site: Option<&Path>, args: &GcArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let settings = match &args.store {
        Some(url) => mirror::own(&site, url)?,
        None => &site.site.stores[0],
    };
    let remote = SiteStore::open_one(&site, settings)?;
    remote.store.check_writable()?;
    let keep = Keep { releases: args.keep, grace: args.grace.seconds() };
    let collector = Collector { remote: &remote, keep };
    let mut plan = collector.plan(now())?;
    let mut removed = Sum::of(plan.doomed.iter().map(|(_, listed)| listed));
    let removing = args.delete && !(plan.doomed.is_empty() && plan.halves.is_empty());
    let before: Plan = plan.clone();
    if removing {
        let bar = Progress::new().bar("removing", removed.packs);
        let (after, done) = collector.remove(&plan, |_| bar.inc(1))?;
        bar.finish_and_clear();
        let Removed { packs, bytes } = done;
        (plan, removed) = (after, Sum { packs, bytes });
    }
    let url = settings.url.clone();
    if !args.json {
        return print::out(&told(&site, &url, &plan, removed, args)).map(|()| 0);
    }
    print::json(&Report {
        format: print::JSON_FORMAT,
        site: &site.site.site,
        store: url,
        done: args.delete,
        keep: args.keep,
        grace: args.grace.seconds(),
        environments: plan
            .releases
            .iter()
            .map(|(environment, serials)| Kept { environment, serials })
            .collect(),
        needed: Sum::of(plan.needed.iter()),
        young: Sum::of(plan.young.iter()),
        removed,
        packs: before.doomed.iter().map(|(_, listed)| listed.key.as_str()).collect(),
        foreign: plan.foreign.iter().map(|listed| listed.key.as_str()).collect(),
    })?;
    Ok(0)
}

impl Sum {
    fn of<'a>(all: impl Iterator<Item = &'a Listed>) -> Self {
        all.fold(Self { packs: 0, bytes: 0 }, |sum, listed| Self {
            packs: sum.packs + 1,
            bytes: sum.bytes + listed.size,
        })
    }

    fn told(self) -> String {
        format!("{}, {}", format::count(self.packs, "pack"), format::size(self.bytes))
    }
}

fn told(site: &SiteDir, url: &str, plan: &Plan, removed: Sum, args: &GcArgs) -> String {
    let mut text = format!("{}, {url}\n", site.site.site);
    let rows: Vec<Vec<String>> = plan
        .releases
        .iter()
        .map(|(environment, serials)| vec![format!("  {environment}"), format!("keeps {}", ranges(serials))])
        .collect();
    text.push_str(&format::table(&rows));
    text.push_str(&format!("  needed   {}\n", Sum::of(plan.needed.iter()).told()));
    text.push_str(&format!("  too new  {}\n", Sum::of(plan.young.iter()).told()));
    for listed in &plan.foreign {
        text.push_str(&format!("  no pack  {}, left alone\n", listed.key.escape_debug()));
    }
    text.push_str(&match (args.delete, removed.packs) {
        (_, 0) => "nothing to remove\n".to_owned(),
        (true, _) => format!("removed {}\n", removed.told()),
        (false, _) => format!("would remove {}: `--delete` does it\n", removed.told()),
    });
    text
}

/// Serials in falling order, as `12 to 9, 4`.
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
    fn serials_are_told_in_ranges() {
        assert_eq!(ranges(&[12, 11, 10, 4, 2, 1]), "12 to 10, 4, 2 to 1");
        assert_eq!((ranges(&[7]).as_str(), ranges(&[]).as_str()), ("7", ""));
    }
}
