//! The command line; its help text is the manual.

mod args;
mod build;
mod modules;
mod releases;
mod render;
mod trust;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub use self::args::*;
pub use self::build::*;
pub use self::modules::*;
pub use self::releases::*;
pub use self::render::*;
pub use self::trust::*;

/// Packs, signs and publishes configuration, and renders the user-data that makes a stock cloud image
/// follow it.
///
/// A site is a folder with `stringless.yaml`. The commands read it from this folder or the nearest one
/// above it.
///
/// Exit codes: 0 done; 1 temporary, run again; 2 only `diff`, `modules outdated` and `render --check`: there are
/// changes; 3 refused; 64 usage; 78 configuration.
#[derive(Debug, Parser)]
#[command(name = "stringless", version, styles = STYLES, max_term_width = 100, after_long_help = VARIABLES)]
pub struct Cli {
    /// The site file, or its folder.
    #[arg(long, short = 'f', global = true, env = "STRINGLESS_SITE_FILE", value_name = "FILE", value_parser = path())]
    pub site_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a site: its file, a key pair, and the first trust document.
    ///
    /// Asks for a password for the key, unless STRINGLESS_PASSWORD holds it or --no-password is given.
    /// Nothing that exists is written over.
    ///
    /// Effect: writes DIR/stringless.yaml, DIR/keys/, DIR/trust/, DIR/.gitignore.
    Init(InitArgs),
    /// Make a minisign key pair.
    ///
    /// The secret key is written to PATH with mode 0600, the public key beside it, ending in .pub.
    /// Keys made by `minisign -G` are as good.
    ///
    /// Effect: writes PATH and its .pub.
    Keygen(KeygenArgs),
    /// Validate everything that can be validated without the store.
    ///
    /// Effect: read-only, but for the cache .stringless/.
    Check(CheckArgs),
    /// Make the packs of an environment.
    ///
    /// The same tree gives the same bytes, on any machine. Your own code is checked as `checks` in the site
    /// file says: by what is here of Puppet and Ruby, and for the syntax of YAML, JSON and Hiera.
    ///
    /// Effect: writes .stringless/, and --out.
    Build(BuildArgs),
    /// Show what publishing would change, or what changed between two releases.
    ///
    /// Modules of the Puppetfile with their versions come first, then settings, then the lines of your
    /// own code, then those of the modules. On a terminal, PAGER shows what is longer than it.
    ///
    /// Exits with 2 when there are changes.
    ///
    /// Effect: read-only, but for the cache .stringless/.
    Diff(DiffArgs),
    /// Build, sign and upload a release.
    ///
    /// Reads what is published, verifies it as a node would, and signs what is new under the next
    /// serial. Packs go first and the pointer last, on condition that nobody else published meanwhile.
    /// Does nothing when nothing changed and the expiry is not near. Where the keys at hand are too few, it
    /// writes what is to be signed elsewhere, and exits with 1; see `submit`.
    ///
    /// Effect: writes to the first of the site's stores.
    Publish(PublishArgs),
    /// List the releases of an environment, the newest first.
    ///
    /// Which one nodes follow, what each was built from, and whether its content is still there. What is
    /// `never published` was signed, and its publication cut off or overtaken.
    ///
    /// Effect: read-only.
    History(HistoryArgs),
    /// Publish the content of an earlier release again.
    ///
    /// Serials only rise, and nodes take no older one: the old content goes out under the next serial, with
    /// the apply settings of its day. What `stringless gc` removed is looked for in the cache and in the
    /// site's other stores. Exits with 1 where the keys at hand are too few; see `submit`.
    ///
    /// Effect: writes to the first of the site's stores.
    Rollback(RollbackArgs),
    /// Publish the content of one environment in another.
    ///
    /// The same packs, byte for byte, with the apply settings that the site file has for TO. Exits with 1
    /// where the keys at hand are too few; see `submit`.
    ///
    /// Effect: writes to the first of the site's stores.
    Promote(PromoteArgs),
    /// Remove packs that nothing needs any more.
    ///
    /// Needed is what the store's environments publish, what so many releases before hold, what was
    /// published or uploaded lately, what a publication under way or a signature to come waits for. Without
    /// --delete nothing is removed, and the bytes are told. Trust documents, the history of serials and
    /// agents always stay. Other publishers may go on meanwhile: who needs what is being removed is told so,
    /// and nothing is published that lacks a pack.
    ///
    /// Effect: read-only; with --delete, removes packs from one of the site's stores.
    Gc(GcArgs),
    /// Copy what is published to another store.
    ///
    /// Trust, agents, packs and releases are verified while they are copied; each environment's pointer
    /// comes after what it needs, and never goes back. What is there already stays: cut off, it goes on
    /// where it was.
    ///
    /// Effect: writes to the store URL.
    Mirror(MirrorArgs),
    /// Sign what is published again, before its date, with the same content.
    ///
    /// Each release of which a third of its life is left goes out under the next serial. The trust is
    /// signed first, from thirty days before its date.
    ///
    /// Effect: writes to the first of the site's stores, and trust/N.json.
    Refresh(RefreshArgs),
    /// Publish what was signed elsewhere.
    ///
    /// What `publish`, `refresh` and `keys` could not sign, or were told not to by --offline, waits in
    /// .stringless/pending/. Sign a copy of it with `minisign -S -s KEY -m FILE -t COMMENT`, put the
    /// .minisig beside it, and run this. Signatures may come one at a time; each is checked at once.
    /// Exits with 1 while some are missing.
    ///
    /// Effect: writes to the first of the site's stores, .stringless/pending/, and trust/N.json.
    Submit(SubmitArgs),
    /// The keys that sign for the site: show and change them.
    ///
    /// Each change is the next version of the trust, signed by enough keys of the version before and
    /// enough of its own.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The modules of a Puppetfile: lock them, and ask about them.
    #[command(subcommand)]
    Modules(ModulesCommand),
    /// Read the stores as a node would: trust, signatures, expiry, every pack.
    ///
    /// With FILE: verify one signed document on disk by the site's trust.
    ///
    /// Effect: read-only.
    Verify(VerifyArgs),
    /// The agent that nodes install.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Print user-data for a distro on a cloud.
    ///
    /// What is to be pasted goes to standard output; where to, its size and who can read it to standard
    /// error. Keys that the user-data must hold are read from STRINGLESS_NODE_ACCESS_KEY_ID,
    /// STRINGLESS_NODE_SECRET_ACCESS_KEY and STRINGLESS_NODE_SESSION_TOKEN. SOURCE_DATE_EPOCH stands in
    /// for the time of rendering.
    ///
    /// Effect: read-only, but for --out.
    Render(RenderArgs),
    /// Print this site's layer, which others render into their nodes beside their own.
    ///
    /// It is public: where the bucket is, the keys that are trusted, the lowest serial that counts. See
    /// `render --layer-before`.
    ///
    /// Effect: read-only, but for --out.
    Layer(LayerArgs),
    /// Print what nodes and publishers may do, in the words of a store: least privilege for the site's bucket.
    ///
    /// STORE is a cloud, whose object store is meant, or a dialect of its own. What is to be loaded or run
    /// goes to standard output; what it is, and what the store cannot express, to standard error. The
    /// first of the site's stores is meant.
    ///
    /// Effect: read-only.
    Policy(PolicyArgs),
    /// List the distros and clouds, and how far each pair was tested.
    ///
    /// Effect: read-only.
    List(ListArgs),
    /// Print a completion script for a shell.
    ///
    /// Effect: read-only.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, or write one page per command into a folder.
    ///
    /// Effect: read-only, but for --out.
    Man {
        /// The folder.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `stringless agent`.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Upload agent binaries and pin them.
    ///
    /// A version's binaries never change: another file under the same version is refused.
    ///
    /// Effect: writes to the first of the site's stores, and stringless.lock.json.
    Push(AgentPushArgs),
}

/// A path that may be empty: an empty variable is none.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

const VARIABLES: &str = "\
Environment:
  STRINGLESS_SITE_FILE   as --site-file
  STRINGLESS_PASSWORD    the password of secret keys; nobody is asked then
  STRINGLESS_FORGE_TOKEN what a forge asks for before it answers
  STRINGLESS_CA_FILE     a PEM file of authorities that count beside the built-in ones
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                         keys for s3:// stores; else those of the profile AWS_PROFILE in
                         AWS_SHARED_CREDENTIALS_FILE [~/.aws/credentials] or AWS_CONFIG_FILE
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                         the way to the stores
  PAGER                  what shows a long `diff` on a terminal [less -R]; `cat`: nothing does
  NO_COLOR               plain output";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());
