//! The arguments of the commands for keys and signatures.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stringless_core::name::Name;
use stringless_render::site::Limit;

use super::args::name;
use super::examples;

/// `stringless keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show the trusted keys, and which secret keys are on this machine.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::KEYS_LIST)]
    List(KeysListArgs),
    /// Trust one more key.
    ///
    /// Effect: writes trust/N.json here, then to the first of the site's stores.
    #[command(after_help = examples::KEYS_ADD)]
    Add {
        /// The name of the key, for example of its owner.
        #[arg(value_parser = name)]
        name: Name,
        /// The public key: a .pub file, or its second line.
        #[arg(long, value_name = "FILE|KEY")]
        public: String,
        /// Other settings of the change.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Stop trusting a key.
    ///
    /// Its signatures no longer count: publish each environment again.
    ///
    /// Effect: writes trust/N.json here, then to the first of the site's stores.
    #[command(after_help = examples::KEYS_REMOVE)]
    Remove {
        /// The name of the key.
        #[arg(value_parser = name)]
        name: Name,
        /// Other settings of the change.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Replace a key by another one in one step, for example when it was stolen.
    ///
    /// The old key signs this change for the last time. Its earlier signatures no longer count: publish each environment
    /// again.
    ///
    /// Effect: writes trust/N.json here, then to the first of the site's stores.
    #[command(after_help = examples::KEYS_ROTATE)]
    Rotate {
        /// The name of the key.
        #[arg(value_parser = name)]
        name: Name,
        /// The new public key: a .pub file, or its second line.
        #[arg(long, value_name = "FILE|KEY")]
        public: String,
        /// Other settings of the change.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Change the fleet keys.
    #[command(subcommand, after_help = examples::KEYS_FLEET)]
    Fleet(FleetKeysCommand),
    /// Set how many keys must sign.
    ///
    /// Effect: writes trust/N.json here, then to the first of the site's stores.
    #[command(after_help = examples::KEYS_THRESHOLD)]
    Threshold {
        /// From 1 to the number of keys.
        #[arg(value_name = "N")]
        number: usize,
        /// Other settings of the change.
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// `stringless keys fleet`.
#[derive(Debug, Subcommand)]
pub enum FleetKeysCommand {
    /// Trust a fleet key, or change its duties.
    ///
    /// With a fleet key, nodes follow a head: a small document that says which release is the stable one. A fleet key
    /// signs heads, never releases, so it may be on a machine that is always on. Publish each environment afterwards.
    ///
    /// Effect: writes trust/N.json here, then to the first of the site's stores.
    #[command(after_help = examples::KEYS_FLEET_ADD)]
    Add {
        /// The name of the key, for example of the machine that has it.
        #[arg(value_parser = name)]
        name: Name,
        /// The public key: a .pub file, or its second line.
        #[arg(long, value_name = "FILE|KEY")]
        public: String,
        /// What the key may sign: head, record, sealed or launch, separated by commas [default: all].
        #[arg(long, value_name = "DUTY", value_delimiter = ',')]
        may: Vec<String>,
        /// Other settings of the change.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Stop trusting a fleet key.
    ///
    /// What it signed no longer counts: publish each environment again. Without any fleet key, nodes follow the newest
    /// release, as before.
    ///
    /// Effect: writes trust/N.json here, then to the first of the site's stores.
    #[command(after_help = examples::KEYS_FLEET_REMOVE)]
    Remove {
        /// The name of the key.
        #[arg(value_parser = name)]
        name: Name,
        /// Other settings of the change.
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

/// How a command that publishes or changes the keys signs.
#[derive(Debug, Args)]
pub struct SigningArgs {
    /// A secret key; repeat it for each signature that the trust requires [default: those in keys/].
    #[arg(long, short, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Sign nothing here: write the document that is to be signed on another machine.
    #[arg(long, conflicts_with = "key")]
    pub offline: bool,
    /// Only print what would be signed and written.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Settings of every change of the keys.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The lowest serial that nodes accept for an environment; repeat the flag for more [default: the published one].
    #[arg(long, value_name = "E=N", value_parser = serial)]
    pub min_serial: Vec<(Name, u64)>,
    /// The trust expires after this time, for example 52w, or `never` [default: as before].
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    pub expires: Option<Limit>,
    /// How the documents are signed.
    #[command(flatten)]
    pub sign: SigningArgs,
}

/// Arguments of `refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// The environment [default: every one that is published].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Sign the releases even if they do not expire soon.
    #[arg(long)]
    pub force: bool,
    /// Sign the trust even if it does not expire soon.
    #[arg(long)]
    pub trust: bool,
    /// The new trust expires after this time, for example 52w, or `never`; implies --trust [default: a year, if the trust
    /// expires at all].
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    pub expires: Option<Limit>,
    /// The lowest serial that nodes accept for an environment under the new trust; implies --trust.
    #[arg(long, value_name = "E=N", value_parser = serial)]
    pub min_serial: Vec<(Name, u64)>,
    /// How the documents are signed.
    #[command(flatten)]
    pub sign: SigningArgs,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// Only print what would be published, and which signatures are missing.
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
