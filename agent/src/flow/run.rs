//! The input of a layer's run, and functions that several steps use.

use std::path::Path;
use std::sync::Arc;

use stringless_core::config::Layer;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::state::{Inputs, Release, State};
use stringless_core::verify::Verified;

use crate::args::Args;
use crate::disk::LayerDisk;
use crate::engine;
use crate::engine::job::Job;
use crate::engine::modulepath::{EarlierLayer, Modules};
use crate::error::Result;
use crate::io::Io;
use crate::node::Node;
use crate::release::{self, Staged};

/// The input of a layer's run.
pub struct LayerRun<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// The environment: the layer's own, or the one on the command line.
    pub environment: &'a Name,
    /// The layer's part of the state folder.
    pub disk: LayerDisk,
    /// The layers before this one.
    pub earlier: &'a [EarlierLayer],
    /// This node.
    pub node: &'a Node,
    /// The folder of `--root`; `None`: `/` itself.
    pub root: Option<&'a Path>,
    /// The command line.
    pub args: &'a Args,
    /// For the engine's downloads: the proxy, and the hosts to reach without it.
    pub proxy: Option<(&'a str, &'a str)>,
    /// Secrets that no output may show.
    pub secrets: &'a [String],
    /// The most bytes that the state folder may hold.
    pub budget: Option<u64>,
    /// Network, clock and disk.
    pub io: &'a Arc<Io>,
}

/// The releases to keep: the last good ones of this run's environment and of the layer's own.
pub(crate) fn releases_to_keep<'s>(
    run: &LayerRun<'_>,
    state: &'s State,
) -> impl Iterator<Item = Release> + use<'s> {
    let own = state.last_good.get(&run.layer.environment);
    own.into_iter().chain(state.last_good.get(run.environment)).cloned()
}

/// Removes everything except the live release, the last good ones, and the packs of `next`.
///
/// # Errors
/// Temporary.
pub fn make_room(run: &LayerRun<'_>, state: &State, next: Option<&Verified<Manifest>>) -> Result<()> {
    let keep = releases_to_keep(run, state).chain(run.disk.live()).chain(next.map(Release::from_manifest));
    let wanted = next.map_or(&[][..], |next| &next.packs);
    release::sweep(&keep.collect::<Vec<_>>(), wanted, &run.io.disk, &run.disk)
}

/// What the engine of a release sees besides it.
pub fn inputs(run: &LayerRun<'_>, modules: &Modules) -> Inputs {
    Inputs { over: modules.id, role: run.node.role_id() }
}

/// The modules of earlier layers that the manifest's engine sees.
pub fn modules(run: &LayerRun<'_>, manifest: &Manifest) -> Modules {
    Modules::from_layers(run.earlier, &manifest.apply.engine, &run.io.disk)
}

/// The engine's input for a release and its manifest.
pub fn job<'a>(
    run: &LayerRun<'a>,
    manifest: &'a Manifest,
    staged: &'a Staged,
    modules: &'a Modules,
) -> Job<'a> {
    Job {
        site: &run.layer.site,
        release: &staged.release,
        source: &manifest.source,
        path: &staged.path,
        modules,
        node: run.node,
        root: run.root,
        noop: run.args.noop,
        json: run.args.json,
        record: run.io.disk.file(engine::orphan::FILE),
        facts: run.io.disk.file("facts"),
        proxy: run.proxy,
        secrets: run.secrets,
    }
}

/// The site and the environment, for messages.
pub fn label(run: &LayerRun<'_>) -> String {
    format!("{}/{}", run.layer.site, run.environment)
}
