//! `stringless pin`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_render::platform::Platforms;

use crate::cli::PinArgs;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::modules::http;
use crate::output::{format, json, print};
use crate::site::SiteDir;
use crate::site::agent_lock::{LOCK_FILE, PuppetPins, ReleasePin};
use crate::site::stores::ca_pem;

#[derive(Serialize)]
struct Report<'a> {
    /// The version of openvox-agent.
    version: &'a str,
    /// Whether stringless.lock.json was written.
    written: bool,
    releases: &'a BTreeMap<String, ReleasePin>,
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
    let mut fetched: BTreeMap<String, Sha256> = BTreeMap::new();
    let client = Http::new(ca_pem(&site)?.as_deref().map(str::as_bytes))?;
    for (id, url) in wanted {
        let sha256 = match fetched.get(&url) {
            Some(sha256) => *sha256,
            None => Sha256::of(&package(&client, &url, args.from.as_deref())?),
        };
        fetched.insert(url.clone(), sha256);
        if let Some(pin) = releases.get(&id)
            && pin.url == url
            && pin.sha256 != sha256
            && !args.replace
        {
            return Err(Error::refused(format!(
                "pinning {url}: it has the SHA-256 {sha256}, and {} is pinned: it has changed",
                pin.sha256
            ))
            .hint("does OpenVox say that it published a new one? Then `stringless pin --replace` takes it"));
        }
        releases.insert(id, ReleasePin { url, sha256 });
    }
    let pins = PuppetPins { version, releases };
    lock.puppet = Some(pins.clone());
    let written = !args.dry_run && site.lock()? != lock;
    if written {
        lock.write(&site.root)?;
    }
    if args.json {
        json::print(
            Some(&site.site.site),
            &Report { version: &pins.version, written, releases: &pins.releases },
        )?;
        return Ok(0);
    }
    let mut rows = vec![["DISTRO", "SHA-256", "PACKAGE"].map(str::to_owned).to_vec()];
    for (id, pin) in &pins.releases {
        rows.push(vec![id.clone(), pin.sha256.to_string(), pin.url.clone()]);
    }
    let verb = match (written, args.dry_run) {
        (true, _) => "wrote",
        (false, true) => "would write",
        (false, false) => "unchanged:",
    };
    print::out(&format!("{}{verb} {LOCK_FILE}: openvox-agent {}\n", format::table(&rows), pins.version))?;
    Ok(0)
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

/// The bytes of a package, from `folder` or from its URL.
fn package(client: &Http, url: &str, folder: Option<&Path>) -> Result<Vec<u8>> {
    let name = url.rsplit('/').next().unwrap_or_default();
    let (bytes, from) = match folder {
        Some(folder) => {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|e| {
                Error::io("reading", &path, e)
                    .hint(format!("fetch it there from {url}, or leave out `--from`"))
            })?;
            (bytes, path.display().to_string())
        }
        None => {
            let bytes = http::get(client, url, MAX_PACKAGE, None)?.ok_or_else(|| {
                Error::refused(format!("fetching {url}: there is no such file"))
                    .hint("OpenVox may have moved it: a newer `stringless` knows the new place")
            })?;
            (bytes, url.to_owned())
        }
    };
    is_package(name, &bytes).map_err(|why| {
        Error::refused(format!("pinning {from}: {why}"))
            .hint("does a proxy or a login page answer in its place?")
    })?;
    Ok(bytes)
}

/// Checks that the content is a package of the kind that its name says, and an RPM that it is the named one.
fn is_package(name: &str, bytes: &[u8]) -> std::result::Result<(), String> {
    let deb = bytes.starts_with(b"!<arch>\ndebian-binary");
    let rpm = bytes.starts_with(&[0xed, 0xab, 0xee, 0xdb]);
    match (name.ends_with(".deb"), deb, rpm) {
        (true, true, _) => Ok(()),
        (true, ..) => Err("it is not a .deb package".into()),
        (false, _, false) => Err("it is not an RPM package".into()),
        (false, _, true) => {
            // The lead of an RPM has its name, in 66 bytes.
            let lead = bytes.get(10..76).unwrap_or_default();
            let inner =
                String::from_utf8_lossy(lead.split(|&b| b == 0).next().unwrap_or_default()).into_owned();
            match inner.starts_with("openvox") && inner.contains("release") {
                true => Ok(()),
                false => Err(format!("it is the package `{}`", inner.escape_debug())),
            }
        }
    }
}

/// The newest version of openvox-agent when this program was released.
const NEWEST: &str = "8.28.1";
/// Ten times the size of the packages that are known.
const MAX_PACKAGE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn rpm(name: &str) -> Vec<u8> {
        let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 0];
        bytes.extend(name.bytes());
        bytes.resize(96, 0);
        bytes
    }

    #[test]
    fn only_packages_are_pinned() {
        let check = |name: &str, bytes: &[u8]| is_package(name, bytes);
        assert_eq!(check("a.deb", b"!<arch>\ndebian-binary   1"), Ok(()));
        assert_eq!(check("a.rpm", &rpm("openvox8-release-8-2.el9")), Ok(()));
        for (name, bytes) in [
            ("a.deb", b"<html>".to_vec()),
            ("a.deb", rpm("openvox8-release")),
            ("a.rpm", b"!<arch>\ndebian-binary".to_vec()),
            ("a.rpm", rpm("evil")),
            ("a.rpm", vec![0xed, 0xab, 0xee, 0xdb]),
            ("a.rpm", Vec::new()),
        ] {
            assert!(check(name, &bytes).is_err(), "{name}");
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
