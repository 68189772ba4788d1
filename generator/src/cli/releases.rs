//! The arguments of the commands that work with published releases.

use clap::{Args, Subcommand};
use stringless_core::name::Name;
use stringless_core::store::Style;
use stringless_render::site::Span;

use super::args::{name, style};
use super::examples;
use super::trust::SigningArgs;

/// `stringless environments`.
#[derive(Debug, Subcommand)]
pub enum EnvironmentsCommand {
    /// List the environments of the site and of its first store, and the release that nodes follow in each.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::ENVIRONMENTS_LIST)]
    List(EnvironmentsListArgs),
    /// End an environment: publish a release without content, which says so to its nodes.
    ///
    /// Nodes that follow the environment keep what they run. They get no more changes, and each run ends with an error
    /// that names the environment. `gc` no longer keeps its earlier releases. `publish` brings the environment back under
    /// the next serial. NAME may be missing from the site file, as after its branch was deleted.
    ///
    /// Effect: writes to the first of the site's stores.
    #[command(after_help = examples::ENVIRONMENTS_RETIRE)]
    Retire(RetireArgs),
}

/// Arguments of `environments list`.
#[derive(Debug, Args)]
pub struct EnvironmentsListArgs {
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `environments retire`.
#[derive(Debug, Args)]
pub struct RetireArgs {
    /// The environment.
    #[arg(value_name = "NAME", value_parser = name)]
    pub environment: Name,
    /// How the release is signed.
    #[command(flatten)]
    pub sign: SigningArgs,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// The number of releases.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Take the content of this release [default: the last earlier one with different content].
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub serial: Option<u64>,
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Publish although nothing changed, or although the date of the published release lies in the future.
    #[arg(long)]
    pub force: bool,
    /// How the release is signed.
    #[command(flatten)]
    pub sign: SigningArgs,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// The environment to copy from.
    #[arg(value_parser = name)]
    pub from: Name,
    /// The environment to publish to.
    #[arg(value_parser = name)]
    pub to: Name,
    /// The release of FROM [default: the published one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub serial: Option<u64>,
    /// Publish although nothing changed, or although the date of the published release lies in the future.
    #[arg(long)]
    pub force: bool,
    /// How the release is signed.
    #[command(flatten)]
    pub sign: SigningArgs,
}

/// Arguments of `gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Remove the packs; without this flag they are only listed.
    #[arg(long)]
    pub delete: bool,
    /// Only print what would be removed, also with --delete.
    #[arg(long)]
    pub dry_run: bool,
    /// For each environment, keep the content of this many releases before the published one.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub keep: usize,
    /// Keep packs and releases that are younger than this, for example 12h.
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    pub grace: Span,
    /// The store of the site to clean [default: the first].
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Print what is kept and what is removed as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mirror`.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// The store to copy to, s3://bucket/prefix or file:///folder: a store of the site, or any other.
    #[arg(value_name = "URL")]
    pub to: String,
    /// The store of the site to copy from [default: the first].
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// Copy this environment; repeat the flag for more [default: all that are published].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Vec<Name>,
    /// For each environment, also copy this many releases before the published one [default: all].
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// The region of the bucket, for an s3:// store that is not in the site file.
    #[arg(long)]
    pub region: Option<String>,
    /// The address of an S3 service other than AWS, https://host, for such a store.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Put the name of the bucket into the host (virtual) or into the path, for such a store [default: virtual].
    #[arg(long, value_parser = style, value_name = "virtual|path")]
    pub style: Option<Style>,
    /// Only print what would be copied.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was copied as JSON.
    #[arg(long)]
    pub json: bool,
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|e| e.to_string())
}
