//! Request → the forms without a script: a document that the boot agent itself carries out.

use stringless_core::fault::Fault;
use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::proxy::Proxy;
use stringless_core::store::Store;

use super::pin::Pin;
use super::script::{self, check_text};
use crate::explain::{Explained, explained};
use crate::platform::Form;
use crate::request::Request;
use crate::site::{CredentialKind, FirstFetch, Schedule};
use crate::templates::fill;
use crate::{node_config, quote};

/// The document of the request's form.
///
/// If the boot agent can fetch the agent, it does so and checks the pinned hash. If only the script can sign
/// the first fetch, the document holds the script.
pub(crate) fn document(request: &Request<'_>) -> Result<Explained, Fault> {
    check_secrets(request)?;
    let (page, mut context) = script::context(request)?;
    let form = request.form;
    if request.site.node.schedule == Schedule::Cron {
        return Err(Fault::new(format!("rendering for {}: the distro has no cron", request.distro.name))
            .hint("set `node.schedule` to timer, daemon or boot"));
    }
    let address = address(request, page.pin(request)?, &page.fetch)?;
    context.insert("carried", &address.is_none());
    context.insert("imports", &request.boot.imports);
    if address.is_none() {
        context.insert("script", &script::script(request)?.text);
    }
    let pin = page.pin(request)?;
    context.insert("agent_url", &address.unwrap_or_default());
    context.insert("agent_sha256", &pin.sha256);
    context.insert("agent_json_file", &format!("{}\n", page.agent_json));
    context.insert("ca_file", &format!("{}\n", page.ca));
    let direct: Vec<&str> = page.no_proxy.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    context.insert("no_proxy_list", &quote::json(&direct).map_err(|error| Fault::new(error.to_string()))?);
    for (name, template) in [
        ("service_unit", "init/systemd/service"),
        ("timer_unit", "init/systemd/timer"),
        ("first_unit", "forms/first"),
    ] {
        context.insert(name, &fill(&format!("{template}.tera"), &context)?);
    }
    let document = explained(&fill(&format!("forms/{}.tera", form.as_str()), &context)?);
    check_text(&document.text)?;
    Ok(document)
}

/// The URL from which the boot agent fetches the agent; `None` if it cannot sign the request.
fn address(request: &Request<'_>, pin: &Pin, fetch: &super::fetch::Fetch) -> Result<Option<String>, Fault> {
    if fetch.folder {
        return Err(Fault::new(format!(
            "rendering the first fetch: {} cannot copy files of the node, and the site's first store is a folder",
            request.boot.name
        ))
        .hint("put an `s3://` or `https://` store first in `stores`"));
    }
    if request.site.first_fetch() != FirstFetch::Signed {
        return Ok(Some(fetch.url(pin)));
    }
    let store = request.site.stores[0].parse().map_err(|error| Fault::new(format!("reading {error}")))?;
    let role = node_config::kinds(request)?.contains(&CredentialKind::InstanceRole);
    // Ignition signs requests to the cloud's own store only.
    match store {
        Store::S3(_) if role && request.form == Form::Ignition && is_own_store(request) => {
            let key = layout::agent(&request.agent.version, &name(&pin.target)?);
            Ok(Some(format!("{}/{key}", request.site.stores[0].url.trim_end_matches('/'))))
        }
        _ => Ok(None),
    }
}

/// Whether the site's first store is the object store of the cloud itself.
fn is_own_store(request: &Request<'_>) -> bool {
    let store = &request.site.stores[0];
    let Some(endpoint) = &store.endpoint else { return true };
    let own = request.cloud.object_store.as_ref().and_then(|own| own.endpoint.as_ref());
    let region = store.region.as_deref().unwrap_or_default();
    own.is_some_and(|own| own.replace("{region}", region) == *endpoint)
}

/// Refuses secrets in the form `nix`: every process can read the system's Nix store.
fn check_secrets(request: &Request<'_>) -> Result<(), Fault> {
    if request.form != Form::Nix {
        return Ok(());
    }
    let fault = |what: &str| {
        Fault::new(format!(
            "rendering for {}: {what} would be in the Nix store, where every process can read it",
            request.distro.name
        ))
    };
    let proxy = request.site.node.proxy.as_deref().map(Proxy::parse);
    if proxy.is_some_and(|proxy| proxy.is_ok_and(|proxy| proxy.has_login())) {
        return Err(fault("the password of `node.proxy`")
            .hint("use a proxy without a password, for example one that admits the machine by its address"));
    }
    let private = request.site.stores.iter().any(|store| store.url.starts_with("s3://"));
    if private && node_config::kinds(request)?.contains(&CredentialKind::Static) {
        return Err(fault("a key").hint(
            "use a role; or set `node.credentials: [environment]` and `node.first_fetch: public`, and put the \
             keys into `/etc/stringless/environment` of the node, as for systemd's `EnvironmentFile=`",
        ));
    }
    Ok(())
}

fn name(target: &str) -> Result<Name, Fault> {
    Name::new(target).map_err(|error| Fault::new(error.to_string()))
}
