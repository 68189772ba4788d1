//! One run of one layer, and what several steps of it need.

use std::sync::Arc;

use stringless_core::config::Layer;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::state::{Release, State};
use stringless_core::verify::Verified;

use crate::args::Args;
use crate::disk::LayerDisk;
use crate::engine;
use crate::engine::job::Job;
use crate::engine::modulepath::{Earlier, Modules};
use crate::error::Result;
use crate::io::Io;
use crate::node::Node;
use crate::release::{self, Staged};

/// A layer with what its run needs.
pub struct Run<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// The environment: the layer's, or that of the command line.
    pub environment: &'a Name,
    /// Its part of the state folder.
    pub disk: LayerDisk,
    /// The layers that stand before it.
    pub earlier: &'a [Earlier],
    /// This node.
    pub node: &'a Node,
    /// The command line.
    pub args: &'a Args,
    /// For the engine's downloads: the proxy, and what is reached without.
    pub proxy: Option<(&'a str, &'a str)>,
    /// What no output may show.
    pub secrets: &'a [String],
    /// At most so many bytes may lie in the state folder.
    pub budget: Option<u64>,
    /// Network, clock and disk.
    pub io: &'a Arc<Io>,
}

/// The releases that stay: the last good ones of this run's environment and of the node's own.
pub(crate) fn kept_releases<'s>(run: &Run<'_>, state: &'s State) -> impl Iterator<Item = Release> + use<'s> {
    let own = state.last_good.get(&run.layer.environment);
    own.into_iter().chain(state.last_good.get(run.environment)).cloned()
}

/// Sweeps all but what runs, what ran well, and what `next` is made of.
///
/// # Errors
/// Temporary.
pub fn make_room(run: &Run<'_>, state: &State, next: Option<&Verified<Manifest>>) -> Result<()> {
    let keep = kept_releases(run, state).chain(run.disk.live()).chain(next.map(Release::of));
    let wanted = next.map_or(&[][..], |next| &next.packs);
    release::sweep(&keep.collect::<Vec<_>>(), wanted, &run.io.disk, &run.disk)
}

/// What the engine of a manifest sees of earlier layers.
pub fn modules(run: &Run<'_>, manifest: &Manifest) -> Modules {
    Modules::of(run.earlier, &manifest.apply.engine, &run.io.disk)
}

/// What the engine is given for a release.
pub fn job<'a>(run: &Run<'a>, staged: &'a Staged, modules: &'a Modules) -> Job<'a> {
    Job {
        site: &run.layer.site,
        release: &staged.release,
        path: &staged.path,
        modules,
        node: run.node,
        noop: run.args.noop,
        json: run.args.json,
        record: run.io.disk.file(engine::orphan::FILE),
        proxy: run.proxy,
        secrets: run.secrets,
    }
}

/// Site and environment, for messages.
pub fn label(run: &Run<'_>) -> String {
    format!("{}/{}", run.layer.site, run.environment)
}
