//! The id, the region and the role of this node. The id comes from cloud-init, or else from the cloud's metadata
//! service, the configured name, a hash of the machine id, or a random name.

mod identity;
mod metadata;
mod role;

use std::path::Path;

use serde::Deserialize;
use stringless_core::config::Config;
use stringless_core::hash::Sha256;
use stringless_core::label::{self, Labels};
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;
use stringless_core::report::RoleSource;
use stringless_core::status::IdSource;

use crate::disk::write::{make_folder, replace};
use crate::disk::{Disk, read_capped, read_text};
use crate::http::Http;
use crate::io::{Io, random};
use identity::CachedIdentity;
use role::TaggedRole;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// The id. It stays the same until the instance changes.
    pub id: String,
    /// The region, if the cloud gives one.
    pub region: Option<Name>,
    /// Where the id comes from.
    pub id_source: IdSource,
    /// Why the metadata service gave no answer, if there was a query.
    pub warning: Option<String>,
    /// The role, if it has one.
    pub role: Option<Name>,
    /// Where the role comes from.
    pub role_from: Option<RoleSource>,
    /// Present if the role was not found: nothing may be applied.
    pub no_role: Option<RoleMissing>,
    /// Why a role that is known may be out of date.
    pub role_warning: Option<String>,
    /// The labels.
    pub labels: Labels,
}

impl Node {
    /// Identifies the role and the labels; none if it has neither.
    pub fn role_id(&self) -> Option<Sha256> {
        label::identity(self.role.as_ref(), &self.labels)
    }
}

/// Why a node with `role_from` has no role.
#[derive(Clone, Debug)]
pub struct RoleMissing {
    /// The key of the tag.
    pub tag: String,
    /// The reason.
    pub why: String,
    /// Whether somebody must change the tag or the configuration; otherwise it may change by itself.
    pub wrong: bool,
    /// What the cloud needs so that the machine can read its tags.
    pub needs: Option<String>,
}

/// Identifies this node. Queries the metadata service if that is due, and saves the answers. `again`: reads the tag
/// with the role in any case.
pub fn identify(config: &Config, root: &Path, io: &Io, again: bool) -> Node {
    let node = node(config, root, &io.disk, |metadata| CachedIdentity::current(metadata, root, io));
    let tagged = TaggedRole::current(config, &node.id, root, io, again);
    with_tag(node, config, tagged)
}

/// Identifies this node without a query.
pub fn cached(config: &Config, root: &Path, disk: &Disk) -> Node {
    let node = node(config, root, disk, |metadata| CachedIdentity::saved(metadata, root, disk));
    let tagged = TaggedRole::saved(config, &node.id, root, disk);
    with_tag(node, config, tagged)
}

fn with_tag(node: Node, config: &Config, tagged: Option<TaggedRole>) -> Node {
    let Some((tag, tagged)) = config.role_from.as_ref().zip(tagged) else { return node };
    let why = tagged.failed.map(|failed| failed.why);
    if tagged.role.is_some() {
        let role_warning = why.map(|why| format!("reading the tag `{}`: {why}", tag.tag));
        return Node { role: tagged.role, role_from: Some(RoleSource::Tag), role_warning, ..node };
    }
    let missing = RoleMissing {
        tag: tag.tag.to_string(),
        why: why.unwrap_or_else(|| "it was not read yet".to_owned()),
        wrong: tagged.wrong,
        needs: tag.needs.clone(),
    };
    Node { no_role: Some(missing), ..node }
}

/// Queries the metadata service of the configuration, whether that is due or not, and saves nothing.
pub fn look(metadata: &Metadata, root: &Path, http: &Http) -> MetadataState {
    if !identity::is_here(metadata, root) {
        return MetadataState::Elsewhere;
    }
    let answers = metadata::query(metadata, http);
    match (answers.failure, answers.instance_id) {
        (Some(why), _) => MetadataState::Failed(why),
        (None, id) => MetadataState::Answered(id.map(|id| id.to_string()).unwrap_or_default()),
    }
}

/// What the metadata service does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataState {
    /// The firmware shows a machine of another cloud, so the service is not asked.
    Elsewhere,
    /// It gave this id.
    Answered(String),
    /// It gave no answer, or an unusable one.
    Failed(String),
}

fn node(config: &Config, root: &Path, disk: &Disk, lookup: impl FnOnce(&Metadata) -> CachedIdentity) -> Node {
    let mut instance = read(root, "var/lib/cloud/data/instance-id")
        .filter(|id| !PLACEHOLDER_IDS.contains(&id.as_str()))
        .and_then(|id| Name::from_instance_id(&id))
        .map(|id| (id, IdSource::CloudInit));
    let mut region = cloud_init_region(root);
    let mut warning = None;
    let lacking = |metadata: &&Metadata| instance.is_none() || region.is_none() && metadata.region.is_some();
    if let Some(metadata) = config.metadata.as_ref().filter(lacking) {
        let found = lookup(metadata);
        instance = instance.or(found.instance_id.map(|id| (id, IdSource::Metadata)));
        region = region.or(found.region);
        warning = found.failed.map(|failed| failed.why);
    }
    let named = || Some((config.node.clone()?, IdSource::Configuration));
    let (id, id_source) = match instance.or_else(named) {
        Some((name, source)) => (name.to_string(), source),
        None => from_machine_id(root).unwrap_or_else(|| (random_name(&disk.file("node")), IdSource::MadeUp)),
    };
    Node {
        id,
        region,
        id_source,
        warning,
        role: config.role.clone(),
        role_from: config.role.as_ref().map(|_| RoleSource::Configuration),
        no_role: None,
        role_warning: None,
        labels: config.labels.clone(),
    }
}

/// The part of cloud-init's public data that the agent reads.
#[derive(Deserialize)]
struct InstanceData {
    v1: Standard,
}

#[derive(Deserialize)]
struct Standard {
    region: Option<String>,
}

fn cloud_init_region(root: &Path) -> Option<Name> {
    let bytes = read_capped(&root.join("run/cloud-init/instance-data.json")).ok()??;
    let data: InstanceData = serde_json::from_slice(&bytes).ok()?;
    Name::new(&data.v1.region?).ok()
}

/// An id from a hash of the machine id, because the machine id itself must stay confidential: machine-id(5).
fn from_machine_id(root: &Path) -> Option<(String, IdSource)> {
    let machine = read(root, "etc/machine-id").filter(|id| id != "uninitialized");
    let machine = machine.or_else(|| read(root, "etc/hostid"))?;
    let hash = Sha256::of(format!("stringless node {machine}").as_bytes()).to_string();
    Some((format!("m-{}", &hash[..16]), IdSource::MachineId))
}

/// A random name, created once and saved.
fn random_name(path: &Path) -> String {
    let saved = read_capped(path).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(name) = saved.and_then(|text| Name::new(text.trim()).ok()) {
        return name.to_string();
    }
    let name = format!("r-{:016x}", random());
    // If the name cannot be saved, it holds only for this run.
    let _ = make_folder(path.parent().unwrap_or(path)).and_then(|()| replace(path, name.as_bytes()));
    name
}

fn read(root: &Path, path: &str) -> Option<String> {
    read_text(&root.join(path))
}

/// The ids that cloud-init writes if it got none from a cloud.
const PLACEHOLDER_IDS: [&str; 3] = ["iid-datasource-none", "nocloud", "iid-local01"];
