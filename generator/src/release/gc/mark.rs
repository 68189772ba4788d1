//! Marks packs that gc is about to delete, so that a concurrent publisher sees it.
//!
//! A publisher writes its manifest to the history, then reads the mark, then moves the pointer. Gc writes the mark,
//! then reads the histories, then deletes. In a store where a read sees every completed write (S3 since 2020), at
//! least one of the two sees the other, independent of clocks and of conditional writes. So either the pack that
//! the manifest needs stays, or the pointer does not move.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json::{self, MAX_BYTES};
use stringless_core::layout;
use stringless_core::pack::Pack;
use stringless_core::time::Timestamp;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::random::random_token;
use crate::site::trust_chain::TrustFile;
use crate::store::{Condition, Put, Store};

/// The content of the mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkDocument {
    /// 1.
    format: u32,
    /// When it was written.
    since: Timestamp,
    /// A random word of the writer: no other mark has the same.
    by: String,
    /// The packs that are being deleted.
    packs: BTreeSet<Sha256>,
}

/// A mark that this run wrote. Dropping it removes it from the store.
#[derive(Debug)]
pub struct GcMark<'a> {
    store: &'a Store,
    bytes: Vec<u8>,
    acquired: Instant,
}

impl<'a> GcMark<'a> {
    /// Marks `packs`, at most [`MAX_PACKS`] of them.
    ///
    /// # Errors
    /// Temporary when another run of gc holds the mark.
    pub fn acquire(store: &'a Store, chain: &[TrustFile], packs: BTreeSet<Sha256>) -> Result<Self> {
        let key = layout::gc_mark();
        let there = store.get(&key, MAX_BYTES as u64)?;
        if let Some(there) = &there
            && read(store, &there.bytes)?.is_active(now())
        {
            return Err(busy(store));
        }
        let by = random_token();
        let bytes = json::write(&MarkDocument { format: 1, since: now(), by, packs });
        let etag = there.and_then(|object| object.etag);
        let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
        let acquired = Instant::now();
        let mark = Self { store, bytes, acquired };
        if store.put(&key, &mark.bytes, condition)? == Put::Rejected && !mark.is_mine()? {
            return Err(mark.lost());
        }
        if let Some(newest) = chain.last()
            && !store.supports_conditions(&layout::trust(newest.trust.version), &newest.bytes)?
        {
            // The store ignores conditions, so two runs may have written the mark. The last writer has it. Wait until
            // no write can still be under way.
            thread::sleep(WAIT);
            if !mark.is_mine()? {
                return Err(mark.lost());
            }
        }
        Ok(mark)
    }

    /// Whether the mark counts for long enough to delete one more pack.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.acquired.elapsed() < HELD
    }

    fn is_mine(&self) -> Result<bool> {
        let there = self.store.get(&layout::gc_mark(), MAX_BYTES as u64)?;
        Ok(there.is_some_and(|object| object.bytes == self.bytes))
    }

    /// The error when another run has the mark. That mark stays in the store.
    fn lost(mut self) -> Error {
        self.bytes.clear();
        busy(self.store)
    }
}

impl Drop for GcMark<'_> {
    fn drop(&mut self) {
        // If this fails, the mark stays, and no longer counts after `STALE` seconds.
        if !self.bytes.is_empty() && self.is_mine().unwrap_or(false) {
            self.store.delete(&layout::gc_mark()).ok();
        }
    }
}

/// Refuses a publication that needs packs which gc is deleting now.
///
/// # Errors
/// Temporary when one of the packs is marked.
pub fn refuse_marked(store: &Store, packs: &[Pack]) -> Result<()> {
    let Some(there) = store.get(&layout::gc_mark(), MAX_BYTES as u64)? else { return Ok(()) };
    let mark = read(store, &there.bytes)?;
    let Some(pack) = packs.iter().find(|pack| mark.packs.contains(&pack.sha256)) else { return Ok(()) };
    if !mark.is_active(now()) {
        return Ok(());
    }
    Err(Error::temporary(format!(
        "publishing: `stringless gc` has been removing {} since {}",
        store.url(&layout::pack(&pack.sha256)),
        mark.since
    ))
    .hint(format!(
        "run it again when gc has ended; if gc was interrupted, `stringless gc --delete` completes it, or wait {} minutes until its mark no longer counts",
        STALE / 60
    )))
}

impl MarkDocument {
    /// Whether gc may still delete packs under this mark. The mark of an interrupted run counts for [`STALE`] seconds.
    fn is_active(&self, now: Timestamp) -> bool {
        self.since <= now.plus(STALE) && now < self.since.plus(STALE)
    }
}

fn read(store: &Store, bytes: &[u8]) -> Result<MarkDocument> {
    let odd = |why: String| {
        Error::refused(format!("reading {}: {why}", store.url(&layout::gc_mark())))
            .hint("another version of `stringless gc` or another program wrote it: when no gc is running, remove it")
    };
    let mark: MarkDocument = json::parse(bytes).map_err(|e| odd(e.to_string()))?;
    if mark.format == 1 { Ok(mark) } else { Err(odd(format!("format {} is not supported", mark.format))) }
}

fn busy(store: &Store) -> Error {
    Error::temporary(format!(
        "removing packs: another `stringless gc` is running ({})",
        store.url(&layout::gc_mark())
    ))
    .hint(format!("run it again later; the mark of an interrupted run counts for {} minutes", STALE / 60))
}

/// The most packs in one mark: it must fit into one document.
pub const MAX_PACKS: usize = 10_000;
/// Longer than a write takes.
const WAIT: Duration = Duration::from_millis(1500);
/// For how long gc starts to delete packs under one mark. Far less than [`STALE`]: the attempts of one request take a
/// quarter of an hour at most, and the clocks of two publishers differ by half an hour at most, because the store
/// would otherwise reject the request signatures of one of them.
const HELD: Duration = Duration::from_secs(300);
/// After so many seconds a mark no longer counts.
const STALE: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_until_it_is_stale() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let mark = |since| MarkDocument { format: 1, since, by: "x".into(), packs: BTreeSet::new() };
        let ago = |seconds| mark(Timestamp::from_seconds(now.seconds() - seconds)).is_active(now);
        assert!(ago(0) && ago(3599) && !ago(3600));
        assert!(mark(now.plus(3600)).is_active(now) && !mark(now.plus(3601)).is_active(now));
        assert!(HELD.as_secs() + 900 + 1800 < STALE);
    }

    #[test]
    fn the_largest_mark_fits_into_a_document() {
        let packs: BTreeSet<Sha256> = (0..MAX_PACKS).map(|n| Sha256::of(&n.to_le_bytes())).collect();
        let mark = MarkDocument { format: 1, since: now(), by: "x".repeat(30), packs };
        let bytes = json::write(&mark);
        assert!(bytes.len() < MAX_BYTES, "{}", bytes.len());
        assert_eq!(json::parse::<MarkDocument>(&bytes).unwrap(), mark);
    }
}
