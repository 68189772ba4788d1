//! The module path of a layer: the modules of earlier layers, then its own.
//!
//! A layer sees the modules of the layers before it, and none of the layers after it. So the first layer runs
//! as if it were alone, whatever the others publish, and a later layer cannot replace a module of an earlier
//! one.

use std::path::Path;

use stringless_core::config::Layer;
use stringless_core::hash::{Hasher, Sha256};
use stringless_core::manifest::{Engine, Manifest};
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::report::Over;
use stringless_core::state::Release;

use super::environment_conf::EnvironmentConf;
use crate::disk::{Disk, LayerDisk};
use crate::release::{self, Staged};

/// A layer before the one that runs, with the release whose modules count.
#[derive(Debug)]
pub struct EarlierLayer {
    site: Name,
    staged: Staged,
    manifest: Manifest,
}

impl EarlierLayer {
    /// Finds the release of an earlier layer: the live one, or with `noop` the one that would be live. `None`
    /// if there is none yet, or if its engine is not Puppet.
    pub fn find(layer: &Layer, environment: &Name, disk: &LayerDisk, noop: bool) -> Option<Self> {
        let next = || {
            let (state, _) = disk.state().ok().filter(|_| noop)?;
            release::find(&Release::from_seen(environment, state.seen.get(environment)?), disk)
        };
        let (staged, document) = next().or_else(|| release::find(&disk.live()?, disk))?;
        let manifest = release::manifest_in(&document)?;
        let puppet = matches!(manifest.apply.engine, Engine::Puppet(_));
        puppet.then(|| Self { site: layer.site.clone(), staged, manifest })
    }
}

/// The modules of earlier layers that an engine's run sees.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// The earlier layers and their releases.
    pub over: Vec<Over>,
    /// A hash that identifies their content; none if there are no earlier modules.
    pub id: Option<Sha256>,
    folders: Vec<String>,
}

impl Modules {
    /// The modules of earlier layers for a run of `engine`. Only Puppet uses them.
    pub fn from_layers(earlier: &[EarlierLayer], engine: &Engine, disk: &Disk) -> Self {
        let mut modules = Self::default();
        if earlier.is_empty() || !matches!(engine, Engine::Puppet(_)) {
            return modules;
        }
        let mut hasher = Hasher::default();
        for EarlierLayer { site, staged, manifest } in earlier {
            let conf = EnvironmentConf::read(&staged.path);
            hasher.update(format!("layer {site}\n").as_bytes());
            // The base modules are added only once, at their place in the layer's own path.
            for entry in conf.entries().filter(|entry| *entry != BASE) {
                hasher.update(format!("folder {entry}\n").as_bytes());
                modules.folders.extend(conf.folders(entry));
                for pack in manifest.packs.iter().filter(|pack| provides(pack, entry, disk)) {
                    hasher.update(format!("pack {} {}\n", pack.sha256, pack.path).as_bytes());
                }
            }
            modules.over.push(Over { site: site.clone(), release: staged.release.clone() });
        }
        modules.id = Some(hasher.finish());
        modules
    }

    /// The module path for a run of a release; `None`: Puppet uses the one in `environment.conf`.
    pub fn path(&self, release: &Path) -> Option<String> {
        self.id?;
        let conf = EnvironmentConf::read(release);
        let own = conf.entries().flat_map(|entry| conf.folders(entry));
        Some(self.folders.iter().cloned().chain(own).collect::<Vec<_>>().join(":"))
    }
}

/// Whether the modules of earlier layers changed since a layer's release was applied.
pub fn outdated(earlier: &[EarlierLayer], layer: &LayerDisk, disk: &Disk) -> bool {
    let applied = || {
        let applied = layer.state().ok()?.0.applied?;
        let (_, document) = release::find(&applied.release, layer)?;
        Some((applied.over?, release::manifest_in(&document)?))
    };
    applied().is_some_and(|(over, manifest)| {
        Modules::from_layers(earlier, &manifest.apply.engine, disk).id != Some(over)
    })
}

/// Whether a pack has content in the folders that an entry of the module path names.
fn provides(pack: &Pack, entry: &str, disk: &Disk) -> bool {
    // Compare only the parts before the first pattern. An absolute or `$` path is outside the release.
    let fixed = entry.split('/').take_while(|part| !part.contains(['*', '?']));
    let folder: std::path::PathBuf = fixed.filter(|part| !part.is_empty() && *part != ".").collect();
    if entry.starts_with(['/', '$']) {
        return false;
    }
    let path = Path::new(&pack.path);
    match folder.strip_prefix(path) {
        // The pack's folder is above the entry: look whether the pack contains the rest of the path.
        Ok(rest) if rest.as_os_str().is_empty() => true,
        Ok(rest) => release::search::contains(pack, &rest.to_string_lossy(), disk),
        Err(_) => path.starts_with(&folder),
    }
}

const BASE: &str = "$basemodulepath";
