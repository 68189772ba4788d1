//! A change of the keys, from the wish to the signed trust document in the store.

use std::collections::BTreeMap;

use stringless_core::name::Name;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::remote::site_store::SiteStore;
use crate::trust::pending::{self, Pending, PendingDocument};
use crate::trust::quorum::Quorum;
use crate::trust::rotation::{self, Change};
use crate::trust::signer::{self, Keys, Signed, Waiting};
use crate::trust::{min_serial, sync};

/// A change of the trust that somebody asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The change of the keys.
    pub change: Change,
    /// The new expiry, where the inner `None` means never; `None` keeps the old one.
    pub expires: Option<Option<Timestamp>>,
    /// The minimum serials of environments; the others are taken from the published releases.
    pub min_serial: BTreeMap<Name, u64>,
}

/// A change of the trust, and how far it has come.
#[derive(Debug)]
pub struct Changed {
    /// The trust before.
    pub old: Trust,
    /// The trust after.
    pub next: Trust,
    /// How far the change has come.
    pub state: State,
}

/// How far a change of the trust has come.
#[derive(Debug)]
pub enum State {
    /// The trust was written here and in the store.
    Written,
    /// The trust was here already, and was missing from the store.
    Uploaded,
    /// There is nothing to change.
    Unchanged,
    /// A dry run: nothing was signed or written.
    Planned,
    /// More signatures are needed.
    Waiting(Waiting),
}

/// Makes the trust that follows the newest one. The threshold of both must sign it; it is written to `trust/`, then
/// to the store.
///
/// # Errors
/// When the change would lock everybody out, or the store or the keys refuse.
pub fn change(remote: &SiteStore<'_>, wish: &Wish, keys: Keys<'_>, dry_run: bool) -> Result<Changed> {
    let (site, newest) = (remote.site, remote.newest_trust()?);
    sync::refuse_newer(remote)?;
    let changed = |next: &Trust, state| Changed { old: newest.clone(), next: next.clone(), state };
    // An earlier change may have been interrupted between `trust/` and the store.
    let uploaded = !dry_run && sync::sync_chain(remote)? && newest.version > 1;
    let holds = rotation::is_applied(newest, &wish.change);
    if uploaded && wish.min_serial.is_empty() && (wish.change == Change::Renew || holds) {
        return Ok(changed(newest, State::Uploaded));
    }
    let removes = matches!(wish.change, Change::Remove(_) | Change::RemoveFleet(_));
    if wish.expires.is_none() && wish.min_serial.is_empty() && !removes && holds {
        return Ok(changed(newest, State::Unchanged));
    }
    let mut next = if holds && !removes {
        // The keys stay; only the expiry or a minimum serial changes.
        rotation::next(newest, &Change::Renew)?
    } else {
        rotation::next(newest, &wish.change)?
    };
    next.expires = wish.expires.unwrap_or(next.expires);
    if next.expires.is_some_and(|expires| now() >= expires) {
        return Err(Error::refused(format!("changing the trust: version {} would be expired", next.version))
            .hint("`--expires 52w`, or `--expires never`"));
    }
    next.min_serial = min_serial::next(remote, &wish.min_serial)?;
    if dry_run {
        return Ok(changed(&next, State::Planned));
    }
    let quorum = Quorum::step(newest, &next);
    let old = still_useful(pending::trust(site)?, newest)?;
    match signer::sign(site, PendingDocument::Trust(Box::new(next.clone())), old, &quorum, keys)? {
        Signed::Waiting(waiting) => Ok(changed(&next, State::Waiting(waiting))),
        Signed::Complete(document) => finish(remote, &next, &document),
    }
}

/// Writes a change that waited for signatures, if it has enough of them now.
///
/// # Errors
/// Refused when a signature does not count, or another change was faster.
pub fn submit(remote: &SiteStore<'_>, pending: Pending, next: &Trust, dry_run: bool) -> Result<Changed> {
    let newest = remote.newest_trust()?;
    sync::refuse_newer(remote)?;
    let changed = |state| Changed { old: newest.clone(), next: next.clone(), state };
    if newest == next && !dry_run {
        // An earlier run was interrupted between `trust/` and the store, or before it removed the pending document.
        sync::sync_chain(remote)?;
        pending.remove()?;
        return Ok(changed(State::Unchanged));
    }
    if next.version != newest.version.saturating_add(1) {
        return Err(Error::refused(format!(
            "publishing `{}`: trust version {} was published meanwhile",
            pending.file.display(),
            newest.version
        ))
        .hint(format!(
            "rm {}*, look at `stringless keys list`, and make the change again",
            pending.file.display()
        )));
    }
    if !dry_run {
        sync::sync_chain(remote)?;
    }
    match signer::collect(pending, &Quorum::step(newest, next))? {
        Signed::Waiting(waiting) => Ok(changed(State::Waiting(waiting))),
        Signed::Complete(_) if dry_run => Ok(changed(State::Planned)),
        Signed::Complete(document) => finish(remote, next, &document),
    }
}

fn finish(remote: &SiteStore<'_>, next: &Trust, document: &[u8]) -> Result<Changed> {
    sync::extend(remote, document)?;
    if let Some(pending) = pending::trust(remote.site)? {
        pending.remove()?;
    }
    Ok(Changed { old: remote.newest_trust()?.clone(), next: next.clone(), state: State::Written })
}

/// The pending change, if it follows the newest trust. One that follows an older trust can never count; it is removed.
fn still_useful(pending: Option<Pending>, newest: &Trust) -> Result<Option<Pending>> {
    let Some(pending) = pending else { return Ok(None) };
    match &pending.content {
        PendingDocument::Trust(trust) if Some(trust.version) == newest.version.checked_add(1) => {
            Ok(Some(pending))
        }
        _ => pending.remove().map(|()| None),
    }
}
