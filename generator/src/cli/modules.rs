//! The arguments of `modules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stringless_core::name::Name;

use super::args::name;

/// `stringless modules`.
#[derive(Debug, Subcommand)]
pub enum ModulesCommand {
    /// Resolve what the Puppetfile declares and what that needs, and write Puppetfile.lock.
    ///
    /// Takes the newest releases that fit together. With NAME: only those are looked at again, also where a
    /// release has another content than was locked; everything else stays as it is locked.
    ///
    /// Effect: writes Puppetfile.lock beside the Puppetfile, and .stringless/.
    Update(UpdateArgs),
    /// Show which locked modules have newer releases, moved, or were given up.
    ///
    /// Exits with 2 when there are any.
    ///
    /// Effect: read-only, but for the cache .stringless/.
    Outdated(OutdatedArgs),
    /// Show why a module is there: who declares it, who needs it, and in which versions.
    ///
    /// Effect: read-only.
    Why(WhyArgs),
    /// Show the locked modules as a tree of what needs what.
    ///
    /// Effect: read-only.
    Tree(TreeArgs),
}

/// Which Puppetfile is meant.
#[derive(Debug, Args)]
pub struct PuppetfileArgs {
    /// The environment whose Puppetfile is meant [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// A Puppetfile in a folder, with its lock file beside it, instead of an environment's.
    #[arg(long, value_name = "FILE")]
    pub puppetfile: Option<PathBuf>,
    /// Print it as JSON.
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
    /// Fetch nothing: take what was fetched before.
    #[arg(long)]
    pub offline: bool,
    /// Only say what would be locked.
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
