//! Arguments of the commands that make releases.

use std::path::PathBuf;

use clap::Args;
use stringless_core::name::Name;

use super::args::name;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name, conflicts_with = "all")]
    pub environment: Option<Name>,
    /// Every environment.
    #[arg(long)]
    pub all: bool,
    /// Fetch nothing: build from what was fetched before.
    #[arg(long, visible_alias = "cached")]
    pub offline: bool,
    /// Copy the packs into this folder, too.
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
    /// Every environment: all are built before the first is published.
    #[arg(long)]
    pub all: bool,
    /// Fetch nothing: build from what was fetched before, as `build --offline` does.
    #[arg(long)]
    pub cached: bool,
    /// A secret key; once for each signature that the trust asks for [default: those in keys/].
    #[arg(long, short, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Sign nothing here: write what is to be signed on another machine.
    #[arg(long, conflicts_with = "key")]
    pub offline: bool,
    /// Sign again although nothing changed, or although the published release is dated after now.
    #[arg(long)]
    pub force: bool,
    /// Only say what would be published.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}
