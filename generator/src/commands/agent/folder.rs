//! Agents that were built here: a folder for each target.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use stringless_core::name::Name;
use stringless_core::version::Version;
use stringless_render::platform::Platforms;

use super::elf;
use crate::error::{Error, Result};
use crate::output::print;

/// Whether a folder has any agent: what is left of a build may be empty.
pub(super) fn holds_any(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().join("stringless-agent").is_file())
}

/// Each `TARGET/stringless-agent` of a folder.
pub(super) fn read(from: &Path, version: &Version) -> Result<BTreeMap<Name, Vec<u8>>> {
    let missing = |why: &str| {
        let make = if Path::new("Makefile").is_file() { "; `make agents` builds them" } else { "" };
        Error::configuration(format!("looking for agents in `{}`: {why}", from.display())).hint(format!(
            "`--from` takes the folder that holds TARGET/stringless-agent, or the address of a release{make}"
        ))
    };
    let known = targets()?;
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
        elf::check(&path.display().to_string(), &target, version, &bytes)?;
        found.insert(target, bytes);
    }
    if found.is_empty() { Err(missing("there is none")) } else { Ok(found) }
}

/// The targets that some distro runs.
pub(super) fn targets() -> Result<BTreeSet<Name>> {
    Ok(Platforms::embedded()?.distros.into_iter().flat_map(|distro| distro.targets).collect())
}
