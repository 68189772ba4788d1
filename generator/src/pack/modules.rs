//! The modules that an environment's `Puppetfile` brings, beside its own files.

use std::path::Path;

use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_render::site::LockNeed;

use super::index::{Index, module_key};
use super::write;
use crate::error::{Error, Result};
use crate::modules::lockfile::LOCK_FILE;
use crate::modules::{Assemble, Fetched, PUPPETFILE, assemble};
use crate::pack::last_release::LastRelease;
use crate::progress::Progress;
use crate::puppetfile::Puppetfile;
use crate::site::stores::ca_pem;
use crate::site::{CACHE, SiteFolder};
use crate::source::environment::Input;
use crate::source::{FoundKind, Tree};

/// Fetches what the `Puppetfile` of `input` declares, if it has one that is heeded. What was packed before
/// is not fetched.
///
/// # Errors
/// As [`assemble`]; refused where the environment has the same folder itself.
pub fn fetch(
    site: &SiteFolder,
    environment: &Name,
    input: &Input,
    index: &Index,
    progress: &Progress,
) -> Result<Vec<Fetched>> {
    let settings = &site.site.modules;
    let Some(text) = input.tree.text(PUPPETFILE)?.filter(|_| settings.puppetfile) else {
        return Ok(Vec::new());
    };
    let origin = format!("{}{PUPPETFILE}", input.origin);
    let puppetfile = Puppetfile::parse(&text, &origin)?;
    if puppetfile.modules.is_empty() {
        return Ok(Vec::new());
    }
    let (lock, ca) = (input.tree.text(LOCK_FILE)?, ca_pem(site)?);
    let fetched = assemble(&Assemble {
        cache: &site.root.join(CACHE),
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
/// Refused for what a node would refuse, or what may not be published.
pub fn build(module: &Fetched, folder: &Path, index: &Index) -> Result<Pack> {
    let key = module_key(&module.tree);
    if let Some(known) = index.find(&key, &module.path) {
        return Ok(known);
    }
    let of = format!("module `{}`", module.declared_as);
    let (items, archive) = module.packed()?;
    let pack = write::write(&module.path, items, archive, folder).map_err(|e| e.of(&of))?;
    index.note(&key, &pack);
    Ok(pack)
}

/// A folder is the environment's own, or a module's: which of two would a node have?
fn refuse_both(tree: &Tree, module: &Fetched, origin: &str) -> Result<()> {
    let path = module.path.as_str();
    let around = path.match_indices('/').map(|(at, _)| &path[..at]);
    let solid = around
        .into_iter()
        .find(|&folder| matches!(tree.find(folder), Some(FoundKind::File { .. } | FoundKind::Link { .. })));
    let (there, why) = match solid {
        Some(folder) => (folder, "is no folder"),
        None if tree.holds(path) => (path, "is in the source tree, too"),
        None => return Ok(()),
    };
    let declared = &module.declared_as;
    Err(Error::refused(format!("building `{path}`: {origin} declares `{declared}`, and `{there}` {why}")).hint(format!(
        "remove `{there}` from the tree, or name it in `{}`; or let the Puppetfile say `mod '{declared}', :local => true`",
        crate::source::IGNORE_FILE
    )))
}
