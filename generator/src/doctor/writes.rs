//! What a store does with writes, learnt by trying with one object of its own, `scratch/doctor-…`.
//!
//! A key with the least privilege may neither write that object nor remove any. Then one write is tried whose condition
//! does not hold, with the bytes that are there: nothing changes, even if the store ignores the condition.

use stringless_core::json::MAX_BYTES;
use stringless_core::layout;

use super::Doctor;
use super::findings::Findings;
use crate::error::{Error, Result};
use crate::random::random_number;
use crate::store::{Asked, Condition, Put, Store};

impl Doctor<'_> {
    /// Tries to write to the store that is published to.
    pub(super) fn writes(self, store: &Store, what: &str, list: &mut Findings) {
        if let Err(error) = store.check_writable() {
            list.error(what, &error);
        } else if !self.write {
            list.not_checked(what, "conditional writes, reading after writing, removal".into(), WRITE);
        } else if let Err(error) = tried(store, what, list) {
            list.error(what, &error);
        }
    }
}

fn tried(store: &Store, what: &str, list: &mut Findings) -> Result<()> {
    // An object that cannot be removed has always the same name, so that no second one is left behind.
    let own = layout::scratch(&format!("doctor-{:016x}", random_number()));
    let removes = match store.ask(&own, Asked::Remove)? {
        Some(reply) if reply.is_denied() => false,
        Some(reply) if !reply.is_allowed(Asked::Remove) => {
            let url = store.url(&own);
            return Err(Error::temporary(format!("removing {url}: the store answers {}", reply.status))
                .hint("nothing was written; run it again"));
        }
        _ => true,
    };
    let key = if removes { own } else { layout::scratch("doctor") };
    if let Some(reply) = store.ask(&key, Asked::Add(FIRST))?
        && reply.is_denied()
    {
        return with_least_privilege(store, what, list);
    }
    let end = written(store, &key, what, list);
    if !removes {
        list.ok(what, format!("this key may write, and not remove: `{}` stays", store.url(&key)));
        return end;
    }
    store.delete(&key)?;
    end?;
    if store.get(&key, MAX_BYTES as u64)?.is_some() {
        return Err(Error::temporary(format!(
            "reading {}: it is there after it was removed",
            store.url(&key)
        ))
        .hint("something between this machine and the store keeps old answers: a cache, a CDN"));
    }
    list.ok(what, "objects can be removed".into());
    Ok(())
}

/// Writes and reads the object, with conditions that hold and with others.
fn written(store: &Store, key: &str, what: &str, list: &mut Findings) -> Result<()> {
    // It may be there from a key that removes nothing.
    store.replace(key, FIRST)?;
    let etag = read(store, key, FIRST)?;
    let absent = store.put(key, SECOND, Condition::Absent)? == Put::Rejected;
    let other = store.put(key, SECOND, Condition::Unchanged(NO_ETAG))? == Put::Rejected;
    let kept = if absent && other { read(store, key, FIRST).map(drop) } else { Ok(()) };
    match (absent, other) {
        (true, true) => list.ok(what, "it honours `If-None-Match` and `If-Match`".into()),
        (false, true) => list.warn(what, "it ignores `If-None-Match`".into(), CLAIM),
        (true, false) => list.warn(what, "it ignores `If-Match`".into(), CLAIM),
        (false, false) => list.warn(what, "it ignores `If-None-Match` and `If-Match`".into(), CLAIM),
    }
    kept?;
    if let (true, true, Some(etag)) = (absent, other, etag)
        && store.put(key, SECOND, Condition::Unchanged(&etag))? == Put::Rejected
    {
        return Err(Error::refused(format!(
            "writing {}: the store refuses the ETag that it sent",
            store.url(key)
        ))
        .hint(
            "publishing will fail, too: report it to the operator of the store, or of the proxy before it",
        ));
    }
    store.replace(key, SECOND)?;
    read(store, key, SECOND)?;
    list.ok(what, "what was written is read at once".into());
    let folder = layout::scratch("");
    if store.list(&folder)?.iter().any(|listed| listed.key == key && listed.size == SECOND.len() as u64) {
        return Ok(());
    }
    Err(Error::temporary(format!("listing {}: what was written is not in it", store.url(&folder)))
        .hint("`gc` needs listings that are up to date: do not run it on this store"))
}

/// Reads the object, and returns its ETag.
fn read(store: &Store, key: &str, bytes: &[u8]) -> Result<Option<String>> {
    match store.get(key, MAX_BYTES as u64)? {
        Some(object) if object.bytes == bytes => Ok(object.etag),
        Some(_) => Err(Error::temporary(format!(
            "reading {}: it is not what was written just before",
            store.url(key)
        ))
        .hint("something between this machine and the store keeps old answers: a cache, a CDN")),
        None => Err(Error::temporary(format!(
            "reading {}: it is not there right after it was written",
            store.url(key)
        ))
        .hint("the store shows writes late; publishing and following need one that shows them at once")),
    }
}

/// As much as a key can try that may only add what a release needs.
fn with_least_privilege(store: &Store, what: &str, list: &mut Findings) -> Result<()> {
    let trust = layout::trust(1);
    let Some(there) = store.get(&trust, MAX_BYTES as u64)? else {
        list.not_checked(
            what,
            "whether this key may publish: nothing is published yet".into(),
            "`stringless publish`",
        );
        return Ok(());
    };
    match store.put(&trust, &there.bytes, Condition::Absent)? {
        Put::Rejected => {
            list.ok(what, "this key may publish, and nothing else; the store honours `If-None-Match`".into());
        }
        Put::Written => list.warn(what, "it ignores `If-None-Match`".into(), CLAIM),
    }
    list.not_checked(
        what,
        "`If-Match`, reading after writing, removal: this key may not".into(),
        "run it with a key of the bucket's owner",
    );
    Ok(())
}

const FIRST: &[u8] = b"Written by `stringless doctor --write`.\n";
const SECOND: &[u8] = b"Written by `stringless doctor --write`, and again.\n";
/// An ETag that no object has.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";
const WRITE: &str = "`--write` tries them with an object of its own";
const CLAIM: &str = "publishing works, with a claim that keeps other publishers away, which is weaker: never publish from two places at once";
