//! A claim: publishers take turns in a store that ignores conditional writes (`If-Match`, `If-None-Match`).
//!
//! This is Fischer's mutual exclusion: a publisher that finds no claim writes one, waits longer than a write takes,
//! and continues only if the claim is still its own. It is weaker than a conditional write, which is used where the
//! store supports it: a write that takes longer than [`WAIT`] could overwrite another publisher's claim.

use std::thread;
use std::time::Duration;

use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::random::random_token;
use crate::signals::{self, Deferred};
use crate::store::Store;

/// A claim that this publisher holds. Dropping it releases it.
#[derive(Debug)]
pub struct Claim<'a> {
    store: &'a Store,
    key: String,
    /// The first signal stops the publication; the claim is released before the program ends.
    _deferred: Deferred,
}

impl<'a> Claim<'a> {
    /// Acquires the claim on `environment`.
    ///
    /// # Errors
    /// When another publisher holds it, or was faster.
    pub fn acquire(store: &'a Store, environment: &Name) -> Result<Self> {
        let key = layout::claim(environment);
        if let Some(there) = store.get(&key, MAX_BYTES)?
            && is_active(&there.bytes, now())
        {
            return Err(busy(store, &key));
        }
        let mine = format!("{} {}\n", now(), random_token());
        let deferred = signals::defer();
        store.replace(&key, mine.as_bytes())?;
        thread::sleep(WAIT);
        match store.get(&key, MAX_BYTES)? {
            Some(there) if there.bytes == mine.as_bytes() => Ok(Self { store, key, _deferred: deferred }),
            _ => Err(busy(store, &key)),
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // If this fails, the claim stays, and no longer counts after `STALE` seconds.
        self.store.replace(&self.key, b"\n").ok();
    }
}

/// Whether a claim counts: it was not released, and it is at most [`STALE`] seconds old. A claim from further in the
/// future does not count either: its publisher's clock was ahead, and the publisher may have died.
fn is_active(bytes: &[u8], now: Timestamp) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let time = text.split(' ').next().and_then(|time| Timestamp::parse(time).ok());
    time.is_some_and(|time| time <= now.plus(STALE) && now < time.plus(STALE))
}

fn busy(store: &Store, key: &str) -> Error {
    Error::temporary(format!("writing {}: another publisher is writing", store.url(key))).hint(format!(
        "run it again; a claim that an interrupted publisher left behind counts for {} minutes",
        STALE / 60
    ))
}

/// Longer than a write takes.
const WAIT: Duration = Duration::from_millis(1500);
/// In seconds.
const STALE: u64 = 600;
const MAX_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_counts_until_it_is_released_or_stale() {
        let now = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        assert!(is_active(b"2026-11-20T17:59:59Z abc\n", now));
        assert!(is_active(b"2026-11-20T18:00:10Z abc\n", now));
        assert!(!is_active(b"2026-11-20T17:50:00Z abc\n", now));
        assert!(!is_active(b"2026-11-20T18:10:01Z abc\n", now));
        assert!(!is_active(b"2036-11-20T18:00:00Z abc\n", now));
        assert!(!is_active(b"\n", now));
        assert!(!is_active(b"", now));
        assert!(!is_active(b"what", now));
    }
}
