//! The modules of a lock file: compared with the `Puppetfile`, restored, and compared with what the modules say of
//! themselves.

use super::cache::Note;
use super::fetch::Fetcher;
use super::lockfile::{LOCK_FILE, LockedModule, Lockfile};
use super::metadata::Metadata;
use super::tree::Tree;
use super::{AT_ONCE, Assemble, Placed, SHOWN, place};
use crate::error::{Error, Result};
use crate::parallel;
use crate::puppetfile::model::Declared;

/// The modules of a lock file, each with the locked content in the cache.
///
/// # Errors
/// As [`super::assemble`].
pub fn locked(request: &Assemble<'_>, sources: &Fetcher<'_>, text: &str) -> Result<Placed> {
    let lock = Lockfile::parse(text, LOCK_FILE)?;
    let differences = lock.differences(request.puppetfile, &request.locked_forge());
    if !differences.is_empty() {
        let more = differences.len().saturating_sub(SHOWN);
        let mut listed = differences[..differences.len().min(SHOWN)].join("; ");
        if more > 0 {
            listed.push_str(&format!("; and {more} more"));
        }
        return Err(Error::configuration(format!(
            "reading {LOCK_FILE}: it does not fit {}: {listed}",
            request.origin
        ))
        .hint("`stringless modules update` updates it; commit both files"));
    }
    let modules: Placed = lock.modules.into_iter().collect();
    let bar = request.progress.bar("fetching modules", modules.len() as u64);
    parallel::map(&modules, AT_ONCE, |(path, locked)| {
        let declared = request.puppetfile.modules.iter().find(|declared| declared.path() == *path);
        let restored = restore(request, sources, locked, declared)
            .and_then(|note| refuse_false_description(request, locked, &note.metadata));
        bar.inc(1);
        restored.map_err(|e| e.of(&place(request.origin, &locked.name, declared)))
    })?;
    bar.finish_and_clear();
    Ok(modules)
}

/// Refuses a block whose `needs` or `version` is not that of the module's `metadata.json`: with `needs` of its own, a
/// lock file could bring in modules that nobody declares.
fn refuse_false_description(
    request: &Assemble<'_>,
    locked: &LockedModule,
    metadata: &Metadata,
) -> Result<()> {
    if let Some(what) = locked.misdescribes(metadata, request.with_dependencies) {
        return Err(Error::refused(format!("reading {LOCK_FILE}: {what}")).hint(format!(
            "find out who changed it: `git log -p {LOCK_FILE}`; `stringless modules update {}` writes its block again",
            locked.name
        )));
    }
    Ok(())
}

/// Fetches the content of a locked module into the cache, unless the cache has it from this release of this source:
/// content of another module may be there, too, and the hash alone does not say whose it is.
fn restore(
    request: &Assemble<'_>,
    sources: &Fetcher<'_>,
    locked: &LockedModule,
    declared: Option<&Declared>,
) -> Result<Note> {
    if let Some(note) = sources.noted(locked)?.filter(|note| note.tree == locked.tree) {
        return Ok(note);
    }
    let found = sources.refetch(locked, declared);
    let tree = match found {
        Ok(tree) => tree,
        Err(error) => match last_release(request, locked)? {
            Some(tree) => tree,
            None => return Err(error),
        },
    };
    let found = tree.sha256();
    if found == locked.tree {
        let note = sources.save(locked, &tree)?;
        sources.notes.about(locked, &note.metadata);
        return Ok(note);
    }
    Err(Error::refused(format!(
        "fetching {} from {}: its content has the hash {found}, but {} is locked: it was changed under the same name",
        locked.release(),
        locked.from(),
        locked.tree
    ))
    .hint(format!(
        "ask its publisher; `stringless modules update {}` locks the new content, `stringless diff` shows the changes",
        locked.name
    )))
}

fn last_release(request: &Assemble<'_>, locked: &LockedModule) -> Result<Option<Tree>> {
    let Some(published) = request.published.filter(|_| !request.offline) else { return Ok(None) };
    let tree = published.tree(&locked.name, &locked.release(), locked.from())?;
    Ok(tree.filter(|tree| tree.sha256() == locked.tree))
}
