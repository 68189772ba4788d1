//! The site file, the platforms, and (distro, cloud, site) → user-data.
//!
//! No IO: bytes, keys, the time and the tool's version are arguments. The crate also builds for
//! `wasm32-unknown-unknown`.

pub mod agent_lock;
pub mod bootstrap;
pub mod choice;
pub mod embed;
pub mod encode;
pub mod encoding;
pub mod envelope;
pub mod explain;
pub mod layer;
pub mod node_config;
pub mod notes;
pub mod platform;
pub mod policy;
pub mod quote;
pub mod request;
pub mod rerender;
#[cfg(feature = "schema")]
pub mod schema;
pub mod service;
pub mod site;
pub mod templates;
pub mod trust_chain;
pub mod yaml;

use stringless_core::fault::Fault;

use crate::bootstrap::{document, script};
use crate::explain::Explained;
use crate::platform::Form;
pub use crate::request::{Part, Request, UserData};
use crate::site::CredentialKind;

/// The environment variables of `stringless render` with static keys for nodes: id, secret, session token.
pub const STATIC_KEYS: [&str; 3] =
    ["STRINGLESS_NODE_ACCESS_KEY_ID", "STRINGLESS_NODE_SECRET_ACCESS_KEY", "STRINGLESS_NODE_SESSION_TOKEN"];

/// The node's configuration for `request`.
///
/// # Errors
/// Those of [`render`].
pub fn node_config(request: &Request<'_>) -> Result<stringless_core::config::Config, Fault> {
    node_config::config(request)
}

/// Renders user-data.
///
/// # Errors
/// When the distro or the cloud does not support the request, when a pin or a key is missing, and when
/// the result is larger than the cloud accepts. The hint names the setting.
pub fn render(request: &Request<'_>) -> Result<UserData, Fault> {
    let Explained { text: body, parts } = match request.form {
        Form::Script | Form::CloudConfig | Form::Bootcmd | Form::Mime => script::script(request)?,
        Form::Ignition | Form::Nix => document::document(request)?,
    };
    let text = envelope::wrap(request, &body)?;
    let (form, encoding) = (request.form, request.encoding);
    let notes = notes::notes(request, &body);
    Ok(UserData { text, form, encoding, body, parts, notes })
}

/// Whether the node reads its stores with credentials of this kind.
pub(crate) fn uses(request: &Request<'_>, kind: CredentialKind) -> bool {
    let private = request.site.stores.iter().any(|store| store.url.starts_with("s3://"));
    private && node_config::kinds(request).is_ok_and(|kinds| kinds.contains(&kind))
}

/// Whether the node reads its store with static keys, or has nothing else to read it with.
pub(crate) fn needs_static_keys(request: &Request<'_>) -> bool {
    let private = request.site.stores.iter().any(|store| store.url.starts_with("s3://"));
    let kinds = node_config::kinds(request);
    private && kinds.map_or(true, |kinds| kinds.contains(&CredentialKind::Static))
}

#[cfg(test)]
mod tests;
