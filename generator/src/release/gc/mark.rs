//! Marks packs that gc is about to delete, so that a concurrent publisher sees it.
//!
//! A publisher writes its manifest to the history, then reads the mark, then moves the pointer. Gc writes the mark,
//! then reads the histories, then deletes. In a store where a read sees every completed write (S3 since 2020), at
//! least one of the two sees the other, independent of clocks and of conditional writes. So either the pack that
//! the manifest needs stays, or the pointer does not move.
//!
//! Gc renews its mark while it works. A mark that is not renewed for [`STALE`] seconds no longer counts: its run was
//! interrupted, and the next publisher or gc goes on without it. A run that could not renew its mark in time deletes
//! nothing more. The age of a mark is measured by the clock of the store alone.
//!
//! A folder needs no mark: gc holds its lock.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json::{self, MAX_BYTES};
use stringless_core::layout;
use stringless_core::pack::Pack;
use stringless_core::time::Timestamp;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::http::Limits;
use crate::random::random_token;
use crate::signals::{self, Deferred};
use crate::site::trust_chain::TrustFile;
use crate::store::{Condition, Object, Put, Store};

/// The content of the mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MarkDocument {
    /// 1.
    format: u32,
    /// What a reader must understand to go by it; mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<String>,
    /// When it was written or renewed.
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
    current: Mutex<Current>,
    /// Another run has replaced the mark.
    lost: AtomicBool,
    /// The first signal stops the removal; the mark is removed before the program ends.
    _deferred: Deferred,
}

/// The mark as it is in the store.
#[derive(Debug)]
struct Current {
    document: MarkDocument,
    bytes: Vec<u8>,
    /// When the request began that wrote it.
    since: Moment,
}

/// A time by both clocks of this machine: the one stands still while the machine sleeps, the other can be set.
#[derive(Clone, Copy, Debug)]
struct Moment(Instant, SystemTime);

impl<'a> GcMark<'a> {
    /// Marks `packs`, at most [`MAX_PACKS`] of them.
    ///
    /// # Errors
    /// Temporary when another run of gc holds the mark.
    pub fn acquire(store: &'a Store, chain: &[TrustFile], packs: BTreeSet<Sha256>) -> Result<Self> {
        let key = layout::gc_mark();
        let there = store.get(&key, MAX_BYTES as u64)?;
        refuse_active(store, there.as_ref())?;
        let deferred = signals::defer();
        let since = Moment::now();
        let document =
            MarkDocument { format: FORMAT, needs: Vec::new(), since: now(), by: random_token(), packs };
        let bytes = json::write(&document);
        let current = Mutex::new(Current { bytes: bytes.clone(), document, since });
        let mark = Self { store, current, lost: AtomicBool::new(false), _deferred: deferred };
        let etag = there.and_then(|object| object.etag);
        let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
        if store.put(&key, &bytes, condition)? == Put::Rejected && !mark.is_mine()? {
            return Err(mark.give_up());
        }
        if let Some(newest) = chain.last()
            && !store.supports_conditions(&layout::trust(newest.trust.version), &newest.bytes)?
        {
            // The store ignores conditions, so two runs may have written the mark. The last writer has it. Wait until
            // no write can still be under way.
            thread::sleep(WAIT);
            if !mark.is_mine()? {
                return Err(mark.give_up());
            }
        }
        Ok(mark)
    }

    /// The time until [`GcMark::renew`] should be called.
    pub const RENEW: Duration = Duration::from_secs(10);

    /// Whether the mark counts for long enough to begin one more request that deletes.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.lost.load(Ordering::SeqCst) && self.current().since.elapsed() < HELD
    }

    /// Writes the mark again, with the time of now. Returns whether it is worth trying once more: the mark still counts.
    pub fn renew(&self) -> bool {
        if !self.holds() {
            return false;
        }
        let since = Moment::now();
        let document = MarkDocument { since: now(), ..self.current().document.clone() };
        let bytes = json::write(&document);
        match self.replace(&bytes) {
            Ok(true) => *self.current() = Current { document, bytes, since },
            Ok(false) => self.lost.store(true, Ordering::SeqCst),
            // The next try may succeed, as long as the mark counts.
            Err(_) => {}
        }
        self.holds()
    }

    /// Deletes the object at `key`, unless the mark has ceased to count.
    ///
    /// # Errors
    /// When the store fails, or the mark no longer counts.
    pub fn delete(&self, key: &str) -> Result<()> {
        signals::check("removing packs")?;
        if !self.holds() {
            return Err(Error::temporary("removing packs: the mark of this run was not renewed in time")
                .hint("run it again: it continues where it stopped"));
        }
        self.store.delete_within(key, Limits { attempt: Some(ATTEMPT), may_try: &|| self.holds() })
    }

    /// Replaces the mark in the store, if it is still this one.
    fn replace(&self, bytes: &[u8]) -> Result<bool> {
        let key = layout::gc_mark();
        let there = self.store.get(&key, MAX_BYTES as u64)?;
        let Some(there) = there.filter(|there| there.bytes == self.current().bytes) else { return Ok(false) };
        let condition = there.etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
        if self.store.put(&key, bytes, condition)? == Put::Written {
            return Ok(true);
        }
        // If the first response was lost, the retry finds our own mark.
        Ok(self.store.get(&key, MAX_BYTES as u64)?.is_some_and(|there| there.bytes == bytes))
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_mine(&self) -> Result<bool> {
        let there = self.store.get(&layout::gc_mark(), MAX_BYTES as u64)?;
        Ok(there.is_some_and(|object| object.bytes == self.current().bytes))
    }

    /// The error when another run has the mark. That mark stays in the store.
    fn give_up(self) -> Error {
        self.lost.store(true, Ordering::SeqCst);
        busy(self.store).hint("run it again when that one has ended")
    }
}

impl Drop for GcMark<'_> {
    fn drop(&mut self) {
        // If this fails, the mark stays, and no longer counts after `STALE` seconds.
        if !self.lost.load(Ordering::SeqCst) && self.is_mine().unwrap_or(false) {
            self.store.delete(&layout::gc_mark()).ok();
        }
    }
}

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn elapsed(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
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
    if !mark.is_active(there.age, now()) {
        return Ok(());
    }
    Err(Error::temporary(format!(
        "publishing: `stringless gc` is removing {}",
        store.url(&layout::pack(&pack.sha256)),
    ))
    .hint(again(&there)))
}

/// Refuses to begin while another run of gc holds the mark `there`.
///
/// # Errors
/// Temporary when the mark counts.
pub fn refuse_active(store: &Store, there: Option<&Object>) -> Result<()> {
    let Some(there) = there else { return Ok(()) };
    if read(store, &there.bytes)?.is_active(there.age, now()) { Err(busy_with(store, there)) } else { Ok(()) }
}

impl MarkDocument {
    /// Whether gc may still delete packs under this mark. If the store does not say how old the mark is, the clocks of
    /// two publishers must do: they differ by half an hour at most, because the store would otherwise reject the request
    /// signatures of one of them.
    fn is_active(&self, age: Option<u64>, now: Timestamp) -> bool {
        match age {
            Some(age) => age < STALE,
            None => self.since <= now.plus(STALE_BY_CLOCK) && now < self.since.plus(STALE_BY_CLOCK),
        }
    }
}

fn read(store: &Store, bytes: &[u8]) -> Result<MarkDocument> {
    let odd = |why: String| {
        Error::refused(format!("reading {}: {why}", store.url(&layout::gc_mark())))
            .hint("another version of `stringless gc` or another program wrote it: when no gc is running, remove it")
    };
    json::check_head(bytes, FORMAT)
        .map_err(|e| Error::newer(format!("reading {}", store.url(&layout::gc_mark())), e))?;
    json::parse(bytes).map_err(|e| odd(e.to_string()))
}

fn busy(store: &Store) -> Error {
    let url = store.url(&layout::gc_mark());
    Error::temporary(format!("removing packs: another `stringless gc` is running ({url})"))
}

fn busy_with(store: &Store, there: &Object) -> Error {
    busy(store).hint(again(there))
}

/// When a mark ceases to count, in words.
fn again(there: &Object) -> String {
    let seconds = if there.age.is_some() { STALE } else { STALE_BY_CLOCK };
    format!(
        "run it again when gc has ended. If gc was interrupted, run it again after {seconds} seconds: a mark that is not renewed for so long no longer counts"
    )
}

/// The format that this code writes, and the only one that it reads.
const FORMAT: u32 = 1;
/// The most packs in one mark: it must fit into one document.
pub const MAX_PACKS: usize = 10_000;
/// Longer than a write takes.
const WAIT: Duration = Duration::from_millis(1500);
/// For how long after the last renewal gc begins requests that delete.
const HELD: Duration = Duration::from_secs(30);
/// The longest time of such a request. There can be two: one for each set of trusted certificate authorities.
const ATTEMPT: Duration = Duration::from_secs(15);
/// After so many seconds without a renewal a mark no longer counts, by the clock of the store.
const STALE: u64 = 90;
/// The same in a store that does not say how old an object is.
const STALE_BY_CLOCK: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use stringless_core::store::StoreSettings;

    #[test]
    fn a_mark_counts_until_it_is_stale() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let mark = |since| MarkDocument {
            format: FORMAT,
            needs: Vec::new(),
            since,
            by: "x".into(),
            packs: BTreeSet::new(),
        };
        // The clock of the store counts, whatever the mark says.
        for since in [Timestamp::default(), now, Timestamp::MAX] {
            assert!(mark(since).is_active(Some(89), now) && !mark(since).is_active(Some(90), now));
        }
        let ago = |seconds| mark(Timestamp::from_seconds(now.seconds() - seconds)).is_active(None, now);
        assert!(ago(0) && ago(3599) && !ago(3600));
        assert!(mark(now.plus(3600)).is_active(None, now) && !mark(now.plus(3601)).is_active(None, now));
        assert!(HELD.as_secs() + 2 * ATTEMPT.as_secs() + 20 < STALE, "the last request has ended before");
        assert!(HELD.as_secs() + 2 * ATTEMPT.as_secs() + 1800 < STALE_BY_CLOCK);
        assert!(2 * GcMark::RENEW < HELD);
    }

    #[test]
    fn a_mark_is_renewed_until_another_run_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let settings = StoreSettings { url, region: None, endpoint: None, style: None };
        let store = Store::open(&settings, None).unwrap();
        let there = || store.get(&layout::gc_mark(), MAX_BYTES as u64).unwrap();
        let mark = GcMark::acquire(&store, &[], BTreeSet::from([Sha256::of(b"a")])).unwrap();
        assert!(GcMark::acquire(&store, &[], BTreeSet::new()).is_err());
        assert!(mark.holds() && mark.renew() && mark.renew());
        drop(mark);
        assert_eq!(there(), None, "dropping it removes it");

        let mark = GcMark::acquire(&store, &[], BTreeSet::new()).unwrap();
        store.replace(&layout::gc_mark(), b"of another run").unwrap();
        assert!(!mark.renew() && !mark.holds());
        assert_eq!(mark.delete("packs/x").unwrap_err().exit_code(), 1);
        drop(mark);
        assert_eq!(there().unwrap().bytes, b"of another run");
    }

    /// See `make fixtures`.
    #[test]
    fn a_mark_reads_and_writes_as_ever() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/formats/1/doomed");
        let since = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        let packs = BTreeSet::from([Sha256::of(b"pack")]);
        let mark = MarkDocument { format: FORMAT, needs: Vec::new(), since, by: "word".into(), packs };
        if std::env::var_os("STRINGLESS_BLESS").is_some() {
            std::fs::write(&path, json::write(&mark)).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, json::write(&mark), "{}: `make fixtures`", path.display());
        assert_eq!(json::parse::<MarkDocument>(&bytes).unwrap(), mark);
    }

    #[test]
    fn the_largest_mark_fits_into_a_document() {
        let packs: BTreeSet<Sha256> = (0..MAX_PACKS).map(|n| Sha256::of(&n.to_le_bytes())).collect();
        let mark =
            MarkDocument { format: FORMAT, needs: Vec::new(), since: now(), by: "x".repeat(30), packs };
        let bytes = json::write(&mark);
        assert!(bytes.len() < MAX_BYTES, "{}", bytes.len());
        assert_eq!(json::parse::<MarkDocument>(&bytes).unwrap(), mark);
    }
}
