//! Notes to read before pasting.

use stringless_core::config::Layer;
use stringless_core::name::Name;
use stringless_core::proxy::Proxy;
use stringless_core::tag::RoleTag;

use super::bootstrap::{cron, engine};
use super::envelope::Attachment;
use super::node_config;
use super::request::{Request, Tool};
use crate::site::{CredentialKind, FirstFetch, Schedule};

/// The notes to read before pasting: the cloud's notes, which are about private stores, and those about
/// this rendering alone, whose text is `body`.
pub(crate) fn notes(request: &Request<'_>, body: &str) -> Vec<String> {
    let (distro, cloud) = (request.distro, request.cloud);
    let stores = &request.site.stores;
    let others = request.layers.all().flat_map(|layer| &layer.stores).map(|store| &*store.url);
    let urls: Vec<&str> = stores.iter().map(|store| &*store.url).chain(others).collect();
    let private = urls.iter().any(|url| url.starts_with("s3://"));
    let own = stores.iter().any(|store| store.url.starts_with("s3://"));
    let mut notes = if private { cloud.notes.clone() } else { Vec::new() };
    for agent in request.boot_agents().filter(|_| private) {
        notes.extend(cloud.notes_for.get(&agent.id).into_iter().flatten().cloned());
    }
    for agent in request.boot_agents() {
        let prefix = if request.also.is_empty() { String::new() } else { format!("{}: ", agent.id) };
        notes.extend(agent.notes.iter().map(|note| format!("{prefix}{note}")));
    }
    notes.extend(cron_note(request, body));
    notes.extend(request.with.iter().flat_map(|file| unknown_keys(request, file)));
    if let Some(eol) = distro.ended(request.now) {
        notes.push(format!("the support of {} ended on {eol}", distro.name));
    } else if let Some(eol) = distro.ended(request.now.plus(SOON)) {
        notes.push(format!("the support of {} ends on {eol}", distro.name));
    }
    if own && node_config::kinds(request).is_ok_and(|kinds| kinds.contains(&CredentialKind::Static)) {
        notes.insert(0, secret(request, "the user-data holds a key"));
        if !cloud.lock.is_empty() {
            notes.insert(1, instead(request));
        }
    }
    notes.extend(layers_note(request));
    let mut folders: Vec<&str> = urls.iter().filter_map(|url| url.strip_prefix("file://")).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        notes.insert(0, folder_note(request, folder));
    }
    let proxy = request.site.node.proxy.as_deref().map(Proxy::parse);
    if proxy.is_some_and(|proxy| proxy.is_ok_and(|proxy| proxy.has_login())) {
        notes.insert(0, secret(request, "the user-data holds the password of `node.proxy`"));
    }
    if request.site.node.notify.as_ref().is_some_and(|notify| notify.url.is_some()) {
        notes.insert(0, secret(request, "the user-data holds `node.notify.url`, which may hold a token"));
    }
    if request.site.first_fetch() == FirstFetch::Presigned {
        let session = request.presigned.values().any(|link| link.contains("X-Amz-Security-Token="));
        notes.push(if session {
            "its link to the agent expires with the session of the key that signed it, after seven days at the \
             latest"
                .into()
        } else {
            "its link to the agent expires: start machines with it within seven days".into()
        });
    }
    notes.extend(engine_notes(request));
    if let Ok(Some(RoleTag { needs: Some(needs), .. })) = node_config::role_from(request) {
        notes.push(format!("the machine finds its role in its tag: it needs {needs}"));
    }
    notes
}

/// The keys of the user's own cloud-config that the boot agent does not know: it ignores them, and goes on.
fn unknown_keys(request: &Request<'_>, file: &Attachment) -> Vec<String> {
    let known = &request.boot.keys;
    let unknown = file.keys.iter().filter(|key| !known.is_empty() && !known.contains(key));
    unknown
        .map(|key| {
            let list: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
            let list = format!("unknown field `{key}`, expected one of {}", list.join(", "));
            let meant = stringless_core::suggest::nearest(&list);
            let meant = meant.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default();
            format!(
                "`{}` sets `{key}`, which {} does not know and ignores{meant}",
                file.name, request.boot.name
            )
        })
        .collect()
}

/// A store that is a folder of the node: on a new machine of a cloud there is none.
fn folder_note(request: &Request<'_>, folder: &str) -> String {
    let cloud = request.cloud;
    if request.tool.is_some_and(Tool::goes_past_the_cloud) || cloud.own_machines {
        return format!("`{folder}` is a folder on the node: it must exist at the first boot");
    }
    format!(
        "WARNING: the store `{folder}` is a folder on the node, which a new machine of {} does not have: nothing is \
         installed unless the image brings it; put an `s3://` or `https://` store first in `stores`",
        cloud.name
    )
}

/// What is known about the package of the engine.
fn engine_notes(request: &Request<'_>) -> Vec<String> {
    let (distro, packages) = (&request.distro.name, &request.distro.puppet);
    let Ok(Some(package)) = engine::package(request) else { return Vec::new() };
    if !package.is_foreign() {
        let ended = packages.distro_ended.iter();
        return ended
            .map(|what| {
                format!(
                    "the package of {distro} itself is {what}, which its developers no longer support: prefer \
                     `puppet.package: openvox`"
                )
            })
            .collect();
    }
    let mut notes = Vec::new();
    let cpus: Vec<&str> = packages.openvox_cpus.iter().map(Name::as_str).collect();
    if !cpus.is_empty() {
        notes.push(format!("OpenVox builds openvox-agent for {distro} on {} only", cpus.join(" and ")));
    }
    notes.push("no test has installed openvox-agent from OpenVox's repository".into());
    notes
}

/// A note if cron starts the agent, or may have to, and cannot keep the interval.
fn cron_note(request: &Request<'_>, body: &str) -> Option<String> {
    let own = request.site.node.interval;
    let seconds = request.layers.all().map(|layer| layer.interval).fold(own.seconds(), u64::min);
    let kept = cron::deviation(seconds)?;
    let what = match seconds == own.seconds() {
        true => format!("`node.interval` is {own}"),
        false => format!("the smallest interval of a layer is {seconds}s"),
    };
    match request.site.node.schedule {
        Schedule::Cron => Some(format!("{what}, which cron cannot keep: {kept}")),
        _ if body.contains(&cron::fields(seconds)) => {
            Some(format!("{what}, which cron cannot keep if the node has no systemd: {kept}"))
        }
        _ => None,
    }
}

/// The sites that the node follows, if it follows more than one.
fn layers_note(request: &Request<'_>) -> Option<String> {
    let names = |layers: &[Layer]| -> Vec<String> {
        layers.iter().map(|layer| format!("`{}/{}`", layer.site, layer.environment)).collect()
    };
    let own = format!("`{}/{}`", request.site.site, request.environment);
    let all = [names(&request.layers.before), vec![own], names(&request.layers.after)].concat();
    (all.len() > 1).then(|| format!("it follows {}; modules of the first come first", all.join(", ")))
}

/// Names a secret in the user-data, and who can read it: a warning if every process can.
fn secret(request: &Request<'_>, what: &str) -> String {
    let (cloud, lock) = (request.cloud, request.lock);
    match (cloud.lock.is_empty(), lock) {
        (true, _) => format!("{what}, readable by {}", cloud.readable_by),
        (false, None) => format!("WARNING: {what}, readable by {}", cloud.readable_by),
        (false, Some(_)) => {
            format!("{what}, readable by {}, until the script restricts it to root", cloud.readable_by)
        }
    }
}

/// How to do without a key, or how to reduce the risk of one.
fn instead(request: &Request<'_>) -> String {
    let cloud = request.cloud;
    let role = cloud.credentials.contains(&CredentialKind::InstanceRole);
    let without = if role {
        "an instance role needs no key: attach one, and remove `node.credentials`"
    } else {
        "nodes need no key for an `https://` store in front of the bucket"
    };
    let least = if cloud.object_store.is_some() {
        format!("; otherwise use a key that may only read (`stringless policy {} --for nodes`)", cloud.id)
    } else {
        "; otherwise use a key that may only read (`stringless policy`)".into()
    };
    let lock = if request.lock.is_none() {
        ", and restrict the metadata service to root with `--lock-metadata`"
    } else {
        ""
    };
    format!("{without}{least}{lock}")
}

/// Ninety days: enough time to plan a change of the system.
const SOON: u64 = 90 * 86_400;
