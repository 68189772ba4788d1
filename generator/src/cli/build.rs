//! Arguments of the commands that make releases.

use std::path::PathBuf;

use clap::Args;
use stringless_core::name::Name;

use super::args::name;
use super::trust::SigningArgs;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name, conflicts_with = "all")]
    pub environment: Option<Name>,
    /// Every environment.
    #[arg(long)]
    pub all: bool,
    /// Fetch nothing: build from what was fetched earlier.
    #[arg(long, visible_alias = "cached")]
    pub offline: bool,
    /// Also copy the packs into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the pack index as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name, conflicts_with = "all")]
    pub environment: Option<Name>,
    /// Every environment. All are built before the first is published.
    #[arg(long)]
    pub all: bool,
    /// Then retire the published environments that the site no longer has, as r10k purges deleted branches;
    /// `--dry-run` shows them first.
    #[arg(long, requires = "all", conflicts_with = "cached")]
    pub prune: bool,
    /// Fetch nothing: build from what was fetched earlier, as `build --offline` does.
    #[arg(long)]
    pub cached: bool,
    /// Publish although nothing changed, or although the date of the published release lies in the future.
    #[arg(long)]
    pub force: bool,
    /// Make every node follow the new release, although another one is on its way to some of them.
    #[arg(long)]
    pub replace: bool,
    /// How it is signed.
    #[command(flatten)]
    pub sign: SigningArgs,
}
