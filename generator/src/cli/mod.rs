//! The command line; its help text is the manual.

mod agent;
mod args;
mod build;
mod environment;
mod examples;
mod habits;
mod modules;
mod releases;
mod render;
mod trust;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub use self::agent::*;
pub use self::args::*;
pub use self::build::*;
use self::environment::VARIABLES;
pub use self::habits::{first_word, habit};
pub use self::modules::*;
pub use self::releases::*;
pub use self::render::*;
pub use self::trust::*;

/// Packs, signs and publishes configuration, and renders user-data that makes a stock cloud image follow it.
///
/// A site is a folder with the file `stringless.yaml`. The commands look for that file in the current folder, then in
/// each folder above it.
///
/// Exit codes: 0 done; 1 temporary error, try again; 2 there are changes (only `diff --exit-code`, `modules outdated` and
/// `render --check`); 3 refused; 64 wrong usage; 78 wrong configuration.
#[derive(Debug, Parser)]
#[command(name = "stringless", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = examples::PROGRAM, after_long_help = format!("{}\n\n{VARIABLES}", examples::PROGRAM))]
pub struct Cli {
    /// The site file, or the folder that holds it.
    #[arg(long, short = 'f', global = true, env = "STRINGLESS_SITE_FILE", value_name = "FILE", value_parser = path())]
    pub site_file: Option<PathBuf>,
    /// Print which stores and repositories are used, and what is tried again; with -vv, each request, too.
    #[arg(long, short = 'v', global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a site: its file, a key pair, and the first trust document.
    ///
    /// Asks for a password for the key, unless STRINGLESS_PASSWORD holds it or --no-password is given. Existing files
    /// are never overwritten.
    ///
    /// Effect: writes DIR/stringless.yaml, DIR/stringless.schema.json, DIR/keys/, DIR/trust/, DIR/.gitignore.
    #[command(after_help = examples::INIT)]
    Init(InitArgs),
    /// Make a minisign key pair.
    ///
    /// Writes the secret key to PATH with mode 0600, and the public key to PATH with the ending .pub. Keys made by
    /// `minisign -G` can be used, too.
    ///
    /// Effect: writes PATH and its .pub.
    #[command(after_help = examples::KEYGEN)]
    Keygen(KeygenArgs),
    /// Check the site, its keys and its environments, without access to the store.
    ///
    /// Effect: read-only, except for the cache .stringless/.
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// Build the packs of an environment.
    ///
    /// The same files give the same bytes on any machine. Your own code is checked as `checks` in the site file says:
    /// with the Puppet and the Ruby of this machine, where they are installed, and for the syntax of YAML, JSON and
    /// Hiera.
    ///
    /// Effect: writes to .stringless/ and --out.
    #[command(after_help = examples::BUILD)]
    Build(BuildArgs),
    /// Show what publishing would change, or what changed between two releases.
    ///
    /// Prints the modules of the Puppetfile with their versions, then the settings, then the changed lines of your own
    /// code, then those of the modules. On a terminal, PAGER shows long output.
    ///
    /// The exit code is 0 with and without changes; with --exit-code, it is 2 when there are changes.
    ///
    /// Effect: read-only, except for the cache .stringless/.
    #[command(after_help = examples::DIFF)]
    Diff(DiffArgs),
    /// Build, sign and upload a release.
    ///
    /// Reads the published release, verifies it as a node does, and signs new content under the next serial. Uploads the
    /// packs first and the pointer last; if another publisher was faster, the pointer stays. Does nothing when the
    /// content is the same and the expiry is not near. If too few keys are available here, it writes a document that is
    /// to be signed elsewhere, and exits with 1: see `submit`.
    ///
    /// Effect: writes to the first of the site's stores.
    #[command(after_help = examples::PUBLISH)]
    Publish(PublishArgs),
    /// List environments, and end one.
    #[command(subcommand, after_help = examples::ENVIRONMENTS)]
    Environments(EnvironmentsCommand),
    /// List the releases of an environment, the newest first.
    ///
    /// Shows which release nodes follow, what each release was built from, and whether its content still exists. A
    /// release marked `never published` was signed, but its publication was interrupted, or another one was faster.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::HISTORY)]
    History(HistoryArgs),
    /// Publish the content of an earlier release again.
    ///
    /// Nodes never accept a lower serial. So the old content is published under the next serial, with the apply settings
    /// of the old release. Packs that `stringless gc` removed are taken from the cache or from the site's other stores.
    /// Exits with 1 if too few keys are available here: see `submit`.
    ///
    /// Effect: writes to the first of the site's stores.
    #[command(after_help = examples::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Publish the content of one environment in another.
    ///
    /// Publishes the same packs, byte for byte, with the apply settings that the site file has for TO. Exits with 1 if
    /// too few keys are available here: see `submit`.
    ///
    /// Effect: writes to the first of the site's stores.
    #[command(after_help = examples::PROMOTE)]
    Promote(PromoteArgs),
    /// Remove packs that no release needs any more.
    ///
    /// A pack is needed by the published releases, by --keep releases before each of them, by releases and packs
    /// younger than --grace, by a publication that is running, and by documents that wait for signatures. Without
    /// --delete nothing is removed, and the size of the unneeded packs is printed. Trust documents, manifests and agents
    /// always stay. Others may publish at the same time: a publisher that needs one of these packs is stopped with a
    /// message; no release is published without all its packs.
    ///
    /// Effect: read-only; with --delete, removes packs from one of the site's stores.
    #[command(after_help = examples::GC)]
    Gc(GcArgs),
    /// Copy the published releases to another store.
    ///
    /// Verifies trust, agents, packs and releases while it copies them. The pointer of each environment is copied last,
    /// and is never replaced by an older one. Objects that the other store has already are not copied again, so a run
    /// that was interrupted can be repeated.
    ///
    /// Effect: writes to the store URL.
    #[command(after_help = examples::MIRROR)]
    Mirror(MirrorArgs),
    /// Sign the published releases again before they expire, with the same content.
    ///
    /// A release with less than a third of its lifetime left is published again under the next serial. The trust is
    /// signed first, if it expires within thirty days.
    ///
    /// Effect: writes to the first of the site's stores, and trust/N.json.
    #[command(after_help = examples::REFRESH)]
    Refresh(RefreshArgs),
    /// Publish documents that were signed elsewhere.
    ///
    /// Documents that `publish`, `refresh` and `keys` could not sign, or did not sign because of --offline, wait in
    /// .stringless/pending/. Sign a copy with `minisign -S -s KEY -m FILE -t COMMENT`, put the .minisig file beside the
    /// document, and run this command. Signatures may come one at a time; each is checked at once. Exits with 1 while
    /// signatures are missing.
    ///
    /// Effect: writes to the first of the site's stores, .stringless/pending/, and trust/N.json.
    #[command(after_help = examples::SUBMIT)]
    Submit(SubmitArgs),
    /// Show and change the keys that sign for the site.
    ///
    /// Each change makes the next version of the trust. Enough keys of the version before, and enough keys of the new
    /// version, must sign it.
    #[command(subcommand, after_help = examples::KEYS)]
    Keys(KeysCommand),
    /// Lock the modules of a Puppetfile, and show them.
    #[command(subcommand, after_help = examples::MODULES)]
    Modules(ModulesCommand),
    /// Verify the stores as a node does: trust, signatures, expiry, every pack.
    ///
    /// With FILE: verify one signed document on disk with the site's trust.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
    /// Look at everything that the site needs: keys, dates, stores, access, clocks, tools and agents.
    ///
    /// Each check says ok, warning or error, and what to do; one that fails does not keep the others from running. What
    /// a store does with writes, and whether others can write to it, can only be tried: that is done with --write. If
    /// STRINGLESS_NODE_ACCESS_KEY_ID and STRINGLESS_NODE_SECRET_ACCESS_KEY are set, it tries what nodes may do, too. The
    /// exit code is 1 if there is an error, 0 with warnings only.
    ///
    /// Effect: read-only; with --write, writes and removes a small object, and tries the same as others in each bucket.
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Upload the agent that nodes install.
    #[command(subcommand, after_help = examples::AGENT)]
    Agent(AgentCommand),
    /// Pin the packages of Puppet that nodes install.
    ///
    /// Fetches the package that adds OpenVox's repository and its signing key to a distro, checks that it is one, and
    /// records its SHA-256 and the version of openvox-agent. Keep stringless.lock.json in git. User-data installs only
    /// what is pinned. A package that has changed since it was pinned is refused without --replace.
    ///
    /// The hash is trusted on first use: pin checks no signature, so the first hash is that of whatever the server sent
    /// over HTTPS. All later packages of the node are checked with the key in this package, so compare the hash once by
    /// hand. Fetch the package on another network, and run sha256sum. An RPM also has a signature: import OpenVox's key
    /// from a source that you trust, and run rpmkeys -Kv FILE. A .deb package has none: unpack it with dpkg-deb -x, and
    /// compare the key in it by gpg --show-keys with one that you trust. Then give the hash with --sha256, or keep the pin
    /// in git. Over http:// a package is read only if its hash is given or pinned.
    ///
    /// Effect: writes stringless.lock.json.
    #[command(after_help = examples::PIN)]
    Pin(PinArgs),
    /// Print user-data for a distro on a cloud.
    ///
    /// Prints the user-data on standard output. Prints on standard error where to paste it, its size and who can read it.
    /// If the user-data must hold access keys, they are read from STRINGLESS_NODE_ACCESS_KEY_ID,
    /// STRINGLESS_NODE_SECRET_ACCESS_KEY and STRINGLESS_NODE_SESSION_TOKEN. SOURCE_DATE_EPOCH replaces the time of
    /// rendering.
    ///
    /// Effect: read-only, except for --out.
    #[command(after_help = examples::RENDER, override_usage = render::USAGE)]
    Render(RenderArgs),
    /// Print this site's layer, which other sites render into their nodes beside their own.
    ///
    /// A layer holds no secrets: it names the bucket, the trusted keys and the lowest accepted serial. See `render
    /// --layer-before`.
    ///
    /// Effect: read-only, except for --out.
    #[command(after_help = examples::LAYER)]
    Layer(LayerArgs),
    /// Write a page that makes user-data in a browser.
    ///
    /// The page needs no server and no network: open it from the disk, or put it wherever people may read it. It takes the
    /// files of a site, and nothing leaves the browser. With --with-site it holds them already. No key is ever in it.
    ///
    /// Effect: writes DIR/index.html.
    #[command(after_help = examples::WEB)]
    Web(WebArgs),
    /// Print an access policy with least privilege for nodes or publishers of the site's first store.
    ///
    /// STORE is a cloud, for its object store, or the name of a policy dialect. Prints the policy, ready to be loaded or
    /// run, on standard output; prints on standard error what the policy does, and what the store cannot express.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::POLICY)]
    Policy(PolicyArgs),
    /// List the distros, the clouds, and how far each pair was tested.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::LIST)]
    List(ListArgs),
    /// Print the JSON Schema of a file, or of what a command prints with --json.
    ///
    /// Without NAME, lists the names. `init` writes that of the site file for editors: after an upgrade, write it again.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::SCHEMA)]
    Schema(SchemaArgs),
    /// Print a completion script for a shell.
    ///
    /// The script asks `stringless` at each Tab, so it completes distros, clouds and the environments of the site file.
    /// For bash: `source <(stringless completions bash)` in ~/.bashrc.
    ///
    /// Effect: read-only.
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the service files that the packages of the agent hold.
    #[command(hide = true)]
    ServiceFiles {
        /// The folder.
        dir: PathBuf,
    },
    /// Print the manual page, or write a page for each command and for the agent into a folder.
    ///
    /// Effect: read-only, except for --out.
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Accepts an empty path: an empty variable counts as unset.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());
