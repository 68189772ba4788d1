//! What a person chooses, and what the site gives → user-data: the one way to it, for the command and for the page.

mod command;
mod draft;
mod failure;
mod named;
mod published;

use std::collections::BTreeMap;

use stringless_core::config::Config;
use stringless_core::fault::Fault;
use stringless_core::label::Labels;
use stringless_core::manifest::AgentPin;
use stringless_core::name::Name;
use stringless_core::signal::Signal;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;
use stringless_core::version::Version;

pub use self::failure::Failure;
pub use self::named::{clouds, environment, form, labels};
pub use self::published::Published;
use crate::agent_lock::AgentLock;
use crate::envelope::Attachment;
use crate::layer::Layers;
use crate::platform::{Cloud, Distro, Encoding, Form, Group, Platforms};
use crate::request::{AgentPins, Delivery, MetadataLock, Request, Tool, UserData, delivery, group};
use crate::site::Site;
use crate::{encoding, needs_static_keys, node_config, render};

/// What a person chooses: the arguments of `stringless render`.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The distro, by id or alias.
    pub distro: Option<String>,
    /// The cloud, by id or alias.
    pub cloud: Option<String>,
    /// The environment; `None`: the only one, or production.
    pub environment: Option<Name>,
    /// The form; `None`: what the boot agent prefers.
    pub form: Option<Form>,
    /// The boot agent, by id; `None`: the best.
    pub boot_agent: Option<String>,
    /// The encoding; `None`: what the cloud prefers.
    pub encoding: Option<Encoding>,
    /// The CPU, for forms with a single agent; `None`: the distro's usual one.
    pub cpu: Option<String>,
    /// The role of the node.
    pub role: Option<Name>,
    /// Labels of the node.
    pub labels: Labels,
    /// The user's own files, for the form `mime`.
    pub with: Vec<Attachment>,
    /// The tool whose file embeds the user-data.
    pub tool: Option<Tool>,
    /// Whether the tool starts a group of machines.
    pub group: bool,
    /// Whether the tool does not wait for the first runs of the group.
    pub no_signal: bool,
    /// The lowest serial that the node accepts; `None`: the published one.
    pub min_serial: Option<u64>,
    /// Whether the script restricts the metadata service to root.
    pub lock: Option<MetadataLock>,
    /// Whether a distro is taken whose support has ended.
    pub eol_ok: bool,
    /// Whether the user-data is only read: it installs nothing.
    pub draft: bool,
}

/// What a choice leads to, whatever the site.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The system of the machine.
    pub distro: &'a Distro,
    /// The cloud that starts it.
    pub cloud: &'a Cloud,
    /// The boot agents, and the form.
    pub delivery: Delivery<'a>,
    /// The encoding.
    pub encoding: Encoding,
    /// The group that the tool starts.
    pub group: Option<&'a Group>,
}

/// What the site and the time give.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    /// The site file, with the pins of Puppet's packages.
    pub site: &'a Site,
    /// The environment that the node follows.
    pub environment: &'a Name,
    /// The layers of other sites.
    pub layers: &'a Layers,
    /// The newest trusted keys.
    pub trust: TrustedKeys,
    /// The agent to install, as [`Choice::pin`] has it.
    pub pin: &'a AgentPin,
    /// The lowest serial that the node accepts.
    pub min_serial: u64,
    /// For each target the signed URL of the agent, if the site's first fetch is `presigned`.
    pub links: BTreeMap<Name, String>,
    /// Keys for nodes.
    pub keys: Option<Credentials>,
    /// The text of the site's `ca_file`.
    pub ca_pem: Option<String>,
    /// The time.
    pub now: Timestamp,
}

/// User-data, and all that it was made of.
#[derive(Clone, Debug)]
pub struct Rendered<'a> {
    /// The request.
    pub request: Request<'a>,
    /// The user-data.
    pub data: UserData,
    /// The node's configuration in it.
    pub node: Config,
}

impl Choice {
    /// What the choice leads to at the time `now`.
    ///
    /// # Errors
    /// When a name is unknown, the support of the distro has ended, or the choices do not fit together.
    pub fn target<'a>(&self, platforms: &'a Platforms, now: Timestamp) -> Result<Target<'a>, Failure> {
        let (distro, cloud) = named::pair(platforms, self.distro.as_deref(), self.cloud.as_deref())?;
        if let Some(eol) = distro.ended(now).filter(|_| !self.eol_ok) {
            return Err(named::ended(platforms, distro, eol).into());
        }
        let form = self.form.or((!self.with.is_empty()).then_some(Form::Mime));
        let delivery = delivery(platforms, distro, cloud, form, self.boot_agent.as_deref())?;
        let encoding = encoding::encoding(self.tool, cloud, delivery.boot, delivery.form, self.encoding)?;
        let group = if self.group { Some(group(self.tool, cloud)?) } else { None };
        Ok(Target { distro, cloud, delivery, encoding, group })
    }

    /// The agent of `site` to install on `distro`; for a draft, one that no node accepts.
    ///
    /// # Errors
    /// When no such agent was pushed.
    pub fn pin(&self, lock: &AgentLock, site: &Site, distro: &Distro) -> Result<AgentPin, Fault> {
        let pin = lock.pin(agent_version(site));
        if self.draft {
            return draft::pin(pin, distro);
        }
        pushed(pin)
    }

    /// The lowest serial that the node accepts, if nobody has to ask the store for it.
    #[must_use]
    pub fn known_serial(&self) -> Option<u64> {
        self.min_serial.or(self.draft.then_some(1))
    }

    /// The request of this choice.
    #[must_use]
    pub fn request<'a>(&'a self, target: &Target<'a>, given: &Given<'a>) -> Request<'a> {
        let Delivery { boot, also, form } = target.delivery.clone();
        let signals: &[Signal] =
            target.group.filter(|_| !self.no_signal).map_or(&[], |group| group.signal.as_slice());
        Request {
            distro: target.distro,
            cloud: target.cloud,
            boot,
            also,
            form,
            encoding: target.encoding,
            with: &self.with,
            tool: self.tool,
            group: target.group,
            signals,
            cpu: self.cpu.as_deref(),
            site: given.site,
            environment: given.environment,
            role: self.role.as_ref(),
            labels: &self.labels,
            layers: given.layers,
            trust: given.trust.clone(),
            min_serial: given.min_serial.max(1),
            agent: AgentPins { version: given.pin.version, targets: &given.pin.targets },
            presigned: if self.draft { draft::links(target.distro) } else { given.links.clone() },
            static_keys: if self.draft { Some(draft::keys()) } else { given.keys.clone() },
            ca_pem: given.ca_pem.clone(),
            lock: self.lock,
            now: given.now,
            tool_version: if self.draft { draft::VERSION } else { VERSION },
        }
    }

    /// Whether the user-data holds static keys of the store, or cannot be rendered without them.
    #[must_use]
    pub fn needs_keys<'a>(&'a self, target: &Target<'a>, given: &Given<'a>) -> bool {
        let request = Request { static_keys: Some(draft::keys()), ..self.request(target, given) };
        needs_static_keys(&request)
    }

    /// Renders this choice.
    ///
    /// # Errors
    /// Those of [`render`].
    pub fn render<'a>(&'a self, target: &Target<'a>, given: &Given<'a>) -> Result<Rendered<'a>, Failure> {
        let request = self.request(target, given);
        let mut data = render(&request)?;
        if self.draft {
            data.notes.insert(0, draft::NOTE.into());
        }
        let node = node_config(&request)?;
        Ok(Rendered { request, data, node })
    }
}

/// The agent `pin`, if it was pushed.
///
/// # Errors
/// When it has no files.
pub fn pushed(pin: AgentPin) -> Result<AgentPin, Fault> {
    if pin.targets.is_empty() {
        let message = format!("rendering: no agent {} was pushed for this site", pin.version);
        return Err(Fault::new(message).hint("`stringless agent push` uploads it and pins its hash"));
    }
    Ok(pin)
}

/// The version of the agent that nodes of `site` install: the one in the site file, or this program's own.
///
/// # Panics
/// Never: the version of this crate is three numbers.
#[must_use]
pub fn agent_version(site: &Site) -> Version {
    let own = || Version::parse(VERSION).expect("three numbers, as Cargo.toml has it");
    site.agent.version.unwrap_or_else(own)
}

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
