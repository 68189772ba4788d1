//! How long to wait before the next try, and when to stop trying.

/// The maximum number of tries for one request.
pub const MAX_TRIES: u32 = 4;

/// Milliseconds to wait after the failed try number `tried` (from 1), or `None` to stop.
///
/// The base wait is one second and doubles with each try; the result is a random value between half of it and
/// all of it. `random` may be any number. The randomness keeps a fleet from retrying all at the same moment.
#[must_use]
pub fn wait(tried: u32, random: u64) -> Option<u64> {
    if tried >= MAX_TRIES {
        return None;
    }
    let full = FIRST << tried.saturating_sub(1).min(5);
    Some(full / 2 + random % (full / 2 + 1))
}

/// Seconds until the daemon's next run: the interval plus a random part of the splay.
#[must_use]
pub fn next_run(interval: u64, splay: u64, random: u64) -> u64 {
    interval.saturating_add(random % splay.saturating_add(1))
}

const FIRST: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_are_bounded_and_grow(random: u64) {
            for tried in 1..MAX_TRIES {
                let full = FIRST << (tried - 1);
                let wait = wait(tried, random).unwrap();
                prop_assert!((full / 2..=full).contains(&wait));
            }
            prop_assert_eq!(wait(MAX_TRIES, random), None);
            prop_assert!((300..=360).contains(&next_run(300, 60, random)));
        }
    }
}
