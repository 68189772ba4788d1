//! The facts that Puppet sees of this node: `stringless`, and `stringless_role` and `stringless_label_…` for Hiera.
//!
//! They are a program for Facter in the folder that `FACTERLIB` names. That folder is searched besides all others, so
//! the facts of the machine, of modules and of Puppet's own folders stay. A setting of Puppet for facts would replace a
//! folder instead.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use serde_json::{Map, Value, json};
use stringless_core::json;

use super::job::Job;
use crate::disk::write;
use crate::error::Result;

/// Writes the facts, and adds them to a command of Puppet.
///
/// # Errors
/// Temporary: the disk.
pub fn add(mut command: Command, job: &Job<'_>) -> Result<Command> {
    write::make_folder(&job.facts)?;
    write::replace(&job.facts.join("stringless.json"), &json::write(&facts(job)))?;
    write::replace(&job.facts.join("stringless.rb"), PROGRAM.as_bytes())?;
    let inherited = env::var_os(FOLDERS).filter(|folders| !folders.is_empty());
    let mut folders = OsString::from(&job.facts);
    if let Some(inherited) = inherited {
        folders.push(":");
        folders.push(inherited);
    }
    command.env(FOLDERS, folders);
    Ok(command)
}

fn facts(job: &Job<'_>) -> Map<String, Value> {
    let node = job.node;
    let labels: Map<String, Value> =
        node.labels.iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
    let mut facts = Map::new();
    let structured = json!({
        "role": node.role,
        "labels": labels,
        "site": job.site,
        "environment": job.release.environment,
        "serial": job.release.serial,
        "node": node.id,
        "region": node.region,
    });
    facts.insert("stringless".into(), structured);
    facts.extend(node.role.iter().map(|role| ("stringless_role".into(), json!(role))));
    facts.extend(node.labels.variables().map(|(name, value)| (name.to_ascii_lowercase(), json!(value))));
    facts
}

/// The same for each run, so no value of a fact is ever part of a program.
const PROGRAM: &str = "\
# Written by stringless-agent for one run of Puppet. The facts are in stringless.json.
require 'json'
JSON.parse(File.read(File.join(__dir__, 'stringless.json'))).each do |name, value|
  Facter.add(name) { setcode { value } }
end
";
/// The folders that Facter searches besides its own, with colons between them.
const FOLDERS: &str = "FACTERLIB";
