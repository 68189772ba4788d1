//! (Distro, Cloud, Site) → user-data. No IO: bytes, keys and the time come in.

mod config;
mod engine;
mod fetch;
mod page;
pub(crate) mod quote;

use std::collections::BTreeMap;

use agent_core::manifest::AgentFile;
use agent_core::name::Name;
use agent_core::sigv4::Credentials;
use agent_core::time::Timestamp;
use agent_core::trust::TrustedKeys;
use agent_core::version::Version;
use tera::{Context, Tera};

use self::page::Page;
use crate::catalog::{self, Cloud, Distro, Form};
use crate::envelope;
use crate::fault::Fault;
use crate::site::{CredentialKind, FirstFetch, Site};

/// All that one rendering depends on; the same request gives the same bytes.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The system that boots.
    pub distro: &'a Distro,
    /// Where it boots.
    pub cloud: &'a Cloud,
    /// The site's settings.
    pub site: &'a Site,
    /// The environment that the node follows.
    pub environment: &'a Name,
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
    /// The time of rendering: the node's clock is never taken to be earlier.
    pub now: Timestamp,
    /// The form; `None` is the cloud's default.
    pub form: Option<Form>,
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
    /// The bootstrap script inside.
    pub script: String,
    /// What its user should know before pasting it.
    pub notes: Vec<String>,
}

/// The environment variables of `stringless render` that hold keys for nodes: id, secret, session token.
pub const STATIC_KEYS: [&str; 3] =
    ["STRINGLESS_NODE_ACCESS_KEY_ID", "STRINGLESS_NODE_SECRET_ACCESS_KEY", "STRINGLESS_NODE_SESSION_TOKEN"];

/// Renders user-data.
///
/// # Errors
/// When the request asks for what the distro or the cloud cannot do, when a pin or a key is missing,
/// and when the result is larger than the cloud takes; the hint names the setting.
pub fn render(request: &Request<'_>) -> Result<UserData, Fault> {
    let form = request.form.unwrap_or(request.cloud.forms[0]);
    if !request.cloud.forms.contains(&form) {
        let taken: Vec<&str> = request.cloud.forms.iter().map(|form| form.as_str()).collect();
        return Err(Fault::new(format!(
            "rendering for {}: it does not take the form `{}`",
            request.cloud.name,
            form.as_str()
        ))
        .hint(format!("forms that it takes: {}", taken.join(", "))));
    }
    let engine = templates()?;
    let page = Page::of(request)?;
    let mut context = Context::from_serialize(&page).map_err(|error| broken(&error))?;
    let schedule = match page.schedule_template(request) {
        Some(name) => engine.render(&name, &context).map_err(|error| broken(&error))?,
        None => String::new(),
    };
    context.insert("schedule_functions", schedule.trim_end());
    let family = format!("families/{}.tera", request.distro.family);
    let script = engine.render(&family, &context).map_err(|error| broken(&error))?;
    check_text(&script)?;
    let text = envelope::wrap(form, &script);
    envelope::check_size(request, form, &script, &text)?;
    Ok(UserData { text, form, script, notes: notes(request) })
}

/// What to know before pasting: the cloud's notes, which are about private stores, and what holds for
/// this rendering alone.
fn notes(request: &Request<'_>) -> Vec<String> {
    let (distro, cloud) = (request.distro, request.cloud);
    let stores = &request.site.stores;
    let private = stores.iter().any(|store| store.url.starts_with("s3://"));
    let mut notes = if private { cloud.notes.clone() } else { Vec::new() };
    // Both are written so that their order is that of time.
    if request.now.to_string()[..10] > distro.eol[..] {
        notes.push(format!("the support of {} ended on {}", distro.name, distro.eol));
    }
    if private && config::kinds(request).is_ok_and(|kinds| kinds.contains(&CredentialKind::Static)) {
        notes.push(format!("a key stands in it, readable by {}", cloud.readable_by));
    }
    for folder in stores.iter().filter_map(|store| store.url.strip_prefix("file://")) {
        notes.push(format!("`{folder}` is a folder of the node itself: it must be there at first boot"));
    }
    if request.site.node.proxy.as_deref().is_some_and(names_a_user) {
        notes.push(format!("the password of `node.proxy` stands in it, readable by {}", cloud.readable_by));
    }
    if request.site.first_fetch() == FirstFetch::Presigned {
        let session = request.presigned.values().any(|link| link.contains("X-Amz-Security-Token="));
        notes.push(if session {
            "its link to the agent ends with the session of the key that signed it, after seven days at the \
             latest"
                .into()
        } else {
            "its link to the agent ends: start machines with it within seven days".into()
        });
    }
    if engine::package(request).is_ok_and(|package| package.is_some_and(|package| package.is_foreign())) {
        notes.push("installing openvox-agent from its own repository was not run in a test".into());
    }
    notes
}

/// Whether the URL carries a user, and so most likely a password.
fn names_a_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// The templates, with the filters that quote.
fn templates() -> Result<Tera, Fault> {
    let mut tera = Tera::default();
    // The usual `{#` stands in every `${#name}` of the shell.
    let delimiters =
        tera::Delimiters { comment_start: "<#".into(), comment_end: "#>".into(), ..Default::default() };
    tera.set_delimiters(delimiters).map_err(|error| broken(&error))?;
    quote::register(&mut tera);
    let texts = catalog::templates().map(|(name, text)| (name, without_tag_lines(text)));
    tera.add_raw_templates(texts).map_err(|error| broken(&error))?;
    Ok(tera)
}

/// A line that holds nothing but tags leaves no line behind.
fn without_tag_lines(text: &str) -> String {
    let only_tags = |mut line: &str| {
        let some = line.starts_with("{%");
        while let Some(rest) = line.strip_prefix("{%") {
            let Some((_, after)) = rest.split_once("%}") else { return false };
            line = after;
        }
        some && line.is_empty()
    };
    text.split_inclusive('\n')
        .map(|line| if only_tags(line.trim_end()) { line.trim_end() } else { line })
        .collect()
}

/// User-data passes through consoles, APIs and boot agents: only ASCII and LF arrive everywhere alike.
fn check_text(script: &str) -> Result<(), Fault> {
    match script.lines().find(|line| !line.bytes().all(|b| (b' '..=b'~').contains(&b))) {
        None => Ok(()),
        Some(line) => Err(Fault::new(format!(
            "rendering the script: a setting brings a character outside printable ASCII into `{}`",
            line.escape_default().take(120).collect::<String>()
        ))
        .hint("URLs and paths in the site file may hold printable ASCII only")),
    }
}

fn broken(error: &tera::Error) -> Fault {
    Fault::new(format!("rendering a built-in template: {error}"))
}

#[cfg(test)]
mod tests;
