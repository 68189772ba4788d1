//! Signs the first trust of a site, and checks it with the code that nodes run. No IO.

use stringless_core::document::Document;
use stringless_core::name::Name;
use stringless_core::trust::Trust;
use stringless_core::{json, verify};

use crate::error::{Error, Result};
use crate::trust::secret_key::SecretKey;

/// Signs the first trust document with every key of `keys`, and verifies that the trust's keys reach its threshold.
///
/// # Errors
/// When they do not reach it, or the trust breaks a rule.
pub fn trust(trust: &Trust, keys: &[SecretKey], site: &Name) -> Result<Vec<u8>> {
    let payload = json::write(trust);
    let sign = |key: &SecretKey| key.sign(&payload, &trust.comment());
    let blocks: Vec<String> = keys.iter().map(sign).collect::<Result<_>>()?;
    let bytes = Document::assemble(&blocks, &payload);
    verify::own_trust_document(&bytes, site)
        .map_err(|refusal| Error::refusal("signing", format!("trust version {}", trust.version), &refusal))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use stringless_core::trust::{TrustKey, TrustType};

    use crate::trust::secret_key::Protection;

    /// Three keys, and a trust with a threshold of two.
    fn keys_and_trust() -> (tempfile::TempDir, Vec<SecretKey>, Trust) {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<SecretKey> = ["a", "b", "c"]
            .iter()
            .map(|name| {
                SecretKey::create(&folder.path().join(format!("{name}.key")), Protection::None).unwrap()
            })
            .collect();
        let named = |(key, name): (&SecretKey, &str)| TrustKey {
            name: Name::new(name).unwrap(),
            id: key.public().id(),
            key: key.public().clone(),
        };
        let trust = Trust {
            kind: TrustType::Trust,
            format: stringless_core::trust::FORMAT,
            needs: Vec::new(),
            site: Name::new("s").unwrap(),
            version: 1,
            threshold: 2,
            keys: keys.iter().zip(["a", "b", "c"]).map(named).collect(),
            fleet: Vec::new(),
            expires: None,
            min_serial: BTreeMap::new(),
        };
        (folder, keys, trust)
    }

    #[test]
    fn a_threshold_counts_each_key_once() {
        let (folder, mut keys, two) = keys_and_trust();
        assert!(trust(&two, &keys[..2], &two.site).is_ok());
        assert!(trust(&two, &keys[..1], &two.site).is_err());
        let first = keys.remove(0);
        let twice = [first, SecretKey::open(&folder.path().join("a.key")).unwrap()];
        assert!(trust(&two, &twice, &two.site).is_err(), "a key that signs twice counts once");
    }

    #[test]
    fn a_trust_that_breaks_a_rule_is_not_signed() {
        let (_folder, keys, two) = keys_and_trust();
        let wrong = Trust { threshold: 0, ..two.clone() };
        assert!(trust(&wrong, &keys, &two.site).is_err());
        let twice = [&two.keys[..], &two.keys[..1]].concat();
        assert!(trust(&Trust { keys: twice, ..two.clone() }, &keys, &two.site).is_err());
    }
}
