//! The arguments of `render`.

use std::path::PathBuf;

use clap::Args;
use stringless_core::name::Name;
use stringless_render::platform::Encoding;
use stringless_render::request::{Lock, Tool};

use super::args::name;

/// Arguments of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The system that boots, by id or alias; `stringless list distros` has them.
    #[arg(required_unless_present = "check", requires = "cloud")]
    pub distro: Option<String>,
    /// Where it boots; `stringless list clouds` has them.
    #[arg(required_unless_present = "check")]
    pub cloud: Option<String>,
    /// The environment that the node follows [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// script, cloud-config, mime, ignition or nix [default: what the boot agent prefers].
    #[arg(long, value_name = "FORM")]
    pub form: Option<String>,
    /// What runs user-data on the image, where that depends on it; `stringless list --json` has the ids.
    #[arg(long, value_name = "ID")]
    pub boot_agent: Option<String>,
    /// The CPU, where the form holds one agent only, as `uname -m` names it [default: the distro's usual one].
    #[arg(long, value_name = "CPU")]
    pub cpu: Option<String>,
    /// Render for a distro whose support has ended.
    #[arg(long)]
    pub eol_ok: bool,
    /// A file of your own that cloud-init gets, too; again for more. Makes the form mime.
    #[arg(long, value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// plain, gzip, base64 or gzip+base64 [default: what the cloud prefers].
    #[arg(long, value_name = "E", value_parser = encoding)]
    pub encoding: Option<Encoding>,
    /// packer, terraform, cloudformation, curl or seed: what the user-data is made a part of.
    #[arg(long = "as", value_name = "TOOL", value_parser = tool)]
    pub tool: Option<Tool>,
    /// With --as curl: where the script will be, which --out writes; it is fetched and run if it is that one.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// With --as seed: the machine's name to cloud-init, another one for each machine.
    #[arg(long, value_name = "ID")]
    pub instance_id: Option<String>,
    /// The lowest serial that the node accepts [default: the published one, asked of the store].
    #[arg(long, value_name = "N")]
    pub min_serial: Option<u64>,
    /// The layer of another site that nodes follow, too, before this one: its modules come first. Again for
    /// more, after those of the site file.
    #[arg(long, value_name = "FILE")]
    pub layer_before: Vec<PathBuf>,
    /// The same, after this one.
    #[arg(long, value_name = "FILE")]
    pub layer_after: Vec<PathBuf>,
    /// Add a firewall rule (nft, else iptables) that keeps the metadata service, and so the user-data, for
    /// root. A node that has neither says so; with `required` it fails.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "wanted", value_parser = lock)]
    pub lock_metadata: Option<Lock>,
    /// Write the user-data to this file (mode 0600) and not to standard output; with --as seed to this
    /// folder, or to this .iso.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print, line by line, what the user-data will do.
    #[arg(long, conflicts_with = "out")]
    pub explain: bool,
    /// Tell whether an older rendering, in this file, is out of date, and why; it exits with 2 then.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "explain", "min_serial", "environment"])]
    pub check: Option<PathBuf>,
    /// With --check: a newer release than the lowest that it takes is no reason.
    #[arg(long, requires = "check")]
    pub serial_ok: bool,
    /// Print user-data and what is said of it as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `layer`.
#[derive(Debug, Args)]
pub struct LayerArgs {
    /// The environment that nodes follow [default: the only one, or production].
    #[arg(long, short, value_name = "E", value_parser = name)]
    pub environment: Option<Name>,
    /// The lowest serial that nodes accept [default: the published one, asked of the store].
    #[arg(long, value_name = "N")]
    pub min_serial: Option<u64>,
    /// Write it to this file and not to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn encoding(text: &str) -> Result<Encoding, String> {
    let known = Encoding::ALL.into_iter().find(|encoding| encoding.as_str() == text);
    known.ok_or_else(|| format!("expected {}", Encoding::ALL.map(Encoding::as_str).join(", ")))
}

fn lock(text: &str) -> Result<Lock, String> {
    match text {
        "wanted" => Ok(Lock::Wanted),
        "required" => Ok(Lock::Required),
        _ => Err("expected `wanted` or `required`".into()),
    }
}

fn tool(text: &str) -> Result<Tool, String> {
    let known = Tool::ALL.into_iter().find(|tool| tool.as_str() == text);
    known.ok_or_else(|| format!("expected {}", Tool::ALL.map(Tool::as_str).join(", ")))
}
