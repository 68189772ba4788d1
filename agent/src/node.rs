//! Who this node is: the cloud's instance id, else the configured name, else a hash of the machine id,
//! else a name made up once.

use std::path::Path;

use agent_core::config::Config;
use agent_core::hash::Sha256;
use agent_core::name::Name;

use crate::disk::{Disk, make_folder, read_capped, replace};
use crate::io::random;

/// The node id. It follows from what is on disk, so it stays until the instance changes.
///
/// cloud-init keeps the instance id that it was told by the cloud; nothing is asked over the network.
pub fn id(config: &Config, root: &Path, disk: &Disk) -> String {
    let read = |path: &str| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let instance = read("var/lib/cloud/data/instance-id").filter(|id| !UNTOLD.contains(&id.as_str()));
    if let Some(id) = instance.and_then(|id| Name::new(&id).ok()) {
        return id.to_string();
    }
    if let Some(name) = &config.node {
        return name.to_string();
    }
    // The machine id itself is to be kept confidential: machine-id(5).
    let machine = read("etc/machine-id").filter(|id| id != "uninitialized").or_else(|| read("etc/hostid"));
    if let Some(machine) = machine {
        let hash = Sha256::of(format!("stringless node {machine}").as_bytes()).to_string();
        return format!("m-{}", &hash[..16]);
    }
    made_up(&disk.file("node"))
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

/// What cloud-init writes when no cloud told it an id.
const UNTOLD: [&str; 3] = ["iid-datasource-none", "nocloud", "iid-local01"];
