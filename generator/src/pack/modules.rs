//! The modules of an environment's `Puppetfile`, as packs.

use std::path::Path;

use stringless_core::name::Name;
use stringless_render::site::LockNeed;

use super::index::{Index, module_key};
use super::{Packed, write};
use crate::error::{Error, Result};
use crate::modules::lockfile::LOCK_FILE;
use crate::modules::{Assemble, Fetched, PUPPETFILE, assemble};
use crate::pack::last_release::LastRelease;
use crate::progress::Progress;
use crate::puppetfile::Puppetfile;
use crate::site::SiteDir;
use crate::site::stores::ca_pem;
use crate::source::environment::EnvironmentSource;
use crate::source::{EntryKind, Tree};

/// Fetches the modules that the `Puppetfile` of `input` declares, if it has one and the site file does not turn it off.
/// Modules whose packs are in the cache are not fetched.
///
/// # Errors
/// As [`assemble`]. Refused when the environment itself has a folder of the same path.
pub fn fetch(
    site: &SiteDir,
    environment: &Name,
    input: &EnvironmentSource,
    index: &Index,
    progress: &Progress,
) -> Result<Vec<Fetched>> {
    let settings = &site.site.modules;
    let Some(bytes) = input.tree.bytes(PUPPETFILE)?.filter(|_| settings.puppetfile) else {
        return Ok(Vec::new());
    };
    let origin = format!("{}{PUPPETFILE}", input.origin);
    let puppetfile = Puppetfile::parse_bytes(&bytes, &origin)?;
    if puppetfile.modules.is_empty() {
        return Ok(Vec::new());
    }
    let (lock, ca) = (input.tree.text(LOCK_FILE)?, ca_pem(site)?);
    let fetched = assemble(&Assemble {
        cache: &site.cache_root,
        puppetfile: &puppetfile,
        origin: &origin,
        lock: lock.as_deref(),
        lock_required: settings.lock == LockNeed::Required,
        forge: settings.forge.as_deref(),
        ca: ca.as_deref().map(str::as_bytes),
        control_branch: input.source.branch.as_deref(),
        offline: site.offline,
        known: &|tree| index.find(&module_key(tree), "").is_some(),
        published: Some(&LastRelease::new(site, environment)),
        with_dependencies: settings.dependencies,
        progress,
    })?;
    for module in &fetched {
        refuse_both(&input.tree, module, &origin)?;
    }
    Ok(fetched)
}

/// The pack of a module.
///
/// # Errors
/// Refused when a node would refuse it, or a file may not be published.
pub fn build(module: &Fetched, folder: &Path, index: &Index) -> Result<Packed> {
    let key = module_key(&module.tree);
    if let Some(known) = index.find(&key, &module.path) {
        return Ok(Packed::Recalled(known, Some(module.tree)));
    }
    let subject = format!("module `{}`", module.declared_as);
    let (items, archive) = module.packed()?;
    let pack = write::write(&module.path, items, archive, folder).map_err(|e| e.of(&subject))?;
    index.add(&key, &pack);
    Ok(Packed::Made(pack))
}

/// Refuses a module where the environment itself has a file, link or folder: a node can have only one of them.
fn refuse_both(tree: &Tree, module: &Fetched, origin: &str) -> Result<()> {
    let path = module.path.as_str();
    let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
    let obstacle = parents
        .into_iter()
        .find(|&folder| matches!(tree.find(folder), Some(EntryKind::File { .. } | EntryKind::Link { .. })));
    let (there, why) = match obstacle {
        Some(folder) => (folder, "is not a folder"),
        None if tree.holds(path) => (path, "is also in the source tree"),
        None => return Ok(()),
    };
    let declared = &module.declared_as;
    Err(Error::refused(format!("building `{path}`: {origin} declares `{declared}`, but `{there}` {why}")).hint(format!(
        "remove `{there}` from the tree, or add it to `{}`; or declare `mod '{declared}', :local => true`",
        crate::source::IGNORE_FILE
    )))
}
