//! The arguments of each command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use stringless_core::name::Name;
use stringless_core::store::Style;
use stringless_render::policy::Audience;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder; made when it is missing.
    pub dir: PathBuf,
    /// The site's name: part of every signature.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub site: Name,
    /// s3://bucket/prefix, or file:///folder.
    #[arg(long, value_name = "URL")]
    pub store: String,
    /// The bucket's region; needed with s3://.
    #[arg(long)]
    pub region: Option<String>,
    /// https://host of another S3 service than AWS.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Where the bucket's name goes in S3 addresses [default: virtual].
    #[arg(long, value_parser = style, value_name = "virtual|path")]
    pub style: Option<Style>,
    /// Take endpoint, region and style from this cloud's object store; `stringless list clouds` has them.
    #[arg(long, value_name = "CLOUD", conflicts_with = "endpoint")]
    pub cloud: Option<String>,
    /// With --cloud: a part of the endpoint that is the account's own.
    #[arg(long, value_name = "NAME=VALUE", requires = "cloud")]
    pub endpoint_part: Vec<String>,
    /// What applies a release on the nodes.
    #[arg(long, value_enum, default_value_t = EngineKind::Script)]
    pub engine: EngineKind,
    /// The first environment.
    #[arg(long, value_name = "E", default_value = "production", value_parser = name)]
    pub environment: Name,
    /// What the key is called.
    #[arg(long, value_name = "NAME", default_value = "release", value_parser = name)]
    pub key_name: Name,
    /// Keep the secret key without a password, protected by its file mode alone.
    #[arg(long)]
    pub no_password: bool,
    /// Trust this secret key, as `minisign -G` makes it, and make none; it stays where it is.
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    pub key: Option<PathBuf>,
    /// Only say what would be written.
    #[arg(long)]
    pub dry_run: bool,
}

/// Engines by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// A script of the release.
    Script,
    /// `puppet apply`.
    Puppet,
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// The secret key's file.
    pub path: PathBuf,
    /// Keep the secret key without a password, protected by its file mode alone.
    #[arg(long)]
    pub no_password: bool,
    /// Only say what would be written.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only this environment [default: every one].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Fetch nothing: build from what was fetched before.
    #[arg(long, visible_alias = "cached")]
    pub offline: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older release: N, or ENV:N of another environment; `published` for N is the newest one
    /// [default: published].
    #[arg(value_name = "OLD", value_parser = revision)]
    pub old: Option<Revision>,
    /// The newer release, likewise [default: what would be built].
    #[arg(value_name = "NEW", value_parser = revision)]
    pub new: Option<Revision>,
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name, conflicts_with = "all")]
    pub environment: Option<Name>,
    /// Every environment, each against what is published of it.
    #[arg(long, conflicts_with_all = ["old", "from"])]
    pub all: bool,
    /// Compare with what is published of this environment: short for ENV:published.
    #[arg(long, value_name = "ENV", value_parser = name, conflicts_with = "old")]
    pub from: Option<Name>,
    /// Fetch nothing: build from what was fetched before.
    #[arg(long, visible_alias = "cached")]
    pub offline: bool,
    /// Print only how many lines of each file change.
    #[arg(long)]
    pub stat: bool,
    /// Print the lines of your own code only; of modules of the Puppetfile, how many.
    #[arg(long, conflicts_with = "stat")]
    pub own: bool,
    /// Print the changes as JSON, without the lines.
    #[arg(long, conflicts_with_all = ["stat", "own"])]
    pub json: bool,
    /// Print it as Markdown for a comment on a pull or merge request, at most 60,000 bytes long.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Print it all at once, also on a terminal.
    #[arg(long)]
    pub no_pager: bool,
}

/// A release by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// `None`: the one that the command is about.
    pub environment: Option<Name>,
    /// `None`: the newest that is published.
    pub serial: Option<u64>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A signed document on disk: a manifest or a trust document.
    pub file: Option<PathBuf>,
    /// The environment [default: every one that is published].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `agent push`.
#[derive(Debug, Args)]
pub struct AgentPushArgs {
    /// The folder that holds TARGET/stringless-agent for each target.
    #[arg(long, value_name = "DIR", default_value = "target/agents")]
    pub from: PathBuf,
    /// Only say what would be uploaded.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the pin as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// A cloud of `stringless list clouds`, or a dialect such as garage.
    pub store: String,
    /// Whom it is for; forms that hold both need none.
    #[arg(long = "for", value_enum, value_name = "WHOM")]
    pub audience: Option<PolicyFor>,
    /// Only this environment [default: every one, also of later].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// What the store calls that party, where its policies say so.
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// policy, or where the store has them cloudformation or terraform: a whole file for bucket, role and
    /// keys [default: policy].
    #[arg(long, value_name = "FORM")]
    pub form: Option<String>,
    /// Print policy and notes as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Whom a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyFor {
    /// Machines that follow the site: they read.
    Nodes,
    /// Whoever publishes.
    Publisher,
}

impl From<PolicyFor> for Audience {
    fn from(whom: PolicyFor) -> Self {
        match whom {
            PolicyFor::Nodes => Self::Nodes,
            PolicyFor::Publisher => Self::Publisher,
        }
    }
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only these.
    #[arg(value_enum)]
    pub what: Option<Listed>,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `list` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Systems that boot.
    Distros,
    /// Places where they boot.
    Clouds,
    /// How far each pair was tested.
    Pairs,
}

pub(super) fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|e| e.to_string())
}

fn revision(text: &str) -> Result<Revision, String> {
    let (environment, serial) = match text.split_once(':') {
        Some((environment, serial)) => (Some(name(environment)?), serial),
        None => (None, text),
    };
    let digits = !serial.is_empty() && serial.bytes().all(|b| b.is_ascii_digit());
    let serial = match serial.parse() {
        _ if serial == "published" => None,
        Ok(serial) if digits && serial > 0 => Some(serial),
        _ => return Err("expected a serial, `published`, ENV:SERIAL or ENV:published".into()),
    };
    Ok(Revision { environment, serial })
}

pub(super) fn style(text: &str) -> Result<Style, String> {
    match text {
        "virtual" => Ok(Style::Virtual),
        "path" => Ok(Style::Path),
        _ => Err("expected `virtual` or `path`".into()),
    }
}
