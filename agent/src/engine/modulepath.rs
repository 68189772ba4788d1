//! The modules of earlier layers, as the engine of a later one sees them: before its own.
//!
//! A layer sees what stands before it and nothing of what stands after it. So the first layer runs as if it
//! were alone, whatever the others publish; and what an earlier layer has, a later one cannot replace.

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

/// A layer that stands before the one that runs, with the release that counts of it.
#[derive(Debug)]
pub struct Earlier {
    site: Name,
    staged: Staged,
    manifest: Manifest,
}

impl Earlier {
    /// What counts of an earlier layer: the release that is live; with `noop` the one that would be. `None`
    /// where there is none yet, or another engine than Puppet applies it.
    pub fn find(layer: &Layer, environment: &Name, disk: &LayerDisk, noop: bool) -> Option<Self> {
        let next = || {
            let (state, _) = disk.state().ok().filter(|_| noop)?;
            release::standing(&Release::seen(environment, state.seen.get(environment)?), disk)
        };
        let (staged, document) = next().or_else(|| release::standing(&disk.live()?, disk))?;
        let manifest = release::manifest_in(&document)?;
        let puppet = matches!(manifest.apply.engine, Engine::Puppet(_));
        puppet.then(|| Self { site: layer.site.clone(), staged, manifest })
    }
}

/// What an engine's run sees of earlier layers.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// Whose.
    pub over: Vec<Over>,
    /// Stands for their content; none where nothing is composed.
    pub id: Option<Sha256>,
    folders: Vec<String>,
}

impl Modules {
    /// What `engine` is given of the earlier layers. Only Puppet composes modules.
    pub fn of(earlier: &[Earlier], engine: &Engine, disk: &Disk) -> Self {
        let mut modules = Self::default();
        if earlier.is_empty() || !matches!(engine, Engine::Puppet(_)) {
            return modules;
        }
        let mut hasher = Hasher::default();
        for Earlier { site, staged, manifest } in earlier {
            let conf = EnvironmentConf::read(&staged.path);
            hasher.update(format!("layer {site}\n").as_bytes());
            // The base modules come once, where the run's own layer has them.
            for entry in conf.entries().filter(|entry| *entry != BASE) {
                hasher.update(format!("folder {entry}\n").as_bytes());
                modules.folders.extend(conf.folders(entry));
                for pack in manifest.packs.iter().filter(|pack| brings(pack, entry, disk)) {
                    hasher.update(format!("pack {} {}\n", pack.sha256, pack.path).as_bytes());
                }
            }
            modules.over.push(Over { site: site.clone(), release: staged.release.clone() });
        }
        modules.id = Some(hasher.finish());
        modules
    }

    /// The module path of a run of that release; `None`: what Puppet reads in `environment.conf` holds.
    pub fn path(&self, release: &Path) -> Option<String> {
        self.id?;
        let conf = EnvironmentConf::read(release);
        let own = conf.entries().flat_map(|entry| conf.folders(entry));
        Some(self.folders.iter().cloned().chain(own).collect::<Vec<_>>().join(":"))
    }
}

/// Whether a layer's live release was applied over other modules than those that the earlier layers have now.
pub fn outdated(earlier: &[Earlier], layer: &LayerDisk, disk: &Disk) -> bool {
    let applied = || {
        let applied = layer.state().ok()?.0.applied?;
        let (_, document) = release::standing(&applied.release, layer)?;
        Some((applied.over?, release::manifest_in(&document)?))
    };
    applied()
        .is_some_and(|(over, manifest)| Modules::of(earlier, &manifest.apply.engine, disk).id != Some(over))
}

/// Whether a pack brings something into what an entry of the module path names.
fn brings(pack: &Pack, entry: &str, disk: &Disk) -> bool {
    // Up to the first part that is a pattern; what is filled in or absolute lies in no release.
    let fixed = entry.split('/').take_while(|part| !part.contains(['*', '?']));
    let folder: std::path::PathBuf = fixed.filter(|part| !part.is_empty() && *part != ".").collect();
    if entry.starts_with(['/', '$']) {
        return false;
    }
    let path = Path::new(&pack.path);
    match folder.strip_prefix(path) {
        // It lies above: whether it holds anything of that is told by what it holds.
        Ok(rest) => disk.pack(&pack.sha256).join(rest).exists(),
        Err(_) => path.starts_with(&folder),
    }
}

const BASE: &str = "$basemodulepath";
