//! The arguments of the commands around releases that are published already.

use std::path::PathBuf;

use clap::Args;
use stringless_core::name::Name;
use stringless_core::store::Style;
use stringless_render::site::Span;

use super::args::{name, style};

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// How many releases.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The release whose content is wanted [default: the last one before with other content].
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub serial: Option<u64>,
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// How it is signed.
    #[command(flatten)]
    pub sign: SignArgs,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// The environment whose content is wanted.
    #[arg(value_parser = name)]
    pub from: Name,
    /// The environment that gets it.
    #[arg(value_parser = name)]
    pub to: Name,
    /// The release of FROM [default: the published one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub serial: Option<u64>,
    /// How it is signed.
    #[command(flatten)]
    pub sign: SignArgs,
}

/// How a release that is there already is signed once more.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// A secret key; once for each signature that the trust asks for [default: those in keys/].
    #[arg(long, short, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Sign nothing here: write what is to be signed on another machine.
    #[arg(long, conflicts_with = "key")]
    pub offline: bool,
    /// Publish although nothing changes, or although the published release is dated after now.
    #[arg(long)]
    pub force: bool,
    /// Only say what would be published.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Remove what nothing needs; without this it is only told.
    #[arg(long)]
    pub delete: bool,
    /// Releases of each environment that keep their content, before the published one.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub keep: usize,
    /// What was published or uploaded within this time stays, as 12h.
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    pub grace: Span,
    /// Another one of the site's stores [default: the first].
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Print what is kept and what goes as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mirror`.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// The store that gets the copy, s3://bucket/prefix or file:///folder: one of the site's, or any other.
    #[arg(value_name = "URL")]
    pub to: String,
    /// The one of the site's stores that is copied [default: the first].
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// An environment; once for each [default: every one that is published].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Vec<Name>,
    /// Releases of each environment that come along, before the published one [default: all].
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// The bucket's region; for s3:// stores that the site file does not name.
    #[arg(long)]
    pub region: Option<String>,
    /// https://host of another S3 service than AWS; for those, too.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Where the bucket's name goes in S3 addresses; for those, too [default: virtual].
    #[arg(long, value_parser = style, value_name = "virtual|path")]
    pub style: Option<Style>,
    /// Only say what would be copied.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was copied as JSON.
    #[arg(long)]
    pub json: bool,
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|e| e.to_string())
}
