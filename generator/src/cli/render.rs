//! The arguments of `render`.

use std::path::PathBuf;

use clap::Args;
use stringless_core::hash::Sha256;
use stringless_core::name::Name;
use stringless_render::platform::Encoding;
use stringless_render::request::{MetadataLock, Tool};

use super::args::name;

/// Arguments of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The distro, by id or alias; `stringless list distros` lists them.
    #[arg(required_unless_present = "check")]
    pub distro: Option<String>,
    /// The cloud, by id or alias; `stringless list clouds` lists them.
    pub cloud: Option<String>,
    /// The environment that the node follows [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// The role of the node, which engines see: for example web. It replaces `node.role` and `node.role_from` of the
    /// site file.
    #[arg(long, value_name = "ROLE", value_parser = name)]
    pub role: Option<Name>,
    /// A label of the node, which engines see: for example dc=fra1; repeat the flag for more. It replaces the same label
    /// of `node.labels`.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(Name, String)>,
    /// script, cloud-config, bootcmd, mime, ignition or nix [default: what the boot agent prefers]. bootcmd is for images
    /// that mount /var with noexec.
    #[arg(long, value_name = "FORM")]
    pub form: Option<String>,
    /// The program that runs user-data on the image, if images differ; `stringless list --json` lists the ids.
    #[arg(long, value_name = "ID")]
    pub boot_agent: Option<String>,
    /// The CPU, as `uname -m` prints it, for forms that hold one agent only [default: the usual CPU of the distro].
    #[arg(long, value_name = "CPU")]
    pub cpu: Option<String>,
    /// Allow a distro whose support has ended.
    #[arg(long)]
    pub eol_ok: bool,
    /// Add a file of your own for cloud-init; repeat the flag for more. The form becomes mime.
    #[arg(long, value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// plain, gzip, base64 or gzip+base64 [default: what the cloud prefers].
    #[arg(long, value_name = "E", value_parser = encoding)]
    pub encoding: Option<Encoding>,
    /// Print the user-data as part of a file for packer, terraform, cloudformation, curl or seed.
    #[arg(long = "as", value_name = "TOOL", value_parser = tool)]
    pub tool: Option<Tool>,
    /// With --as terraform or cloudformation: a launch template and a group of machines, which waits until the first run
    /// of each machine went well.
    #[arg(long, requires = "tool", conflicts_with = "check")]
    pub group: bool,
    /// With --group: do not wait for the first runs.
    #[arg(long, requires = "group")]
    pub no_signal: bool,
    /// With --as curl: the URL that will serve the file of --out. The machine fetches it, compares its hash, and runs it.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// With --as seed: the instance id for cloud-init, different for each machine.
    #[arg(long, value_name = "ID")]
    pub instance_id: Option<String>,
    /// The lowest serial that the node accepts [default: the published one, read from the store].
    #[arg(long, value_name = "N")]
    pub min_serial: Option<u64>,
    /// Add the layer of another site before this site's: its modules come first. Repeat the flag for more; they follow
    /// the layers of the site file.
    #[arg(long, value_name = "FILE")]
    pub layer_before: Vec<PathBuf>,
    /// Add the layer of another site after this site's.
    #[arg(long, value_name = "FILE")]
    pub layer_after: Vec<PathBuf>,
    /// Add a firewall rule (nft, else iptables) that lets only root read the metadata service, and so the user-data. A
    /// node that has neither program prints a warning; with `required` it fails.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "wanted", value_parser = lock)]
    pub lock_metadata: Option<MetadataLock>,
    /// Write the user-data to this file (mode 0600) instead of standard output; with --as seed, to this folder or .iso
    /// file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print, line by line, what the user-data will do.
    #[arg(long, conflicts_with = "out")]
    pub explain: bool,
    /// Print user-data to be read only, without asking the store: it needs no credentials, no pushed agent and no release.
    /// It installs nothing, because its agent has a hash that no file has.
    #[arg(long, conflicts_with_all = ["check", "out", "tool"])]
    pub draft: bool,
    /// Check whether the user-data in this file, rendered earlier, is out of date, and why. If it is, exit with 2.
    /// Role and labels are taken from the file: other ones in the site file do not count.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "explain", "min_serial", "environment", "role", "labels"])]
    pub check: Option<PathBuf>,
    /// With --check: ignore that a newer release is published.
    #[arg(long, requires = "check")]
    pub serial_ok: bool,
    /// Print the user-data, with its size and notes, as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `layer`.
#[derive(Debug, Args)]
pub struct LayerArgs {
    /// The environment that nodes follow [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// The lowest serial that nodes accept [default: the published one, read from the store].
    #[arg(long, value_name = "N")]
    pub min_serial: Option<u64>,
    /// Write the layer to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `web`.
#[derive(Debug, Args)]
pub struct WebArgs {
    /// The folder for the page; it is made if it is missing. Another file named index.html there is refused.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Put this site into the page: the site file, the newest trust document, stringless.lock.json, the files of
    /// `node.ca_file` and `node.layers`, and the published serial of each environment.
    #[arg(long)]
    pub with_site: bool,
}

fn encoding(text: &str) -> Result<Encoding, String> {
    let known = Encoding::ALL.into_iter().find(|encoding| encoding.as_str() == text);
    known.ok_or_else(|| format!("expected {}", Encoding::ALL.map(Encoding::as_str).join(", ")))
}

fn label(text: &str) -> Result<(Name, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((name(key)?, value.to_owned()))
}

fn lock(text: &str) -> Result<MetadataLock, String> {
    match text {
        "wanted" => Ok(MetadataLock::Wanted),
        "required" => Ok(MetadataLock::Required),
        _ => Err("expected `wanted` or `required`".into()),
    }
}

pub(super) fn tool(text: &str) -> Result<Tool, String> {
    let known = Tool::ALL.into_iter().find(|tool| tool.as_str() == text);
    known.ok_or_else(|| format!("expected {}", Tool::ALL.map(Tool::as_str).join(", ")))
}

fn sha256(text: &str) -> Result<Sha256, String> {
    Sha256::parse(text).map_err(|e| e.to_string())
}

/// Arguments of `pin`.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// The distros [default: all that OpenVox has packages for].
    #[arg(value_name = "DISTRO")]
    pub distros: Vec<String>,
    /// The version of openvox-agent [default: the pinned one, otherwise the newest that this program knows].
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Read the packages from this folder, or below this URL of a mirror, instead of fetching them from OpenVox.
    #[arg(long, value_name = "DIR|URL")]
    pub from: Option<PathBuf>,
    /// The SHA-256 that the package must have, for one distro.
    #[arg(long, value_name = "HASH", value_parser = sha256)]
    pub sha256: Option<Sha256>,
    /// Replace a pin although the package has changed.
    #[arg(long)]
    pub replace: bool,
    /// Only print what would be pinned.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was pinned as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How `render` is used.
pub(super) const USAGE: &str = "\
stringless render [OPTIONS] <DISTRO> <CLOUD>
       stringless render [OPTIONS] --check <FILE> [DISTRO CLOUD]";
