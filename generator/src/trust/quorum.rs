//! The signatures that a document needs: the threshold of one trust, or of two trusts for the step between them.

use stringless_core::key::PublicKey;
use stringless_core::trust::{Trust, TrustKey};

/// The trusts whose thresholds a document must reach. Each threshold counts separately.
#[derive(Clone, Debug)]
pub struct Quorum<'a> {
    trusts: Vec<&'a Trust>,
}

/// How far one trust's threshold is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The version of the trust.
    pub version: u64,
    /// How many different keys have signed.
    pub signed: usize,
    /// How many keys must sign.
    pub needed: usize,
}

impl<'a> Quorum<'a> {
    /// The quorum of a manifest: the threshold of the newest trust.
    #[must_use]
    pub fn new(trust: &'a Trust) -> Self {
        Self { trusts: vec![trust] }
    }

    /// The quorum of a trust document: the threshold of the trust before it, and its own.
    #[must_use]
    pub fn step(old: &'a Trust, new: &'a Trust) -> Self {
        Self { trusts: vec![old, new] }
    }

    /// The key with this id, if its signature counts.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<&'a TrustKey> {
        self.trusts.iter().flat_map(|trust| &trust.keys).find(|key| key.id == id)
    }

    /// Whether a signature by `key` counts.
    #[must_use]
    pub fn counts(&self, key: &PublicKey) -> bool {
        self.trusts.iter().any(|trust| holds(trust, key))
    }

    /// How far the keys `signed` reach each threshold. A key that signed twice counts once.
    #[must_use]
    pub fn count(&self, signed: &[PublicKey]) -> Vec<Count> {
        let count = |trust: &&Trust| {
            let by = |key: &&TrustKey| signed.iter().any(|one| one.same_key(&key.key));
            let number = trust.keys.iter().filter(by).count();
            Count { version: trust.version, signed: number, needed: trust.threshold }
        };
        self.trusts.iter().map(count).collect()
    }

    /// Whether the keys `signed` reach every threshold.
    #[must_use]
    pub fn reached(&self, signed: &[PublicKey]) -> bool {
        self.count(signed).iter().all(Count::reached)
    }

    /// Whether a signature by `key` helps to reach a threshold that is not reached yet.
    #[must_use]
    pub fn helps(&self, signed: &[PublicKey], key: &PublicKey) -> bool {
        let missing = |trust: &&&Trust| {
            Quorum::new(trust).count(signed).iter().any(|count| !count.reached()) && holds(trust, key)
        };
        !signed.iter().any(|one| one.same_key(key)) && self.trusts.iter().any(|trust| missing(&trust))
    }

    /// The keys whose signatures would still help, each once.
    #[must_use]
    pub fn missing(&self, signed: &[PublicKey]) -> Vec<&'a TrustKey> {
        let mut missing: Vec<&TrustKey> = Vec::new();
        for key in self.trusts.iter().flat_map(|trust| &trust.keys) {
            if self.helps(signed, &key.key) && !missing.iter().any(|one| one.key.same_key(&key.key)) {
                missing.push(key);
            }
        }
        missing
    }

    /// In how many of the trusts `key` counts. A key that counts in both signs first.
    #[must_use]
    pub fn weight(&self, key: &PublicKey) -> usize {
        self.trusts.iter().filter(|trust| holds(trust, key)).count()
    }

    /// Every key that counts, as `release (0123456789ABCDEF), …`.
    #[must_use]
    pub fn names(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        for key in self.trusts.iter().flat_map(|trust| &trust.keys) {
            let name = title(key);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    /// The trusts, as `trust version 2` or `trust versions 1 and 2`.
    #[must_use]
    pub fn title(&self) -> String {
        let versions: Vec<String> = self.trusts.iter().map(|trust| trust.version.to_string()).collect();
        let word = if versions.len() == 1 { "version" } else { "versions" };
        format!("trust {word} {}", versions.join(" and "))
    }
}

impl Count {
    /// Whether enough keys have signed.
    #[must_use]
    pub fn reached(&self) -> bool {
        self.signed >= self.needed
    }
}

/// A key, as messages name it: `release (0123456789ABCDEF)`.
#[must_use]
pub fn title(key: &TrustKey) -> String {
    format!("{} ({})", key.name, key.id)
}

fn holds(trust: &Trust, key: &PublicKey) -> bool {
    trust.keys.iter().any(|one| one.key.same_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::rotation::tests::{key, trust};

    #[test]
    fn both_thresholds_of_a_step_count_separately() {
        let [a, b, c] = ["a", "b", "c"].map(key);
        let (old, new) = (trust(1, 1, &[&a]), trust(2, 2, &[&b, &c]));
        let step = Quorum::step(&old, &new);
        let signed = |keys: &[&TrustKey]| keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>();
        assert!(!step.reached(&signed(&[&a])) && !step.reached(&signed(&[&b, &c])));
        assert!(step.reached(&signed(&[&a, &b, &c])));
        assert!(!step.reached(&signed(&[&a, &b, &b])), "a key that signed twice counts once");
        assert!(step.helps(&signed(&[&b]), &c.key) && !step.helps(&signed(&[&a]), &a.key));
        assert_eq!(step.missing(&signed(&[&a, &b])), [&c]);
        assert_eq!(step.title(), "trust versions 1 and 2");
        assert!(!Quorum::new(&old).counts(&b.key));
    }
}
