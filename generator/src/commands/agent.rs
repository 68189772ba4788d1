//! `stringless agent`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::{AgentFile, AgentPin};
use stringless_core::name::Name;
use stringless_render::platform::Platforms;

use crate::cli::AgentPushArgs;
use crate::error::{Error, Result};
use crate::output::{format, json, print};
use crate::site::SiteDir;
use crate::site::agent_lock::{LOCK_FILE, minimum};
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
    let found = binaries(&args.from)?;
    let version = site.agent_version();
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
        lock.write(&site.root)?;
    }
    if args.json {
        json::print(None, &Report { pushed: !args.dry_run, agent: &pin })?;
    } else {
        print::out(&lines)?;
    }
    Ok(0)
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

/// Each `TARGET/stringless-agent` of a folder.
fn binaries(from: &Path) -> Result<BTreeMap<Name, Vec<u8>>> {
    let missing = |why: &str| {
        Error::configuration(format!("looking for agents in `{}`: {why}", from.display())).hint(
            "`make agents` builds them; `--from DIR` names the folder that holds TARGET/stringless-agent",
        )
    };
    let platforms = Platforms::embedded()?;
    let known: BTreeSet<&Name> = platforms.distros.iter().flat_map(|distro| &distro.targets).collect();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(from).map_err(|e| missing(&e.to_string()))?.flatten() {
        let path = entry.path().join("stringless-agent");
        let Some(target) = entry.file_name().to_str().and_then(|name| Name::new(name).ok()) else { continue };
        if !path.is_file() {
            continue;
        }
        if !known.contains(&target) {
            print::note(&format!("warning: `{}` is left out: no distro runs `{target}`", path.display()));
            continue;
        }
        let bytes = fs::read(&path).map_err(|e| Error::io("reading", &path, e))?;
        check_binary(&path, &target, &bytes)?;
        found.insert(target, bytes);
    }
    if found.is_empty() { Err(missing("there is none")) } else { Ok(found) }
}

/// Checks that the file is an ELF file for the CPU and the system of `target`: nodes will run it.
fn check_binary(path: &Path, target: &Name, bytes: &[u8]) -> Result<()> {
    let fault = |why: &str| {
        Error::refused(format!("reading `{}`: {why}", path.display()))
            .hint("the folder TARGET holds the agent that was built for TARGET; `make agents` puts them so")
    };
    if bytes.len() as u64 > MAX_AGENT {
        return Err(fault("it is larger than an agent may be"));
    }
    if !bytes.starts_with(b"\x7fELF") || bytes.len() < 20 {
        return Err(fault("it is not an ELF executable"));
    }
    let machine = u16::from_le_bytes([bytes[18], bytes[19]]);
    let cpu = target.as_str().split('-').next().unwrap_or_default();
    if MACHINES.iter().any(|(name, expected)| *name == cpu && *expected != machine) {
        return Err(fault(&format!("it is built for another CPU than `{target}`")));
    }
    if is_freebsd(bytes) != target.as_str().ends_with("-freebsd") {
        return Err(fault(&format!("it is built for another system than `{target}`")));
    }
    Ok(())
}

/// Whether a 64-bit little-endian ELF file is for FreeBSD, by its header or its loader. Other files count as Linux,
/// where static files name neither.
fn is_freebsd(bytes: &[u8]) -> bool {
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let number = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number).ok()
    };
    let loader = || {
        let (headers, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let mut all = (0..count).filter_map(|n| headers.checked_add(n * size));
        let interpreter = all.find(|at| number(*at, 4) == Some(PT_INTERP))?;
        bytes.get(number(interpreter + 8, 8)?..)
    };
    bytes.get(7) == Some(&ELFOSABI_FREEBSD) || loader().is_some_and(|path| path.starts_with(FREEBSD_LOADER))
}

fn other(place: &str, what: &str) -> Error {
    Error::refused(format!("pushing {what}: {place} has a different file under this version"))
        .hint("the files of a version never change: raise `agent: {version: …}` in the site file, and build that version")
}

const MAX_AGENT: u64 = 64 << 20;
/// ELF machine numbers by the first word of a target.
const MACHINES: [(&str, u16); 3] = [("x86_64", 62), ("aarch64", 183), ("riscv64gc", 243)];
/// elf(5).
const ELFOSABI_FREEBSD: u8 = 9;
const PT_INTERP: usize = 3;
const FREEBSD_LOADER: &[u8] = b"/libexec/ld-elf.so.1\0";
