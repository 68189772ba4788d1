//! The arguments of `modules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stringless_core::name::Name;

use super::args::name;
use super::examples;

/// `stringless modules`.
#[derive(Debug, Subcommand)]
pub enum ModulesCommand {
    /// Resolve the modules of the Puppetfile and their dependencies, and write Puppetfile.lock.
    ///
    /// Takes the newest releases that fit together. With NAME, only these modules are updated, also when the content of
    /// a locked release changed; the others stay locked as they are.
    ///
    /// Effect: writes Puppetfile.lock beside the Puppetfile, and to .stringless/.
    #[command(after_help = examples::MODULES_UPDATE)]
    Update(UpdateArgs),
    /// Show which locked modules have newer releases, moved, or are deprecated.
    ///
    /// The exit code is 2 when there are any.
    ///
    /// Effect: read-only, except for the cache .stringless/.
    #[command(after_help = examples::MODULES_OUTDATED)]
    Outdated(OutdatedArgs),
    /// Show why a module is locked: where it is declared, which modules need it, and in which versions.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::MODULES_WHY)]
    Why(WhyArgs),
    /// Show the locked modules as a tree of dependencies.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::MODULES_TREE)]
    Tree(TreeArgs),
}

/// Which Puppetfile to use.
#[derive(Debug, Args)]
pub struct PuppetfileArgs {
    /// Use the Puppetfile of this environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Use this Puppetfile, and the lock file beside it, instead of an environment's.
    #[arg(long, value_name = "FILE")]
    pub puppetfile: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `modules update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Modules, as the Puppetfile or the lock file names them [default: all].
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Which Puppetfile.
    #[command(flatten)]
    pub which: PuppetfileArgs,
    /// Fetch nothing: use what was fetched earlier.
    #[arg(long)]
    pub offline: bool,
    /// Only print what would be locked.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `modules outdated`.
#[derive(Debug, Args)]
pub struct OutdatedArgs {
    /// Which Puppetfile.
    #[command(flatten)]
    pub which: PuppetfileArgs,
}

/// Arguments of `modules why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The module: `author/name`, or the name alone.
    pub name: String,
    /// Which Puppetfile.
    #[command(flatten)]
    pub which: PuppetfileArgs,
}

/// Arguments of `modules tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// Which Puppetfile.
    #[command(flatten)]
    pub which: PuppetfileArgs,
}
