//! The arguments of the commands around keys and signatures.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stringless_core::name::Name;
use stringless_render::site::Limit;

use super::args::name;

/// `stringless keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show the keys that count, and whether their secret halves are here.
    ///
    /// Effect: read-only.
    List(KeysListArgs),
    /// Let one key more sign.
    ///
    /// Effect: writes trust/N.json here, then into the first of the site's stores.
    Add {
        /// What the key is called: whose it is.
        #[arg(value_parser = name)]
        name: Name,
        /// The public key: a .pub file, or its second line.
        #[arg(long, value_name = "FILE|KEY")]
        public: String,
        /// What goes with it.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Let a key sign no more.
    ///
    /// What it signed does not count from then on: publish each environment again.
    ///
    /// Effect: writes trust/N.json here, then into the first of the site's stores.
    Remove {
        /// What the key is called.
        #[arg(value_parser = name)]
        name: Name,
        /// What goes with it.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Put another key in the place of one, in one step: what to do when it was stolen.
    ///
    /// The old key signs for its successor once more. What it signed before does not count from then on:
    /// publish each environment again.
    ///
    /// Effect: writes trust/N.json here, then into the first of the site's stores.
    Rotate {
        /// What the key is called.
        #[arg(value_parser = name)]
        name: Name,
        /// The new public key: a .pub file, or its second line.
        #[arg(long, value_name = "FILE|KEY")]
        public: String,
        /// What goes with it.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Set how many keys must sign.
    ///
    /// Effect: writes trust/N.json here, then into the first of the site's stores.
    Threshold {
        /// From 1 to the number of keys.
        #[arg(value_name = "N")]
        number: usize,
        /// What goes with it.
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// Arguments of `keys list`.
#[derive(Debug, Args)]
pub struct KeysListArgs {
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What goes with every change of the keys.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The serial that an environment goes on from; once for each [default: the published one].
    #[arg(long, value_name = "E=N", value_parser = serial)]
    pub min_serial: Vec<(Name, u64)>,
    /// From when on the trust is no longer accepted as new, as 52w, or `never` [default: as before].
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    pub expires: Option<Limit>,
    /// A secret key; once for each signature that is needed [default: those in keys/].
    #[arg(long, short, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Sign nothing here: write what is to be signed on another machine.
    #[arg(long, conflicts_with = "key")]
    pub offline: bool,
    /// Only say what would be written.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// The environment [default: every one that is published].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Sign the releases although their expiry is not near.
    #[arg(long)]
    pub force: bool,
    /// Sign the trust although its expiry is not near.
    #[arg(long)]
    pub trust: bool,
    /// How long the trust counts from now on, as 52w, or `never`; as --trust [default: a year, if it expires at all].
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    pub expires: Option<Limit>,
    /// The serial that an environment goes on from under the new trust; as --trust.
    #[arg(long, value_name = "E=N", value_parser = serial)]
    pub min_serial: Vec<(Name, u64)>,
    /// A secret key; once for each signature that is needed [default: those in keys/].
    #[arg(long, short, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Sign nothing here: write what is to be signed on another machine.
    #[arg(long, conflicts_with = "key")]
    pub offline: bool,
    /// Only say what would be signed.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// Only say what would be published, and what is missing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

fn limit(text: &str) -> Result<Limit, String> {
    Limit::try_from(text.to_owned()).map_err(|e| e.to_string())
}

fn serial(text: &str) -> Result<(Name, u64), String> {
    let (environment, number) = text.split_once('=').ok_or("expected `ENVIRONMENT=NUMBER`")?;
    let number = number.parse().map_err(|e| format!("`{number}`: {e}"))?;
    Ok((name(environment)?, number))
}
