//! Who and where this node is: by what cloud-init was told, else by the cloud's metadata service; else the
//! configured name, else a hash of the machine id, else a name made up once.

mod identity;
mod metadata;

use std::path::Path;

use serde::{Deserialize, Serialize};
use stringless_core::config::Config;
use stringless_core::hash::Sha256;
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;

use crate::disk::write::{make_folder, replace};
use crate::disk::{Disk, read_capped};
use crate::io::{Io, random};
use identity::Told;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id. It follows from what is on disk, so it stays until the instance changes.
    pub id: String,
    /// The region that its cloud told it.
    pub region: Option<Name>,
    /// Where the id comes from.
    pub way: Way,
    /// Why the metadata service gave no answer, where it was asked.
    pub warning: Option<String>,
}

/// Where a node's id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// cloud-init was told it by the cloud.
    CloudInit,
    /// The metadata service told it.
    Metadata,
    /// `node` of the configuration.
    Configuration,
    /// A hash of the machine id.
    MachineId,
    /// A random name, made up once.
    MadeUp,
}

/// Finds out, and asks the metadata service where that is due; what it tells is kept.
pub fn find(config: &Config, root: &Path, io: &Io) -> Node {
    node(config, root, &io.disk, |metadata| Told::now(metadata, root, io))
}

/// Finds out and asks nobody.
pub fn known(config: &Config, root: &Path, disk: &Disk) -> Node {
    node(config, root, disk, |metadata| Told::before(metadata, root, disk))
}

fn node(config: &Config, root: &Path, disk: &Disk, tell: impl FnOnce(&Metadata) -> Told) -> Node {
    let mut instance = read(root, "var/lib/cloud/data/instance-id")
        .filter(|id| !UNTOLD.contains(&id.as_str()))
        .and_then(|id| Name::of_instance(&id))
        .map(|id| (id, Way::CloudInit));
    let mut region = cloud_init_region(root);
    let mut warning = None;
    let lacking = |metadata: &&Metadata| instance.is_none() || region.is_none() && metadata.region.is_some();
    if let Some(metadata) = config.metadata.as_ref().filter(lacking) {
        let told = tell(metadata);
        instance = instance.or(told.instance_id.map(|id| (id, Way::Metadata)));
        region = region.or(told.region);
        warning = told.failed.map(|failed| failed.why);
    }
    let named = || Some((config.node.clone()?, Way::Configuration));
    let (id, way) = match instance.or_else(named) {
        Some((name, way)) => (name.to_string(), way),
        None => of_the_machine(root).unwrap_or_else(|| (made_up(&disk.file("node")), Way::MadeUp)),
    };
    Node { id, region, way, warning }
}

/// What cloud-init keeps for others to read; all else in it is passed over.
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

/// The machine id itself is to be kept confidential: machine-id(5).
fn of_the_machine(root: &Path) -> Option<(String, Way)> {
    let machine = read(root, "etc/machine-id").filter(|id| id != "uninitialized");
    let machine = machine.or_else(|| read(root, "etc/hostid"))?;
    let hash = Sha256::of(format!("stringless node {machine}").as_bytes()).to_string();
    Some((format!("m-{}", &hash[..16]), Way::MachineId))
}

/// A random name, made once and kept.
fn made_up(path: &Path) -> String {
    let kept = read_capped(path).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(name) = kept.and_then(|text| Name::new(text.trim()).ok()) {
        return name.to_string();
    }
    let name = format!("r-{:016x}", random());
    // A name that cannot be kept is one for this run.
    let _ = make_folder(path.parent().unwrap_or(path)).and_then(|()| replace(path, name.as_bytes()));
    name
}

fn read(root: &Path, path: &str) -> Option<String> {
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What cloud-init writes when no cloud told it an id.
const UNTOLD: [&str; 3] = ["iid-datasource-none", "nocloud", "iid-local01"];
