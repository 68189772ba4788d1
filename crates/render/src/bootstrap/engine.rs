//! Request → the package of the engine, if the engine needs one.

use serde::Serialize;
use stringless_core::fault::Fault;
use stringless_core::manifest::Engine;

use crate::request::Request;
use crate::site::PuppetPackage;

/// The package of the Puppet engine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EnginePackage {
    /// Its name.
    pub name: String,
    /// The pinned version; empty: the version in the distribution's signed archive.
    pub version: String,
    /// The URL of the package that adds its repository; empty for the distribution's own package.
    pub release: String,
    /// That package's SHA-256.
    pub release_sha256: String,
}

impl EnginePackage {
    /// Whether it comes from its own repository, not from the distribution's.
    pub(crate) const fn is_foreign(&self) -> bool {
        !self.release.is_empty()
    }
}

/// The package to install; `None` if the engine needs none.
pub(crate) fn package(request: &Request<'_>) -> Result<Option<EnginePackage>, Fault> {
    if matches!(request.site.apply(request.environment)?.engine, Engine::Script(_)) {
        return Ok(None);
    }
    let (settings, distro) = (&request.site.puppet, request.distro);
    let own = distro.puppet.distro.is_some();
    let chosen = settings.package_for(&distro.id, distro.family.as_str(), own);
    let version = settings.version_of(chosen).unwrap_or_default().to_owned();
    if !version.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~:-".contains(&b)) {
        return Err(Fault::new(format!("reading puppet.version: `{version}` is not a version of a package")));
    }
    if let Some(reason) = &distro.puppet.none {
        return Err(Fault::new(format!("rendering the Puppet engine for {}: {reason}", distro.name))
            .hint("set `apply.engine` to `script`, or use another distro"));
    }
    let missing = |whose| {
        Fault::new(format!("rendering the Puppet engine for {}: there is no {whose} package", distro.name))
            .hint("set `puppet.package` to the other one of `openvox` and `distro`")
    };
    let unpinned = |what: &str| {
        Fault::new(format!("rendering the Puppet engine for {}: {what} is not pinned", distro.name)).hint(
            format!(
                "`stringless pin {}` fetches OpenVox's release package and pins it{}",
                distro.id,
                if own { "; or set `puppet.package: distro`" } else { "" }
            ),
        )
    };
    match chosen {
        PuppetPackage::Distro => {
            let name = distro.puppet.distro.clone().ok_or_else(|| missing("distribution's"))?;
            Ok(Some(EnginePackage { name, version, release: String::new(), release_sha256: String::new() }))
        }
        PuppetPackage::Openvox | PuppetPackage::Auto => {
            let release = distro.puppet.openvox.clone().ok_or_else(|| missing("OpenVox"))?;
            let pin = settings.release_sha256.get(&distro.id);
            let pin = pin.ok_or_else(|| unpinned(&format!("`{release}`")))?;
            if version.is_empty() {
                return Err(unpinned("the version of openvox-agent"));
            }
            Ok(Some(EnginePackage {
                name: "openvox-agent".into(),
                version,
                release,
                release_sha256: pin.to_string(),
            }))
        }
    }
}
