//! The arguments of each command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use stringless_core::name::Name;
use stringless_core::store::Style;
use stringless_render::policy::Audience;
use stringless_render::request::Tool;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder of the site; it is created if it is missing.
    pub dir: PathBuf,
    /// The name of the site, which is part of every signature.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub site: Name,
    /// The store to publish to: s3://bucket/prefix or file:///folder.
    #[arg(long, value_name = "URL")]
    pub store: String,
    /// The region of the bucket; required with s3://.
    #[arg(long)]
    pub region: Option<String>,
    /// The address of an S3 service other than AWS: https://host.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Put the name of the bucket into the host (virtual) or into the path of S3 addresses [default: virtual].
    #[arg(long, value_parser = style, value_name = "virtual|path")]
    pub style: Option<Style>,
    /// Take endpoint, region and style from the object store of this cloud; `stringless list clouds` lists clouds.
    #[arg(long, value_name = "CLOUD", conflicts_with = "endpoint")]
    pub cloud: Option<String>,
    /// With --cloud: a part of the endpoint that belongs to your account.
    #[arg(long, value_name = "NAME=VALUE", requires = "cloud")]
    pub endpoint_part: Vec<String>,
    /// The engine that applies a release on the nodes.
    #[arg(long, value_enum, default_value_t = EngineKind::Script)]
    pub engine: EngineKind,
    /// The first environment.
    #[arg(long, value_name = "E", default_value = "production", value_parser = name)]
    pub environment: Name,
    /// The name of the key.
    #[arg(long, value_name = "NAME", default_value = "release", value_parser = name)]
    pub key_name: Name,
    /// Store the secret key without a password, protected only by its file mode.
    #[arg(long)]
    pub no_password: bool,
    /// Trust this existing secret key, as `minisign -G` makes it, and make no new one. The file stays where it is.
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    pub key: Option<PathBuf>,
    /// Only print what would be written.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also try what needs writing.
    #[arg(long)]
    pub write: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The name of the schema, for example site.
    pub name: Option<String>,
}

/// Engines by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// A script in the release.
    Script,
    /// `puppet apply`.
    Puppet,
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// The file for the secret key.
    pub path: PathBuf,
    /// Store the secret key without a password, protected only by its file mode.
    #[arg(long)]
    pub no_password: bool,
    /// Only print what would be written.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only this environment [default: all].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Fetch nothing: build from what was fetched earlier.
    #[arg(long, visible_alias = "cached")]
    pub offline: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older release: a serial N, or ENV:N of another environment; `published` instead of N means the published
    /// release [default: published].
    #[arg(value_name = "OLD", value_parser = revision)]
    pub old: Option<Revision>,
    /// The newer release, in the same form [default: a new build].
    #[arg(value_name = "NEW", value_parser = revision)]
    pub new: Option<Revision>,
    /// The environment [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name, conflicts_with = "all")]
    pub environment: Option<Name>,
    /// Compare every environment with its own published release.
    #[arg(long, conflicts_with_all = ["old", "from"])]
    pub all: bool,
    /// Compare with the published release of this environment; the same as ENV:published.
    #[arg(long, value_name = "ENV", value_parser = name, conflicts_with = "old")]
    pub from: Option<Name>,
    /// Fetch nothing: build from what was fetched earlier.
    #[arg(long, visible_alias = "cached")]
    pub offline: bool,
    /// Print only the number of changed lines of each file.
    #[arg(long)]
    pub stat: bool,
    /// Print the changed lines of your own code only, and their number for modules of the Puppetfile.
    #[arg(long, conflicts_with = "stat")]
    pub own: bool,
    /// Print the changes as JSON, without the changed lines.
    #[arg(long, conflicts_with_all = ["stat", "own"])]
    pub json: bool,
    /// Print Markdown for a comment on a pull or merge request, at most 60,000 bytes long.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Exit with 2 if there are changes.
    #[arg(long)]
    pub exit_code: bool,
    /// Do not start a pager on a terminal.
    #[arg(long)]
    pub no_pager: bool,
}

/// A release by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// `None`: the environment that the command is about.
    pub environment: Option<Name>,
    /// `None`: the published release.
    pub serial: Option<u64>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A signed document on disk: a manifest or a trust document.
    pub file: Option<PathBuf>,
    /// Only this environment [default: all that are published].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// A cloud of `stringless list clouds`, or the name of a dialect such as garage.
    pub store: String,
    /// Who gets the policy; not needed for forms that hold both policies.
    #[arg(long = "for", value_enum, value_name = "WHOM")]
    pub audience: Option<PolicyFor>,
    /// Only this environment [default: all, future ones included].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// The name of the nodes or publishers in the store, for stores whose policies contain it.
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// Let the nodes say how their first run ended, to the groups of `render --as TOOL --group`: terraform or
    /// cloudformation.
    #[arg(long, value_name = "TOOL", value_parser = super::render::tool)]
    pub group: Option<Tool>,
    /// policy; or, where the store supports them, cloudformation or terraform: a complete file for bucket, role and keys
    /// [default: policy].
    #[arg(long, value_name = "FORM")]
    pub form: Option<String>,
    /// Print policy and notes as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Who gets a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyFor {
    /// Machines that follow the site: they only read.
    Nodes,
    /// People or jobs that publish.
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
    /// List only these.
    #[arg(value_enum)]
    pub what: Option<Listed>,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `list` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Operating systems.
    Distros,
    /// Clouds, and other places where machines boot.
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
