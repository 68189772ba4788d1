//! Packs that are being removed: a mark in the store, so that removing and publishing do not miss each other.
//!
//! A publisher writes its manifest to the history, then looks at the mark, then moves the pointer. Whoever
//! removes writes the mark, then looks at the histories, then removes. In a store that shows what was
//! written (S3 does, since 2020) at least one of the two sees the other, whatever clocks say, and whether
//! conditional writes are heeded or not: a pack that a manifest needs stays, or the pointer does not move.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};
use std::{process, thread};

use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json::{self, MAX_BYTES};
use stringless_core::layout;
use stringless_core::pack::Pack;
use stringless_core::time::Timestamp;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::site::trust_chain::TrustFile;
use crate::store::{Condition, Put, Store};

/// The mark's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doomed {
    /// 1.
    format: u32,
    /// When it was written.
    since: Timestamp,
    /// Who wrote it: nobody else writes the same.
    by: String,
    /// What is being removed.
    packs: BTreeSet<Sha256>,
}

/// The mark, taken; dropping it takes it away.
#[derive(Debug)]
pub struct Mark<'a> {
    store: &'a Store,
    bytes: Vec<u8>,
    taken: Instant,
}

impl<'a> Mark<'a> {
    /// Marks `packs`, at most [`MOST`] of them.
    ///
    /// # Errors
    /// Temporary when somebody else is removing.
    pub fn take(store: &'a Store, chain: &[TrustFile], packs: BTreeSet<Sha256>) -> Result<Self> {
        let key = layout::doomed();
        let there = store.get(&key, MAX_BYTES as u64)?;
        if let Some(there) = &there
            && read(store, &there.bytes)?.is_active(now())
        {
            return Err(busy(store));
        }
        let by = format!("{:016x}{}", RandomState::new().hash_one(&key), process::id());
        let bytes = json::write(&Doomed { format: 1, since: now(), by, packs });
        let etag = there.and_then(|object| object.etag);
        let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
        let taken = Instant::now();
        let mark = Self { store, bytes, taken };
        if store.put(&key, &mark.bytes, condition)? == Put::NotHeld && !mark.is_mine()? {
            return Err(mark.lost());
        }
        if let Some(newest) = chain.last()
            && !store.heeds_conditions(&layout::trust(newest.trust.version), &newest.bytes)?
        {
            // Two may have written: the last one has it, once nobody writes any more.
            thread::sleep(WAIT);
            if !mark.is_mine()? {
                return Err(mark.lost());
            }
        }
        Ok(mark)
    }

    /// Whether it still counts for long enough to remove one more pack.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.taken.elapsed() < HELD
    }

    fn is_mine(&self) -> Result<bool> {
        let there = self.store.get(&layout::doomed(), MAX_BYTES as u64)?;
        Ok(there.is_some_and(|object| object.bytes == self.bytes))
    }

    /// Another one's mark stays where it is.
    fn lost(mut self) -> Error {
        self.bytes.clear();
        busy(self.store)
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        // One that stays is overlooked after a while.
        if !self.bytes.is_empty() && self.is_mine().unwrap_or(false) {
            self.store.delete(&layout::doomed()).ok();
        }
    }
}

/// Refuses to rely on packs that are being removed right now.
///
/// # Errors
/// Temporary when there is such a one.
pub fn refuse(store: &Store, packs: &[Pack]) -> Result<()> {
    let Some(there) = store.get(&layout::doomed(), MAX_BYTES as u64)? else { return Ok(()) };
    let doomed = read(store, &there.bytes)?;
    let Some(pack) = packs.iter().find(|pack| doomed.packs.contains(&pack.sha256)) else { return Ok(()) };
    if !doomed.is_active(now()) {
        return Ok(());
    }
    Err(Error::temporary(format!(
        "publishing: {} is being removed by `stringless gc`, since {}",
        store.url(&layout::pack(&pack.sha256)),
        doomed.since
    ))
    .hint(format!(
        "run it again when that is done; if it was cut off, `stringless gc --delete` ends it, and after {} minutes it no longer counts",
        STALE / 60
    )))
}

impl Doomed {
    /// Whether packs may still be removed because of it; one that was cut off counts for a while.
    fn is_active(&self, now: Timestamp) -> bool {
        self.since <= now.plus(STALE) && now < self.since.plus(STALE)
    }
}

fn read(store: &Store, bytes: &[u8]) -> Result<Doomed> {
    let odd = |why: String| {
        Error::refused(format!("reading {}: {why}", store.url(&layout::doomed())))
            .hint("`stringless gc` of another version wrote it, or somebody else: remove it once nothing is being removed")
    };
    let doomed: Doomed = json::parse(bytes).map_err(|e| odd(e.to_string()))?;
    if doomed.format == 1 {
        Ok(doomed)
    } else {
        Err(odd(format!("format {} is not known here", doomed.format)))
    }
}

fn busy(store: &Store) -> Error {
    Error::temporary(format!("removing: somebody else is at it, says {}", store.url(&layout::doomed())))
        .hint(format!("run it again; a mark that was left over counts for {} minutes", STALE / 60))
}

/// The most packs of one mark: it is one document.
pub const MOST: usize = 10_000;
/// Longer than a write takes.
const WAIT: Duration = Duration::from_millis(1500);
/// How long its owner begins to remove packs. Far less than [`STALE`]: a request is tried for a quarter of an
/// hour at most, and the clocks of two publishers differ by half an hour at most, or the store would not
/// take the signatures of both.
const HELD: Duration = Duration::from_secs(300);
/// In seconds.
const STALE: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_until_it_is_stale() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let doomed = |since| Doomed { format: 1, since, by: "x".into(), packs: BTreeSet::new() };
        let ago = |seconds| doomed(Timestamp::from_seconds(now.seconds() - seconds)).is_active(now);
        assert!(ago(0) && ago(3599) && !ago(3600));
        assert!(doomed(now.plus(3600)).is_active(now) && !doomed(now.plus(3601)).is_active(now));
        assert!(HELD.as_secs() + 900 + 1800 < STALE);
    }

    #[test]
    fn the_longest_mark_fits_a_document() {
        let packs: BTreeSet<Sha256> = (0..MOST).map(|n| Sha256::of(&n.to_le_bytes())).collect();
        let doomed = Doomed { format: 1, since: now(), by: "x".repeat(30), packs };
        let bytes = json::write(&doomed);
        assert!(bytes.len() < MAX_BYTES, "{}", bytes.len());
        assert_eq!(json::parse::<Doomed>(&bytes).unwrap(), doomed);
    }
}
