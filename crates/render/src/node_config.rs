//! Request → the node's `agent.json`.

use stringless_core::config::{AgentSettings, Config, CredentialSource, Layer, NodeStore};
use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_core::tag::RoleTag;

use super::STATIC_KEYS;
use super::request::Request;
use crate::layer;
use crate::platform::Form;
use crate::site::{CredentialKind, NotifySettings, Size};

/// The node's configuration, checked by the node's own code.
pub(crate) fn config(request: &Request<'_>) -> Result<Config, Fault> {
    let (site, node) = (request.site, &request.site.node);
    let mut stores = Vec::new();
    for store in &site.stores {
        let private = store.url.starts_with("s3://");
        stores.push(NodeStore {
            url: store.url.clone(),
            region: store.region.clone(),
            endpoint: store.endpoint.clone(),
            style: store.style,
            credentials: if private { sources(request)? } else { Vec::new() },
        });
    }
    let identity_saved = request.boot_agents().all(|agent| agent.keeps_identity);
    let role_from = role_from(request)?;
    let mut config = Config {
        format: 1,
        needs: Vec::new(),
        rendered: request.now,
        node: node.name.clone(),
        state_dir: request.distro.paths.state.clone(),
        disk_budget: node.disk_budget.map(Size::bytes),
        proxy: node.proxy.clone(),
        no_proxy: node.no_proxy.clone(),
        ca_file: node.ca_file.as_ref().map(|_| format!("{}/ca.pem", request.distro.paths.etc)),
        notify: node.notify.as_ref().map(NotifySettings::for_node),
        signal: request.signals.to_vec(),
        metadata: request.cloud.metadata.clone().filter(|_| !identity_saved || role_from.is_some()),
        role: role(request).cloned(),
        role_from,
        labels: node.labels.replaced_by(request.labels).map_err(|why| {
            Fault::new(format!("rendering the labels of the node: {why}"))
                .hint("`--label KEY=VALUE` replaces a label of `node.labels`")
        })?,
        agent: AgentSettings { follow: site.agent.follow },
        layers: Vec::new(),
    };
    let role = request.cloud.credentials.contains(&CredentialKind::InstanceRole);
    let on_cloud = |layer: &Layer| layer::on_cloud(layer, &request.cloud.name, role);
    let before = request.layers.before.iter().map(on_cloud).collect::<Result<Vec<_>, _>>()?;
    let after = request.layers.after.iter().map(on_cloud).collect::<Result<Vec<_>, _>>()?;
    let own = Layer {
        site: site.site.clone(),
        environment: request.environment.clone(),
        min_serial: request.min_serial,
        interval: node.interval.seconds(),
        splay: node.splay.seconds(),
        trust: request.trust.clone(),
        stores,
    };
    config.layers = before.into_iter().chain([own]).chain(after).collect();
    config.check().map_err(|why| Fault::new(format!("rendering the node's configuration: {why}")))?;
    Ok(config)
}

/// The role of the node, unless a tag holds it.
fn role<'a>(request: &Request<'a>) -> Option<&'a Name> {
    request.role.or(request.site.node.role.as_ref())
}

/// How the node finds its role in a tag of its machine.
pub(crate) fn role_from(request: &Request<'_>) -> Result<Option<RoleTag>, Fault> {
    let Some(from) = request.site.node.role_from.as_ref().filter(|_| request.role.is_none()) else {
        return Ok(None);
    };
    let tags = request.cloud.tags.as_ref().ok_or_else(|| {
        Fault::new(format!(
            "rendering for {}: `node.role_from` names the tag `{}`, but a machine there cannot read its own tags",
            request.cloud.name, from.tag
        ))
        .hint("give the role with `--role ROLE`: one user-data for each role")
    })?;
    Ok(Some(tags.of(&from.tag)))
}

/// The sources of credentials that this node uses: those of the site that the cloud supports, or if the
/// site names none, the cloud's best. If the cloud offers a role, no key is embedded.
pub(crate) fn kinds(request: &Request<'_>) -> Result<Vec<CredentialKind>, Fault> {
    let (cloud, listed) = (request.cloud, &request.site.node.credentials);
    let role = cloud.credentials.contains(&CredentialKind::InstanceRole)
        && (listed.is_empty() || listed.contains(&CredentialKind::InstanceRole));
    if listed.is_empty() && role {
        return Ok(vec![CredentialKind::InstanceRole]);
    }
    if listed.is_empty() && request.static_keys.is_some() {
        return Ok(vec![CredentialKind::Static]);
    }
    let usable = |kind: &CredentialKind| match kind {
        CredentialKind::InstanceRole => role,
        CredentialKind::Static => !role,
        _ => true,
    };
    let kinds: Vec<_> = listed.iter().copied().filter(usable).collect();
    if !kinds.is_empty() {
        return Ok(kinds);
    }
    let [id, secret, _] = STATIC_KEYS;
    let add = if listed.is_empty() { "" } else { "add `static` to `node.credentials` and " };
    Err(Fault::new(format!("rendering for {}: it offers no role to read the store with", cloud.name))
        .hint(format!("{add}set {id} and {secret} to a read-only key")))
}

/// The static keys of the request, fit for a script.
pub(crate) fn static_keys<'a>(request: &'a Request<'_>) -> Result<&'a Credentials, Fault> {
    let [id, secret, token] = STATIC_KEYS;
    let keys = request.static_keys.as_ref().ok_or_else(|| {
        Fault::new("rendering static credentials: there are no keys for nodes")
            .hint(format!("set {id} and {secret} to a read-only key"))
    })?;
    let named = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let session = keys.session_token.as_deref().unwrap_or("-");
    for (name, text, ok) in [
        (id, &*keys.access_key_id, keys.access_key_id.bytes().all(named)),
        (secret, &*keys.secret_access_key, keys.secret_access_key.bytes().all(|b| b.is_ascii_graphic())),
        (token, session, session.bytes().all(|b| b.is_ascii_graphic())),
    ] {
        if text.is_empty() || !ok {
            return Err(Fault::new(format!(
                "reading {name}: it is empty or holds characters that keys do not have"
            ))
            .hint("a line break at the end counts; `export NAME=\"$(cat FILE)\"` removes it"));
        }
    }
    Ok(keys)
}

/// Only the units of the form `nix` read a file of variables. In other forms the agent would find none at
/// any run.
fn nothing_sets_variables(request: &Request<'_>) -> Fault {
    Fault::new(format!(
        "rendering for {}: `node.credentials` names `environment`, but nothing sets variables for the agent there",
        request.distro.name
    ))
    .hint(format!(
        "remove `environment`; it is for the form `{}`, and for an `agent.json` of your own (`stringless layer`)",
        Form::Nix.as_str()
    ))
}

fn sources(request: &Request<'_>) -> Result<Vec<CredentialSource>, Fault> {
    let source = |kind| {
        Ok(match kind {
            CredentialKind::InstanceRole => CredentialSource::InstanceRole,
            CredentialKind::Environment if request.form == Form::Nix => CredentialSource::Environment,
            CredentialKind::Environment => return Err(nothing_sets_variables(request)),
            CredentialKind::Container => CredentialSource::Container,
            CredentialKind::None => CredentialSource::None,
            CredentialKind::Static => CredentialSource::Static(static_keys(request)?.clone()),
        })
    };
    kinds(request)?.into_iter().map(source).collect()
}
