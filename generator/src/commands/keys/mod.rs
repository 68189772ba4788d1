//! `stringless keys`.

mod list;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;
use stringless_core::key::PublicKey;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;

use crate::cli::{ChangeArgs, KeysCommand};
use crate::clock::now;
use crate::error::{Error, Result};
pub use crate::output::trust_change::{Report, TrustChange};
use crate::output::{pending as waiting, print};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::pending::{self, Pending, PendingDocument};
use crate::trust::quorum::Quorum;
use crate::trust::rotation::{self, Change};
use crate::trust::secret_key::holds_secret_key;
use crate::trust::signer::{self, Keys, Signed};
use crate::trust::{min_serial, sync};

/// A change of the trust, with what goes with it.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The keys.
    pub change: Change,
    /// Another date; none: as before.
    pub expires: Option<Option<Timestamp>>,
    /// Serials that environments go on from; the others from what is published.
    pub min_serial: BTreeMap<Name, u64>,
}

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    report: Report,
}

/// Shows or changes the keys of the site.
///
/// # Errors
/// When the change would lock everybody out, or store or keys refuse.
pub fn run(site: Option<&Path>, command: &KeysCommand) -> Result<u8> {
    let site = SiteDir::open(site)?;
    match command {
        KeysCommand::List(args) => list::run(&site, args.json),
        KeysCommand::Add { name, public, change } => {
            change_keys(&site, Change::Add(name.clone(), public_key(public)?), change)
        }
        KeysCommand::Remove { name, change } => change_keys(&site, Change::Remove(name.clone()), change),
        KeysCommand::Rotate { name, public, change } => {
            change_keys(&site, Change::Replace(name.clone(), public_key(public)?), change)
        }
        KeysCommand::Threshold { number, change } => change_keys(&site, Change::Threshold(*number), change),
    }
}

fn change_keys(site: &SiteDir, change: Change, args: &ChangeArgs) -> Result<u8> {
    let remote = SiteStore::open_to_write(site)?;
    let wish = Wish {
        change,
        expires: args.expires.map(|limit| limit.seconds().map(|seconds| now().plus(seconds))),
        min_serial: args.min_serial.iter().cloned().collect(),
    };
    let keys = Keys { given: &args.key, offline: args.offline };
    let changed = self::change(&remote, &wish, keys, args.dry_run)?;
    if !args.json {
        print::out(&changed.told())?;
        return changed.waiting().map_or(Ok(0), |waiting| waiting.end(args.offline));
    }
    let report = changed.report();
    let document = Document { format: print::JSON_FORMAT, site: &site.site.site, report };
    print::json(&document)?;
    document.report.waiting.as_ref().map_or(Ok(0), |waiting| waiting.end(args.offline))
}

/// Makes the trust that follows the newest one: signed by the threshold of both, written here, then in the
/// store.
///
/// # Errors
/// As [`run`].
pub fn change(remote: &SiteStore<'_>, wish: &Wish, keys: Keys<'_>, dry_run: bool) -> Result<TrustChange> {
    let (site, newest) = (remote.site, remote.newest_trust()?);
    sync::refuse_newer(remote)?;
    // An earlier change was cut off between `trust/` and the store.
    let mended = !dry_run && sync::sync_chain(remote)? && newest.version > 1;
    let plain = wish.expires.is_none() && wish.min_serial.is_empty();
    if mended
        && wish.min_serial.is_empty()
        && (wish.change == Change::Renew || rotation::holds(newest, &wish.change))
    {
        return Ok(TrustChange::brought(newest));
    }
    if plain && !matches!(wish.change, Change::Remove(_)) && rotation::holds(newest, &wish.change) {
        return Ok(TrustChange::same(newest));
    }
    let mut next = match rotation::holds(newest, &wish.change) {
        // Only its date or a serial is another one.
        true if !matches!(wish.change, Change::Remove(_)) => rotation::next(newest, &Change::Renew)?,
        _ => rotation::next(newest, &wish.change)?,
    };
    next.expires = wish.expires.unwrap_or(next.expires);
    if next.expires.is_some_and(|expires| now() >= expires) {
        return Err(Error::refused(format!("changing the trust: version {} would be expired", next.version))
            .hint("`--expires 52w`, or `--expires never`"));
    }
    next.min_serial = min_serial::next(remote, &wish.min_serial)?;
    if dry_run {
        return Ok(TrustChange::dry(newest, &next));
    }
    let quorum = Quorum::step(newest, &next);
    let old = still_of_use(pending::trust(site)?, newest)?;
    match signer::sign(site, PendingDocument::Trust(Box::new(next.clone())), old, &quorum, keys)? {
        Signed::Waiting(waiting) => {
            Ok(TrustChange::waits(newest, &next, waiting::Report::of(&waiting, &quorum)))
        }
        Signed::Whole(document) => finish(remote, &next, &document),
    }
}

/// Writes a change whose signatures were brought back, if they are enough.
///
/// # Errors
/// Refused: a signature that does not count.
pub fn submit(remote: &SiteStore<'_>, pending: Pending, next: &Trust, dry_run: bool) -> Result<TrustChange> {
    let newest = remote.newest_trust()?;
    let quorum = Quorum::step(newest, next);
    match signer::collect(pending, &quorum)? {
        Signed::Waiting(waiting) => {
            Ok(TrustChange::waits(newest, next, waiting::Report::of(&waiting, &quorum)))
        }
        Signed::Whole(_) if dry_run => Ok(TrustChange::dry(newest, next)),
        Signed::Whole(document) => finish(remote, next, &document),
    }
}

fn finish(remote: &SiteStore<'_>, next: &Trust, document: &[u8]) -> Result<TrustChange> {
    sync::extend(remote, document)?;
    if let Some(pending) = pending::trust(remote.site)? {
        pending.remove()?;
    }
    Ok(TrustChange::written(remote.newest_trust()?, next))
}

/// A change that waits and follows another version than the newest is of no use any more.
fn still_of_use(waiting: Option<Pending>, newest: &Trust) -> Result<Option<Pending>> {
    let Some(pending) = waiting else { return Ok(None) };
    match &pending.content {
        PendingDocument::Trust(trust) if Some(trust.version) == newest.version.checked_add(1) => {
            Ok(Some(pending))
        }
        _ => pending.remove().map(|()| None),
    }
}

/// A public key: the line itself, or a file that holds it.
fn public_key(given: &str) -> Result<PublicKey> {
    if let Ok(key) = PublicKey::parse(given) {
        return Ok(key);
    }
    let bytes = fs::read(given).map_err(|e| {
        Error::configuration(format!("reading public key `{given}`: {e}"))
            .hint("`--public` takes a .pub file, or its second line: 56 characters that start with `RW`")
    })?;
    if holds_secret_key(&bytes) {
        return Err(Error::refused(format!("reading public key `{given}`: it is a secret key"))
            .hint("the public key lies beside it, in the file that ends in .pub"));
    }
    let text = String::from_utf8_lossy(&bytes);
    let key = text.lines().find_map(|line| PublicKey::parse(line.trim()).ok());
    key.ok_or_else(|| {
        Error::configuration(format!("reading public key `{given}`: it is no minisign key"))
            .hint("`stringless keygen FILE`, or `minisign -G`, makes a pair")
    })
}
