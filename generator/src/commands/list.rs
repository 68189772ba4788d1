//! `stringless list`.

use serde::Serialize;

use super::print;
use crate::catalog::{Catalog, Cloud, Distro};
use crate::cli::{ListArgs, Listed};
use crate::error::Result;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    distros: Option<&'a [Distro]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clouds: Option<&'a [Cloud]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Vec<Pair<'a>>>,
}

#[derive(Serialize)]
struct Pair<'a> {
    distro: &'a str,
    cloud: &'a str,
    level: &'a str,
}

/// Lists distros, clouds and how far each pair was tested.
///
/// # Errors
/// When the catalog is damaged.
pub fn run(args: &ListArgs) -> Result<u8> {
    let catalog = Catalog::embedded()?;
    let distros = (args.what != Some(Listed::Clouds)).then_some(catalog.distros.as_slice());
    let clouds = (args.what != Some(Listed::Distros)).then_some(catalog.clouds.as_slice());
    let pairs = args.what.is_none().then(|| pairs(&catalog));
    if args.json {
        print::json(&Report { format: print::JSON_FORMAT, distros, clouds, pairs })?;
        return Ok(0);
    }
    let parts = [distros.map(distro_table), clouds.map(cloud_table), pairs.map(|pairs| pair_table(&pairs))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    print::out(&parts.join("\n"))?;
    Ok(0)
}

fn pairs(catalog: &Catalog) -> Vec<Pair<'_>> {
    let all =
        catalog.distros.iter().flat_map(|distro| catalog.clouds.iter().map(move |cloud| (distro, cloud)));
    all.map(|(distro, cloud)| Pair {
        distro: &distro.id,
        cloud: &cloud.id,
        level: catalog.level(distro, cloud).as_str(),
    })
    .collect()
}

fn distro_table(distros: &[Distro]) -> String {
    let mut rows = vec![row(["DISTRO", "NAME", "SUPPORTED UNTIL", "FIRST BOOT"])];
    rows.extend(distros.iter().map(|d| row([&d.id, &d.name, &d.eol, &d.first_boot])));
    print::table(&rows)
}

fn cloud_table(clouds: &[Cloud]) -> String {
    let mut rows = vec![row(["CLOUD", "NAME", "FORMS", "LIMIT"])];
    rows.extend(clouds.iter().map(|cloud| {
        let forms: Vec<&str> = cloud.forms.iter().map(|form| form.as_str()).collect();
        let limit =
            cloud.max_bytes.map_or_else(|| "none stated".to_owned(), |bytes| format!("{bytes} bytes"));
        row([&cloud.id, &cloud.name, &forms.join(", "), &limit])
    }));
    print::table(&rows)
}

fn pair_table(pairs: &[Pair<'_>]) -> String {
    let mut rows = vec![row(["DISTRO", "CLOUD", "TESTED"])];
    rows.extend(pairs.iter().map(|pair| row([pair.distro, pair.cloud, pair.level])));
    format!("{}\n{BOOTED}\n", print::table(&rows))
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// What the strongest level does not claim.
const BOOTED: &str = "booted: by the distribution's own first-boot agent on a lab machine, from a local seed; \
                      no pair was run in an account of its cloud";
