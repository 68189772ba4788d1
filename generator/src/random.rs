//! Random numbers, for names and waits; not for secrets.

use std::hash::{BuildHasher, RandomState};
use std::process;

/// A random number. The standard library seeds each hasher at random.
#[must_use]
pub fn random_number() -> u64 {
    RandomState::new().hash_one(process::id())
}

/// A random word that no other process writes: it names the writer of a document.
#[must_use]
pub fn random_token() -> String {
    format!("{:016x}{}", random_number(), process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_differ() {
        assert_ne!(random_token(), random_token());
    }
}
