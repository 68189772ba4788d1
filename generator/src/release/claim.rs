//! Publishers take turns where the store does not heed conditions (`If-Match`, `If-None-Match`).
//!
//! Fischer's mutual exclusion: whoever finds no claim writes one, waits longer than a write takes, and
//! goes on only if the claim is still its own. Weaker than a condition, which is used wherever it counts:
//! a write that hangs for longer than [`WAIT`] could slip through.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use std::{process, thread};

use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use crate::clock::now;
use crate::error::{Error, Result};
use crate::store::Store;

/// A claim that is held; dropping it gives it up.
#[derive(Debug)]
pub struct Claim<'a> {
    store: &'a Store,
    key: String,
}

impl<'a> Claim<'a> {
    /// Takes the claim on `environment`.
    ///
    /// # Errors
    /// When another publisher holds it, or was faster.
    pub fn take(store: &'a Store, environment: &Name) -> Result<Self> {
        let key = layout::claim(environment);
        if let Some(there) = store.get(&key, MAX_BYTES)?
            && holds(&there.bytes, now())
        {
            return Err(taken(store, &key));
        }
        let mine = format!("{} {:016x}{}\n", now(), RandomState::new().hash_one(&key), process::id());
        store.replace(&key, mine.as_bytes())?;
        thread::sleep(WAIT);
        match store.get(&key, MAX_BYTES)? {
            Some(there) if there.bytes == mine.as_bytes() => Ok(Self { store, key }),
            _ => Err(taken(store, &key)),
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // One that stays is overlooked after a while.
        self.store.replace(&self.key, b"\n").ok();
    }
}

/// Whether a claim counts: it is not given up, and not left over from a publisher that died, whose clock
/// may have been ahead.
fn holds(bytes: &[u8], now: Timestamp) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let time = text.split(' ').next().and_then(|time| Timestamp::parse(time).ok());
    time.is_some_and(|time| time <= now.plus(STALE) && now < time.plus(STALE))
}

fn taken(store: &Store, key: &str) -> Error {
    Error::temporary(format!("writing {}: another publisher is at work", store.url(key)))
        .hint(format!("run it again; a claim that was left over counts for {} minutes", STALE / 60))
}

const WAIT: Duration = Duration::from_millis(1500);
/// In seconds.
const STALE: u64 = 600;
const MAX_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_count_until_they_are_given_up_or_stale() {
        let now = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        assert!(holds(b"2026-11-20T17:59:59Z abc\n", now));
        assert!(holds(b"2026-11-20T18:00:10Z abc\n", now));
        assert!(!holds(b"2026-11-20T17:50:00Z abc\n", now));
        assert!(!holds(b"2026-11-20T18:10:01Z abc\n", now));
        assert!(!holds(b"2036-11-20T18:00:00Z abc\n", now));
        assert!(!holds(b"\n", now));
        assert!(!holds(b"", now));
        assert!(!holds(b"what", now));
    }
}
