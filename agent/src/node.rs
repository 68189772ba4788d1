//! Who this node is: the cloud's instance id, else the configured name, else a hash of the machine id.

use std::path::Path;

use agent_core::config::Config;
use agent_core::hash::Sha256;
use agent_core::name::Name;

/// The node id. It follows from what is on disk, so it stays until the instance changes.
///
/// cloud-init keeps the instance id that it was told by the cloud; nothing is asked over the network.
pub fn id(config: &Config, root: &Path) -> String {
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
    let machine = read("etc/machine-id").or_else(|| read("etc/hostid")).unwrap_or_default();
    let hash = Sha256::of(format!("stringless node {machine}").as_bytes()).to_string();
    format!("m-{}", &hash[..16])
}

/// What cloud-init writes when no cloud told it an id.
const UNTOLD: [&str; 3] = ["iid-datasource-none", "nocloud", "iid-local01"];
