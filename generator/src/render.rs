//! (Distro, Cloud, Site) → user-data. No IO: bytes, keys and the time come in.

mod config;
mod cron;
mod document;
mod engine;
mod fetch;
mod lock;
mod notes;
mod page;
pub(crate) mod quote;
mod script;

use std::collections::BTreeMap;

use agent_core::manifest::AgentFile;
use agent_core::name::Name;
use agent_core::sigv4::Credentials;
use agent_core::time::Timestamp;
use agent_core::trust::TrustedKeys;
use agent_core::version::Version;

use self::script::Explained;
pub use self::script::Part;
pub(crate) use self::script::fill;
use crate::catalog::{BootAgent, Catalog, Cloud, Distro, Encoding, Form};
use crate::envelope::{self, Attachment};
use crate::fault::Fault;
use crate::launch::Tool;
use crate::layer::Layers;
use crate::site::{CredentialKind, Site};

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
    fn boot_agents(&self) -> impl Iterator<Item = &BootAgent> {
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

/// The environment variables of `stringless render` that hold keys for nodes: id, secret, session token.
pub const STATIC_KEYS: [&str; 3] =
    ["STRINGLESS_NODE_ACCESS_KEY_ID", "STRINGLESS_NODE_SECRET_ACCESS_KEY", "STRINGLESS_NODE_SESSION_TOKEN"];

/// The node's configuration that is rendered for `request`.
///
/// # Errors
/// As of [`render`].
pub fn node_config(request: &Request<'_>) -> Result<agent_core::config::Config, Fault> {
    config::config(request)
}

/// Renders user-data.
///
/// # Errors
/// When the request asks for what the distro or the cloud cannot do, when a pin or a key is missing,
/// and when the result is larger than the cloud takes; the hint names the setting.
pub fn render(request: &Request<'_>) -> Result<UserData, Fault> {
    let Explained { text: body, parts } = match request.form {
        Form::Script | Form::CloudConfig | Form::Mime => script::script(request)?,
        Form::Ignition | Form::Nix => document::document(request)?,
    };
    let text = envelope::wrap(request, &body)?;
    let (form, encoding) = (request.form, request.encoding);
    let notes = notes::notes(request, &body);
    Ok(UserData { text, form, encoding, body, parts, notes })
}

/// Whether the node reads its stores with credentials of that kind.
pub(crate) fn uses(request: &Request<'_>, kind: CredentialKind) -> bool {
    let private = request.site.stores.iter().any(|store| store.url.starts_with("s3://"));
    private && config::kinds(request).is_ok_and(|kinds| kinds.contains(&kind))
}

#[cfg(test)]
mod tests;
