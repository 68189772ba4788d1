//! `stringless agent`.

mod elf;
mod folder;
mod release;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::{AgentFile, AgentPin};
use stringless_core::name::Name;
use stringless_core::version::Version;
use stringless_render::agent_lock::{LOCK_FILE, minimum};

use crate::cli::AgentPushArgs;
use crate::error::{Error, Result};
use crate::output::{format, json, print};
use crate::site::SiteDir;
use crate::site::agent_lock;
use crate::site::stores::open_store;
use crate::store::{Condition, Put, Store};

/// The output of `agent push --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Whether it was uploaded; false with `--dry-run`.
    pushed: bool,
    /// The agent that is pinned, with all its targets.
    agent: &'a AgentPin,
}

/// Uploads agent binaries and pins them.
///
/// # Errors
/// When there are no binaries, or the version has a different file already.
pub fn push(site: Option<&Path>, args: &AgentPushArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let version = site.agent_version();
    let found = found(&site, args, &version)?;
    let mut lock = site.lock()?;
    let mut pin =
        AgentPin { minimum: minimum(), version, allow_downgrade: false, targets: lock.pin(version).targets };
    for (target, bytes) in &found {
        let file = AgentFile { size: bytes.len() as u64, sha256: Sha256::of(bytes) };
        if pin.targets.get(target).is_some_and(|known| *known != file) {
            return Err(other(&format!("`{LOCK_FILE}`"), &format!("agent {version} for {target}")));
        }
        pin.targets.insert(target.clone(), file);
    }
    let store = open_store(&site)?;
    store.check_writable()?;
    let mut lines = String::new();
    for (target, bytes) in &found {
        let key = layout::agent(&version, target);
        let done = put(&store, &key, bytes, args.dry_run)?;
        lines.push_str(&format!(
            "{done} agent {version} for {target}, {}\n",
            format::size(bytes.len() as u64)
        ));
    }
    if !args.dry_run {
        lock.add(pin.clone());
        agent_lock::write(&lock, &site.root)?;
    }
    if args.json {
        json::print(None, &Report { pushed: !args.dry_run, agent: &pin })?;
    } else {
        print::out(&lines)?;
    }
    Ok(0)
}

/// The agents to push, by target: those of `--from`, of `agent.from`, built ones, or those of the release.
fn found(site: &SiteDir, args: &AgentPushArgs, version: &Version) -> Result<BTreeMap<Name, Vec<u8>>> {
    let built = Path::new(BUILT);
    match args.from.as_deref().or(site.site.agent.from.as_deref()) {
        Some(from) if !from.contains("://") => folder::read(Path::new(from), version),
        None if folder::holds_any(built) => folder::read(built, version),
        from => release::fetch(site, from, version, args.release_key.as_deref()),
    }
}

fn put(store: &Store, key: &str, bytes: &[u8], dry_run: bool) -> Result<&'static str> {
    if let Some(there) = store.get(key, MAX_AGENT)? {
        if there.bytes == bytes {
            return Ok("already there:");
        }
        return Err(other(&store.url(key), "the agent"));
    }
    if dry_run {
        return Ok("would upload");
    }
    match store.put(key, bytes, Condition::Absent)? {
        Put::Written => Ok("uploaded"),
        Put::Rejected => {
            Err(Error::temporary(format!("writing {}: another publisher was faster", store.url(key)))
                .hint("run it again: the same file under the same version is no conflict"))
        }
    }
}

fn other(place: &str, what: &str) -> Error {
    Error::refused(format!("pushing {what}: {place} has a different file under this version"))
        .hint("the files of a version never change: raise `agent: {version: …}` in the site file, and push that version")
}

/// The largest size of an agent, in bytes.
const MAX_AGENT: u64 = 64 << 20;
/// Where `make agents` puts what it builds.
const BUILT: &str = "target/agents";
