//! Compares two releases for a reviewer. No IO.
//!
//! Modules with their versions come first, then settings, then files. The site's own files are separate from the files
//! of third-party modules.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::manifest::{AgentPin, Apply, Manifest, Module, Source};
use stringless_core::name::Name;
use stringless_core::pack::Pack;

use crate::release::diff::{self, Change, ChangeKind, Items};
use crate::release::settings::{SettingChange, settings};

/// A release, published or only built.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its environment.
    pub environment: Name,
    /// Its serial; `None` if it is not published.
    pub serial: Option<u64>,
    /// Its content.
    pub packs: Vec<Pack>,
    /// What it was built from.
    pub source: Source,
    /// How it is applied.
    pub apply: Apply,
    /// The agent that applies it.
    pub agent: AgentPin,
    /// The trust version that it is made under.
    pub trust_version: u64,
}

/// What changes from one release to another.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Review {
    /// The environment.
    pub environment: Name,
    /// The older release; null before the first release.
    pub from: Option<Point>,
    /// The newer release.
    pub to: Point,
    /// Whether anything changes for nodes.
    pub changed: bool,
    /// Changed modules of the `Puppetfile`, by path.
    pub modules: Vec<ModuleChange>,
    /// Changes outside the content, by key.
    pub settings: Vec<SettingChange>,
    /// Changed packs, by path.
    pub packs: Vec<PackChange>,
    /// Changed files, by path.
    pub files: Vec<Change>,
}

/// Identifies a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Point {
    /// Its environment.
    pub environment: Name,
    /// Its serial; null if it is not published.
    pub serial: Option<u64>,
    /// The commit that it was built from, if known.
    pub commit: Option<String>,
    /// Whether the tree differed from that commit.
    pub dirty: bool,
}

/// A changed module of the `Puppetfile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleChange {
    /// Its folder in the release.
    pub path: String,
    /// Its name in the `Puppetfile`.
    pub name: String,
    /// How it changes.
    pub kind: ChangeKind,
    /// Its old version; null if it is added.
    pub old: Option<Origin>,
    /// Its new version; null if it is removed.
    pub new: Option<Origin>,
    /// Whether its content changes, but neither its version nor its origin.
    pub replaced: bool,
    /// Whether the site's own code takes its place, or gives way to it.
    pub own: bool,
}

/// A version of a module, and its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// A version, a commit, or the hash of an archive.
    pub version: String,
    /// The URL of a forge, a repository or an archive.
    pub from: String,
}

/// A changed pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackChange {
    /// Its path in the release.
    pub path: String,
    /// How it changes.
    pub kind: ChangeKind,
}

impl Side {
    /// A published release.
    #[must_use]
    pub fn published(manifest: &Manifest) -> Self {
        Self {
            environment: manifest.environment.clone(),
            serial: Some(manifest.serial),
            packs: manifest.packs.clone(),
            source: manifest.source.clone(),
            apply: manifest.apply.clone(),
            agent: manifest.agent.clone(),
            trust_version: manifest.trust_version,
        }
    }

    fn point(&self) -> Point {
        let Source { commit, dirty, .. } = &self.source;
        let (environment, serial) = (self.environment.clone(), self.serial);
        Point { environment, serial, commit: commit.clone(), dirty: *dirty }
    }

    fn pack(&self, path: &str) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.path == path)
    }

    fn module(&self, path: &str) -> Option<&Module> {
        self.source.modules.iter().find(|module| module.path == path)
    }
}

impl Review {
    /// Compares `new` with `old`. `items` are the items of their changed packs, as [`pack_changes`] lists them.
    #[must_use]
    pub fn new(environment: &Name, old: Option<&Side>, new: &Side, items: (&Items, &Items)) -> Self {
        let packs = pack_changes(old, new);
        let mut files = diff::between(items.0, items.1);
        for file in &mut files {
            file.module = third_party(old, new, &file.path);
        }
        let settings = old.map(|old| settings(old, new)).unwrap_or_default();
        Self {
            environment: environment.clone(),
            from: old.map(Side::point),
            to: new.point(),
            changed: old.is_none() || !packs.is_empty() || !settings.is_empty(),
            modules: module_changes(old, new),
            settings,
            packs,
            files,
        }
    }

    /// The changes of the site's own files.
    pub fn own(&self) -> impl Iterator<Item = &Change> {
        self.files.iter().filter(|file| file.module.is_none())
    }

    /// The changes of files of third-party modules, by module.
    #[must_use]
    pub fn third_party(&self) -> BTreeMap<&str, Vec<&Change>> {
        let mut modules: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for file in &self.files {
            if let Some(module) = &file.module {
                modules.entry(module).or_default().push(file);
            }
        }
        modules
    }
}

/// The packs that are added, removed or changed, by path.
#[must_use]
pub fn pack_changes(old: Option<&Side>, new: &Side) -> Vec<PackChange> {
    let by_path = |side: &Side| {
        side.packs.iter().map(|pack| (pack.path.clone(), pack.sha256)).collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (old.map(by_path).unwrap_or_default(), by_path(new));
    let mut changes: Vec<PackChange> = Vec::new();
    for (path, sha256) in &new {
        let kind = match old.get(path) {
            None => ChangeKind::Added,
            Some(known) if known != sha256 => ChangeKind::Changed,
            Some(_) => continue,
        };
        changes.push(PackChange { path: path.clone(), kind });
    }
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    changes.extend(gone.map(|path| PackChange { path: path.clone(), kind: ChangeKind::Removed }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn module_changes(old: Option<&Side>, new: &Side) -> Vec<ModuleChange> {
    let mut paths: Vec<&String> = old.into_iter().chain([new]).flat_map(paths_of_modules).collect();
    paths.sort();
    paths.dedup();
    paths.into_iter().filter_map(|path| module_change(path, old, new)).collect()
}

fn paths_of_modules(side: &Side) -> impl Iterator<Item = &String> {
    side.source.modules.iter().map(|module| &module.path)
}

fn module_change(path: &str, old: Option<&Side>, new: &Side) -> Option<ModuleChange> {
    let (before, after) = (old.and_then(|side| side.module(path)), new.module(path));
    let hash = |side: Option<&Side>| side.and_then(|side| side.pack(path)).map(|pack| pack.sha256);
    let (old_hash, new_hash) = (hash(old), hash(Some(new)));
    if before == after && old_hash == new_hash {
        return None;
    }
    let (kind, own) = match (before, after) {
        (None, _) => (ChangeKind::Added, old_hash.is_some()),
        (_, None) => (ChangeKind::Removed, new_hash.is_some()),
        _ => (ChangeKind::Changed, false),
    };
    let origin = |module: &Module| Origin { version: module.version.clone(), from: module.from.clone() };
    Some(ModuleChange {
        path: path.to_owned(),
        name: after.or(before)?.name.clone(),
        kind,
        old: before.map(origin),
        new: after.map(origin),
        replaced: before == after,
        own,
    })
}

/// The path of the third-party module that contains the file at `path`. The site's own code counts as its own even if
/// it replaces a module at the same path.
fn third_party(old: Option<&Side>, new: &Side, path: &str) -> Option<String> {
    let mut parents = path.match_indices('/').map(|(at, _)| &path[..at]).chain([path]);
    let is_module = |parent: &&str| {
        new.module(parent).is_some()
            || new.pack(parent).is_none() && old.is_some_and(|old| old.module(parent).is_some())
    };
    parents.rfind(is_module).map(str::to_owned)
}
