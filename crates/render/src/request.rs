//! What is asked of a rendering, and what comes out.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::manifest::AgentFile;
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;
use stringless_core::version::Version;

use crate::envelope::Attachment;
use crate::layer::Layers;
use crate::platform::{BootAgent, Catalog, Cloud, Distro, Encoding, Form};
use crate::site::Site;

/// All that one rendering depends on; the same request gives the same bytes.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The system that boots.
    pub distro: &'a Distro,
    /// Where it boots.
    pub cloud: &'a Cloud,
    /// What runs the user-data there, and takes `form`.
    pub boot: &'a BootAgent,
    /// What runs it on other images of the distro.
    pub also: Vec<&'a BootAgent>,
    /// The form.
    pub form: Form,
    /// How it is handed over.
    pub encoding: Encoding,
    /// Files of its user's own, which go with it; for the form `mime` only.
    pub with: &'a [Attachment],
    /// What it becomes a part of; `None`: it goes to the cloud as it is.
    pub tool: Option<Tool>,
    /// The CPU, as `uname -m` names it, where the form holds one agent only; `None`: the distro's usual one.
    pub cpu: Option<&'a str>,
    /// The site's settings.
    pub site: &'a Site,
    /// The environment that the node follows.
    pub environment: &'a Name,
    /// The layers of other sites that the node follows, too.
    pub layers: &'a Layers,
    /// The keys that count now.
    pub trust: TrustedKeys,
    /// The lowest serial that the node takes: the published one.
    pub min_serial: u64,
    /// The agent to install.
    pub agent: AgentPins<'a>,
    /// Per target the signed URL of the agent; needed where the first fetch is `presigned`. Only CPUs
    /// that have one are rendered for.
    pub presigned: BTreeMap<Name, String>,
    /// Keys for nodes ([`STATIC_KEYS`]); needed where `static` is all that the cloud can offer.
    pub static_keys: Option<Credentials>,
    /// The text of the site's `ca_file`.
    pub ca_pem: Option<String>,
    /// Whether the script keeps the cloud's metadata service for root.
    pub lock: Option<Lock>,
    /// The time of rendering: the node's clock is never taken to be earlier.
    pub now: Timestamp,
}

/// How much it matters that the metadata service is kept for root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Where the node has no firewall for it, the script says so and goes on.
    Wanted,
    /// Where it has none, the script fails.
    Required,
}

impl Lock {
    /// What the script does where the node has no firewall for it. It is also how an older rendering tells.
    pub(crate) fn without_firewall(self) -> &'static str {
        match self {
            Self::Wanted => "say 'cannot lock the metadata service (reason above)'",
            Self::Required => "die 'cannot lock the metadata service (reason above)'",
        }
    }
}

/// How user-data reaches a distro on a cloud.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// What runs it.
    pub boot: &'a BootAgent,
    /// What runs it on other images of that distro.
    pub also: Vec<&'a BootAgent>,
    /// The form.
    pub form: Form,
}

/// How user-data reaches `distro` on `cloud`: in the form that is wanted and by the boot agent that is (an
/// id), else in the default form by the best.
///
/// # Errors
/// When user-data does not reach the distro there, or not in that form, or not by that agent.
pub fn way<'a>(
    catalog: &'a Catalog,
    distro: &Distro,
    cloud: &Cloud,
    form: Option<Form>,
    agent: Option<&str>,
) -> Result<Way<'a>, Fault> {
    let pair = format!("rendering for {} on {}", distro.name, cloud.name);
    let forms = catalog.forms(distro, cloud);
    if forms.is_empty() {
        let ids = |ids: &[Name], word| ids.iter().map(Name::as_str).collect::<Vec<_>>().join(word);
        let own = ids(&distro.boot_agents, " or ");
        return Err(Fault::new(format!(
            "{pair}: user-data does not reach it there, as its images run {own}"
        ))
        .hint(format!("{} hands user-data to {}", cloud.name, ids(&cloud.boot_agents, ", "))));
    }
    let is_wanted = |one: &&BootAgent| agent.is_none_or(|agent| one.id == agent);
    let taken = |form: &&Form| catalog.boot_agents(distro, cloud, Some(**form)).any(|one| is_wanted(&one));
    let Some(form) = form.or(forms.iter().find(taken).copied()) else {
        let known: Vec<&str> = catalog.boot_agents(distro, cloud, None).map(|one| &*one.id).collect();
        return Err(Fault::new(format!("{pair}: no image of it there runs `{}`", agent.unwrap_or_default()))
            .hint(format!("`--boot-agent` takes {}", known.join(" or "))));
    };
    let mut takers = catalog.boot_agents(distro, cloud, Some(form)).filter(is_wanted);
    match takers.next() {
        Some(boot) => Ok(Way { boot, also: takers.collect(), form }),
        None => {
            let by = agent.map(|agent| format!(" by `{agent}`")).unwrap_or_default();
            let known: Vec<&str> = forms.into_iter().map(Form::as_str).collect();
            Err(Fault::new(format!("{pair}: it does not take the form `{}`{by}", form.as_str()))
                .hint(format!("forms that it takes: {}", known.join(", "))))
        }
    }
}

impl Request<'_> {
    /// Everything that may run it.
    pub(crate) fn boot_agents(&self) -> impl Iterator<Item = &BootAgent> {
        std::iter::once(self.boot).chain(self.also.iter().copied())
    }
}

/// The published agent, as the bootstrap pins it.
#[derive(Clone, Copy, Debug)]
pub struct AgentPins<'a> {
    /// Its version.
    pub version: Version,
    /// Per target size and hash.
    pub targets: &'a BTreeMap<Name, AgentFile>,
}

/// What is pasted, and what is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData {
    /// ASCII, LF.
    pub text: String,
    /// The form of `text`.
    pub form: Form,
    /// How it is handed over.
    pub encoding: Encoding,
    /// What does the work: the bootstrap script inside, or the whole text where it is no script.
    pub body: String,
    /// What each line of `body` will do.
    pub parts: Vec<Part>,
    /// What its user should know before pasting it.
    pub notes: Vec<String>,
}

/// Some lines of a text, and what they will do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// The number of the first line, from 1.
    pub line: usize,
    /// The number of lines.
    pub lines: usize,
    /// What they will do.
    pub does: String,
}

/// What takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// HCL2 that makes an image.
    Packer,
    /// HCL that starts a machine.
    Terraform,
    /// YAML that starts one.
    CloudFormation,
    /// Lines for the shell of a machine that runs already.
    Curl,
    /// A NoCloud volume.
    Seed,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 5] = [Self::Packer, Self::Terraform, Self::CloudFormation, Self::Curl, Self::Seed];

    /// As it is written in flags.
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

    /// Whether the user-data does not pass through the cloud: then its limits do not count.
    #[must_use]
    pub const fn goes_past_the_cloud(self) -> bool {
        matches!(self, Self::Packer | Self::Curl)
    }
}
