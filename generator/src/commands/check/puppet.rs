//! What Puppet would find only on a node: the settings of `environment.conf`, and what Hiera needs there.

use stringless_core::manifest::Engine;
use stringless_core::name::Name;
use stringless_render::platform::Platforms;
use stringless_render::site::PuppetPackage;

use crate::checks;
use crate::doctor::findings::Findings;
use crate::error::Result;
use crate::output::format;
use crate::pack::Build;
use crate::site::SiteDir;
use crate::source;

/// The packages of Puppet that nodes install.
///
/// # Errors
/// When the site file names an unknown distro.
pub fn packages(site: &SiteDir) -> Result<((), String)> {
    // Another finding names a damaged lock file.
    if site.lock().is_err() {
        return Ok(((), String::new()));
    }
    let mut site = site.clone();
    site.add_puppet_pins(&Platforms::embedded()?)?;
    let pinned = site.site.puppet.release_sha256.len();
    let message = match site.site.puppet.version_of(PuppetPackage::Openvox) {
        Some(version) if pinned > 0 => {
            format!("openvox-agent {version} is pinned for {}", format::count(pinned, "distro"))
        }
        _ => String::new(),
    };
    Ok(((), message))
}

/// Adds the findings for an environment whose engine is Puppet.
pub fn check(site: &SiteDir, name: &Name, build: &Build, list: &mut Findings) {
    let what = format!("environment {name}");
    if !matches!(site.site.apply(name).map(|apply| apply.engine), Ok(Engine::Puppet(_))) {
        return;
    }
    let conf = build.tree.bytes(source::CONF).ok().flatten().unwrap_or_default();
    let conf = String::from_utf8_lossy(&conf);
    modulepath(&what, &conf, build, list);
    manifest(&what, &conf, build, list);
    if let Some(command) = setting(&conf, "config_version") {
        list.ok(
            &what,
            format!(
                "`config_version` of {} is not run on nodes (`{command}`): Puppet's reports name the release, as in `17-1a2b3c4d5e6f` (serial and commit)",
                source::CONF
            ),
        );
    }
    for need in
        list.add(&what, checks::needs(&build.tree).map(|needs| (needs, String::new()))).unwrap_or_default()
    {
        list.warn(&what, need.message, &need.hint);
    }
}

fn modulepath(what: &str, conf: &str, build: &Build, list: &mut Findings) {
    let Some(path) = setting(conf, "modulepath") else { return };
    let outside = |entry: &&str| {
        let entry = entry.trim();
        entry.starts_with('/') || entry.split('/').any(|part| part == "..")
    };
    if let Some(entry) = path.split(':').find(outside) {
        list.warn(
            what,
            format!("`modulepath` holds `{entry}`"),
            "a release holds only files of the source folder",
        );
    }
    for entry in source::parse_modulepath(conf) {
        if !build.holds(&entry) {
            list.warn(
                what,
                format!("`modulepath` names `{entry}`, which is not there"),
                "is it made by an earlier step?",
            );
        }
    }
}

fn manifest(what: &str, conf: &str, build: &Build, list: &mut Findings) {
    let manifest = setting(conf, "manifest").unwrap_or_else(|| "manifests".to_owned());
    let relative = manifest.trim_start_matches("./").trim_end_matches('/');
    if manifest.starts_with('/') {
        list.warn(
            what,
            format!("`manifest` is `{manifest}`, a path outside the release"),
            "write it relative to environment.conf, as in `manifest = manifests`",
        );
    } else if !manifest.contains('$') && !build.holds(relative) {
        list.warn(what, format!("there is no `{manifest}`"), "`manifest` in environment.conf names it");
    }
}

/// The value of a setting, without the quotes that Puppet removes.
fn setting(conf: &str, key: &str) -> Option<String> {
    let pairs = conf.lines().filter_map(|line| line.split_once('='));
    let value = pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next_back()?;
    Some(value.trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
}
