//! A request to render, and the result.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::label::Labels;
use stringless_core::manifest::AgentFile;
use stringless_core::name::Name;
use stringless_core::signal::Signal;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;
use stringless_core::version::Version;

use crate::envelope::Attachment;
use crate::layer::Layers;
use crate::platform::{BootAgent, Cloud, Distro, Encoding, Form, Group, Platforms};
use crate::site::Site;

/// Everything that a rendering depends on: the same request gives the same bytes.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The system of the machine.
    pub distro: &'a Distro,
    /// The cloud that starts the machine.
    pub cloud: &'a Cloud,
    /// The boot agent that runs the user-data there, and accepts `form`.
    pub boot: &'a BootAgent,
    /// Boot agents of other images of the distro.
    pub also: Vec<&'a BootAgent>,
    /// The form of the user-data.
    pub form: Form,
    /// The encoding of the user-data.
    pub encoding: Encoding,
    /// Further files of the user; for the form `mime` only.
    pub with: &'a [Attachment],
    /// The tool whose file embeds the user-data; `None`: the user-data goes to the cloud directly.
    pub tool: Option<Tool>,
    /// The group of machines that the tool's file starts; `None`: one machine.
    pub group: Option<&'a Group>,
    /// What the node sends after its first run: nothing, or the signals of the group.
    pub signals: &'a [Signal],
    /// The CPU, as `uname -m` names it, for forms with a single agent; `None`: the distro's usual one.
    pub cpu: Option<&'a str>,
    /// The site's settings.
    pub site: &'a Site,
    /// The environment that the node follows.
    pub environment: &'a Name,
    /// The role of the node, in place of `node.role` and `node.role_from` of the site.
    pub role: Option<&'a Name>,
    /// Labels of the node, besides those of the site.
    pub labels: &'a Labels,
    /// The layers of other sites that the node also follows.
    pub layers: &'a Layers,
    /// The currently trusted keys.
    pub trust: TrustedKeys,
    /// The lowest serial that the node accepts: the published one.
    pub min_serial: u64,
    /// The agent to install.
    pub agent: AgentPins<'a>,
    /// For each target the signed URL of the agent; required if the first fetch is `presigned`. The result
    /// supports only CPUs that have a URL here.
    pub presigned: BTreeMap<Name, String>,
    /// Keys for nodes ([`STATIC_KEYS`]); required if `static` is the only source of credentials.
    pub static_keys: Option<Credentials>,
    /// The text of the site's `ca_file`.
    pub ca_pem: Option<String>,
    /// Whether the script restricts the cloud's metadata service to root.
    pub lock: Option<MetadataLock>,
    /// The time of rendering: a node treats an earlier clock as wrong.
    pub now: Timestamp,
    /// The version of the program that renders.
    pub tool_version: &'a str,
}

/// What the script does if it cannot restrict the metadata service to root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataLock {
    /// On a node without a firewall, the script prints a message and continues.
    Wanted,
    /// On a node without a firewall, the script fails.
    Required,
}

impl MetadataLock {
    /// The line of the script for a node without a firewall. It also shows in an older rendering which of
    /// the two was rendered.
    pub(crate) fn without_firewall(self) -> &'static str {
        match self {
            Self::Wanted => "say 'cannot lock the metadata service'",
            Self::Required => "die 'cannot lock the metadata service'",
        }
    }
}

/// How user-data reaches a distro on a cloud.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// The boot agent that runs it.
    pub boot: &'a BootAgent,
    /// Boot agents of other images of the distro.
    pub also: Vec<&'a BootAgent>,
    /// The form of the user-data.
    pub form: Form,
}

/// The group that `tool` starts on `cloud`.
///
/// # Errors
/// When the tool starts no groups there.
pub fn group(tool: Option<Tool>, cloud: &Cloud) -> Result<&Group, Fault> {
    let group = match tool {
        Some(Tool::Terraform) => cloud.terraform.as_ref().and_then(|terraform| terraform.group.as_ref()),
        Some(Tool::CloudFormation) => cloud.cloudformation.as_ref().and_then(|known| known.group.as_ref()),
        _ => {
            return Err(Fault::new("rendering a group: the user-data alone starts no machine")
                .hint("add `--as terraform` or `--as cloudformation`"));
        }
    };
    let tool = tool.map(Tool::as_str).unwrap_or_default();
    group.ok_or_else(|| {
        Fault::new(format!("rendering for {} as {tool}: no group of machines is known there", cloud.name))
            .hint("leave out `--group`, and put the user-data into a group of your own")
    })
}

/// How user-data reaches `distro` on `cloud`: in the wanted form and through the wanted boot agent (an id),
/// or in the default form and through the best boot agent.
///
/// # Errors
/// When user-data does not reach the distro there, or not in this form, or not through this boot agent.
pub fn delivery<'a>(
    platforms: &'a Platforms,
    distro: &Distro,
    cloud: &Cloud,
    form: Option<Form>,
    agent: Option<&str>,
) -> Result<Delivery<'a>, Fault> {
    let pair = format!("rendering for {} on {}", distro.name, cloud.name);
    let forms = platforms.forms(distro, cloud);
    if forms.is_empty() {
        let ids = |ids: &[Name], word| ids.iter().map(Name::as_str).collect::<Vec<_>>().join(word);
        let own = ids(&distro.boot_agents, " or ");
        return Err(Fault::new(format!(
            "{pair}: user-data does not reach the distro there, because its images run {own}"
        ))
        .hint(format!("{} gives user-data to {}", cloud.name, ids(&cloud.boot_agents, ", "))));
    }
    let is_wanted = |one: &&BootAgent| agent.is_none_or(|agent| one.id == agent);
    let taken = |form: &&Form| platforms.boot_agents(distro, cloud, Some(**form)).any(|one| is_wanted(&one));
    let Some(form) = form.or(forms.iter().find(taken).copied()) else {
        let known: Vec<&str> = platforms.boot_agents(distro, cloud, None).map(|one| &*one.id).collect();
        return Err(Fault::new(format!(
            "{pair}: no image of the distro there runs `{}`",
            agent.unwrap_or_default()
        ))
        .hint(format!("`--boot-agent` takes {}", known.join(" or "))));
    };
    let mut takers = platforms.boot_agents(distro, cloud, Some(form)).filter(is_wanted);
    match takers.next() {
        Some(boot) => Ok(Delivery { boot, also: takers.collect(), form }),
        None => {
            let by = agent.map(|agent| format!(" with `{agent}`")).unwrap_or_default();
            let known: Vec<&str> = forms.into_iter().map(Form::as_str).collect();
            Err(Fault::new(format!("{pair}: the form `{}` is not possible{by}", form.as_str()))
                .hint(format!("possible forms: {}", known.join(", "))))
        }
    }
}

impl Request<'_> {
    /// All boot agents that may run the user-data.
    pub(crate) fn boot_agents(&self) -> impl Iterator<Item = &BootAgent> {
        std::iter::once(self.boot).chain(self.also.iter().copied())
    }
}

/// The published agent that the bootstrap script pins.
#[derive(Clone, Copy, Debug)]
pub struct AgentPins<'a> {
    /// Its version.
    pub version: Version,
    /// For each target, size and hash.
    pub targets: &'a BTreeMap<Name, AgentFile>,
}

/// Rendered user-data, and notes about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData {
    /// The user-data: ASCII, with LF as the line end.
    pub text: String,
    /// The form of `text`.
    pub form: Form,
    /// The encoding of the user-data.
    pub encoding: Encoding,
    /// The bootstrap script in the text, or the whole text if its form holds no script.
    pub body: String,
    /// Explanations of the lines of `body`.
    pub parts: Vec<Part>,
    /// Notes to read before pasting.
    pub notes: Vec<String>,
}

/// Some lines of a text, with an explanation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Part {
    /// The number of the first line, from 1.
    pub line: usize,
    /// The number of lines.
    pub lines: usize,
    /// What these lines do.
    pub does: String,
}

/// A tool whose file embeds the user-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// HCL2 that makes an image.
    Packer,
    /// HCL that starts a machine.
    Terraform,
    /// YAML that starts a machine.
    CloudFormation,
    /// Shell commands for a machine that already runs.
    Curl,
    /// A NoCloud volume.
    Seed,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 5] = [Self::Packer, Self::Terraform, Self::CloudFormation, Self::Curl, Self::Seed];

    /// The name in flags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packer => "packer",
            Self::Terraform => "terraform",
            Self::CloudFormation => "cloudformation",
            Self::Curl => "curl",
            Self::Seed => "seed",
        }
    }

    /// Whether the user-data does not pass through the cloud, so that the cloud's limits do not apply.
    #[must_use]
    pub const fn goes_past_the_cloud(self) -> bool {
        matches!(self, Self::Packer | Self::Curl)
    }
}
