//! `stringless pin`.

mod package;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use package::{Origin, Transport};
use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_render::agent_lock::{LOCK_FILE, PuppetPins, ReleasePin};
use stringless_render::platform::Platforms;
use trust::{Known, Trust};

use crate::cli::PinArgs;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::output::{format, json, print};
use crate::site::SiteDir;
use crate::site::agent_lock;
use crate::site::stores::ca_pem;

/// The output of `pin --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The version of openvox-agent.
    version: &'a str,
    /// Whether stringless.lock.json was written.
    written: bool,
    /// For each distro, the package that adds OpenVox's repository.
    releases: &'a BTreeMap<String, ReleasePin>,
    /// What was read in this run, and why it is believed.
    taken: &'a [Taken],
}

/// A package that was read in this run.
#[derive(Serialize, JsonSchema)]
pub struct Taken {
    /// The distro.
    distro: String,
    /// The URL that sent the package, or the path of its file.
    from: String,
    /// What carried it.
    transport: Transport,
    /// Why its SHA-256 is believed. No signature is checked.
    trust: Trust,
}

/// Pins the packages of OpenVox.
///
/// # Errors
/// When a distro is unknown or has no such package, a package cannot be fetched or is none, or a pinned one has changed.
pub fn run(site: Option<&Path>, args: &PinArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let mut lock = site.lock()?;
    let wanted = wanted(&Platforms::embedded()?, &args.distros)?;
    let old = lock.puppet.take();
    let version = match (&args.version, &old) {
        (Some(version), _) => version.clone(),
        (None, Some(old)) => old.version.clone(),
        (None, None) => NEWEST.to_owned(),
    };
    if version.is_empty() || !version.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~-".contains(&b)) {
        return Err(Error::usage(format!("pinning openvox-agent `{version}`: it is not a version"))
            .hint(format!("write it as in `--version {NEWEST}`")));
    }
    let mut releases = old.map(|old| old.releases).unwrap_or_default();
    if args.sha256.is_some() && wanted.iter().map(|(_, url)| url).collect::<BTreeSet<_>>().len() != 1 {
        return Err(Error::usage(
            "pinning with `--sha256`: it is the hash of one package, and several are meant",
        )
        .hint("name one distro: `stringless pin DISTRO --sha256 HASH`"));
    }
    let origin = Origin::new(args.from.as_deref());
    let client = Http::new(ca_pem(&site)?.as_deref().map(str::as_bytes))?;
    let mut fetched: BTreeMap<String, (Sha256, String, Transport)> = BTreeMap::new();
    let mut taken = Vec::new();
    for (id, url) in wanted {
        let in_site = site.site.puppet.release_sha256.get(&id).map(|hash| ("puppet.release_sha256", *hash));
        let known = Known {
            given: args.sha256.map(|hash| ("--sha256", hash)).or(in_site),
            pinned: releases.get(&id).filter(|pin| pin.url == url).map(|pin| pin.sha256),
        };
        known.allows(origin.transport(&url), &origin.place(&url), args.replace)?;
        if !fetched.contains_key(&url) {
            let package = origin.read(&client, &url)?;
            fetched.insert(url.clone(), (Sha256::of(&package.bytes), package.from, package.transport));
        }
        let (sha256, from, transport) = &fetched[&url];
        let trust = known.judge(&url, *sha256, args.replace)?;
        taken.push(Taken { distro: id.clone(), from: from.clone(), transport: *transport, trust });
        releases.insert(id, ReleasePin { url, sha256: *sha256 });
    }
    let pins = PuppetPins { version, releases };
    lock.puppet = Some(pins.clone());
    let written = !args.dry_run && site.lock()? != lock;
    if written {
        agent_lock::write(&lock, &site.root)?;
    }
    if args.json {
        json::print(
            Some(&site.site.site),
            &Report { version: &pins.version, written, releases: &pins.releases, taken: &taken },
        )?;
        return Ok(0);
    }
    let mut rows = vec![["DISTRO", "SHA-256", "TRUST", "OVER", "FROM"].map(str::to_owned).to_vec()];
    for (id, pin) in &pins.releases {
        let (trust, over, from) = match taken.iter().find(|taken| taken.distro == *id) {
            Some(taken) => (taken.trust.in_words(), taken.transport.in_words(), &taken.from),
            None => ("not read now", "", &pin.url),
        };
        rows.push([id.as_str(), &pin.sha256.to_string(), trust, over, from].map(str::to_owned).to_vec());
    }
    let verb = match (written, args.dry_run) {
        (true, _) => "wrote",
        (false, true) => "would write",
        (false, false) => "unchanged:",
    };
    print::out(&format!("{}{verb} {LOCK_FILE}: openvox-agent {}\n", format::table(&rows), pins.version))?;
    if let Some(text) = first_use(&taken) {
        print::note(&text);
    }
    Ok(0)
}

/// What to do about packages that nothing but their transport speaks for.
fn first_use(taken: &[Taken]) -> Option<String> {
    let unproven: BTreeSet<&str> =
        taken.iter().filter(|taken| taken.trust.is_unproven()).map(|taken| taken.from.as_str()).collect();
    let count = match unproven.len() {
        0 => return None,
        1 => "1 package was".to_owned(),
        count => format!("{count} packages were"),
    };
    Some(format!(
        "note: {count} trusted on first use: no signature was checked, and the SHA-256 is that of what came. Compare it \
         before you commit {LOCK_FILE}: `stringless pin --help` says how"
    ))
}

/// The distros to pin, each with the URL of its package.
fn wanted(platforms: &Platforms, names: &[String]) -> Result<Vec<(String, String)>> {
    if names.is_empty() {
        let all = platforms.distros.iter();
        return Ok(all
            .filter_map(|distro| Some((distro.id.clone(), distro.puppet.openvox.clone()?)))
            .collect());
    }
    let one = |name: &String| {
        let distro = platforms.distro(name)?;
        let url = distro.puppet.openvox.clone().ok_or_else(|| {
            let error =
                Error::configuration(format!("pinning OpenVox for {}: it has no package there", distro.name));
            match (&distro.puppet.distro, &distro.puppet.none) {
                (Some(own), _) => error.hint(format!(
                    "nothing is to be pinned: nodes install the distribution's own package `{own}`"
                )),
                (None, why) => error.hint(why.clone().unwrap_or_else(|| "use another distro".into())),
            }
        })?;
        Ok((distro.id.clone(), url))
    };
    names.iter().map(one).collect()
}

/// The newest version of openvox-agent when this program was released.
const NEWEST: &str = "8.28.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_of_the_catalogue_come_over_tls() {
        for (id, url) in wanted(&Platforms::embedded().unwrap(), &[]).unwrap() {
            assert_eq!(Origin::Vendor.transport(&url), Transport::Https, "{id}: {url}");
        }
    }

    #[test]
    fn every_distro_with_a_package_can_be_pinned() {
        let platforms = Platforms::embedded().unwrap();
        assert!(wanted(&platforms, &[]).unwrap().len() > 10);
        let without = platforms.distros.iter().find(|distro| distro.puppet.openvox.is_none()).unwrap();
        assert!(wanted(&platforms, std::slice::from_ref(&without.id)).unwrap_err().hint_text().is_some());
        assert!(wanted(&platforms, &["no-such".into()]).is_err());
    }
}
