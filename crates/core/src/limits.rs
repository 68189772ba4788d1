//! The limits of the numbers that people write: in the site file, in a manifest and in a node's configuration. There is
//! this one table, so a site file that passes its check cannot make a release that nodes refuse.

use alloc::format;
use alloc::string::String;

/// The smallest and the largest value that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The smallest.
    pub least: u64,
    /// The largest.
    pub most: u64,
    /// Both in words.
    pub words: &'static str,
}

impl Limit {
    /// Checks `value`.
    ///
    /// # Errors
    /// What is expected.
    pub fn check(&self, value: u64) -> Result<(), String> {
        if (self.least..=self.most).contains(&value) {
            Ok(())
        } else {
            Err(format!("expected {}", self.words))
        }
    }
}

/// `apply.timeout`, in seconds.
pub const TIMEOUT: Limit = Limit { least: 1, most: DAY, words: "1 second to 1 day" };
/// `apply.reapply`, in seconds, unless it is `never`.
pub const REAPPLY: Limit = Limit { least: 1, most: u64::MAX, words: "at least 1 second, or `never`" };
/// `apply.failure.tries`.
pub const TRIES: Limit = Limit { least: 1, most: 100, words: "1 to 100" };
/// `expires`, in seconds, unless it is `never`.
pub const LIFETIME: Limit = Limit { least: 1, most: u64::MAX, words: "at least 1 second, or `never`" };
/// `node.interval`, in seconds.
pub const INTERVAL: Limit = Limit { least: 10, most: 7 * DAY, words: "10 seconds to 7 days" };
/// `node.splay`, in seconds.
pub const SPLAY: Limit = Limit { least: 0, most: 7 * DAY, words: "at most 7 days" };
/// `node.notify.per_hour`.
pub const NOTICES: Limit = Limit { least: 1, most: 60, words: "1 to 60" };
/// `node.disk_budget`, in bytes.
pub const DISK_BUDGET: Limit = Limit { least: 1 << 20, most: u64::MAX, words: "at least 1MiB" };

/// The entries of a list in the site file, such as `checks.ignore`.
pub const ENTRIES: Limit = Limit { least: 0, most: 1000, words: "at most 1000 entries" };

const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_both_ends() {
        for limit in [TIMEOUT, TRIES, INTERVAL, DISK_BUDGET] {
            assert!(limit.check(limit.least).is_ok() && limit.check(limit.most).is_ok(), "{limit:?}");
            assert!(limit.check(limit.least - 1).is_err(), "{limit:?}");
            assert!(limit.most == u64::MAX || limit.check(limit.most + 1).is_err(), "{limit:?}");
        }
        assert_eq!(TIMEOUT.check(0).unwrap_err(), "expected 1 second to 1 day");
    }
}
