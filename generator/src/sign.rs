//! Secret keys + a value → a signed document, then checked with the node's own code. No IO.

use agent_core::document::Document;
use agent_core::json;
use agent_core::manifest::Manifest;
use agent_core::name::Name;
use agent_core::trust::{Trust, TrustedKeys};
use agent_core::verify;

use crate::error::{Error, Result};
use crate::secret::SecretKey;

/// Signs a manifest with every key, and verifies it as a node with `trusted` would.
///
/// # Errors
/// When the keys do not reach the threshold, or the manifest breaks a rule.
pub fn manifest(manifest: &Manifest, keys: &[SecretKey], trusted: &TrustedKeys) -> Result<Vec<u8>> {
    let bytes = document(&json::write(manifest), &manifest.comment(), keys)?;
    verify::manifest(&bytes, trusted, &manifest.site, &manifest.environment).map_err(|refusal| {
        let object = format!("manifest {} of `{}`", manifest.serial, manifest.environment);
        let need: Vec<String> = trusted.keys.iter().map(agent_core::key::PublicKey::id).collect();
        Error::refusal("signing", object, &refusal).hint(format!(
            "`--key FILE` once for each of {} keys; trusted are {}",
            trusted.threshold,
            need.join(", ")
        ))
    })?;
    Ok(bytes)
}

/// Signs a trust document with every key, and verifies that its own keys reach its threshold.
///
/// # Errors
/// As [`manifest`].
pub fn trust(trust: &Trust, keys: &[SecretKey], site: &Name) -> Result<Vec<u8>> {
    let bytes = document(&json::write(trust), &trust.comment(), keys)?;
    verify::own_trust_document(&bytes, site)
        .map_err(|refusal| Error::refusal("signing", format!("trust version {}", trust.version), &refusal))?;
    Ok(bytes)
}

fn document(payload: &[u8], comment: &str, keys: &[SecretKey]) -> Result<Vec<u8>> {
    let blocks: Vec<String> = keys.iter().map(|key| key.sign(payload, comment)).collect::<Result<_>>()?;
    Ok(Document::assemble(&blocks, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use agent_core::manifest::{AgentPin, Apply, Engine, FORMAT, ManifestType, PuppetEngine, Source};
    use agent_core::time::Timestamp;
    use agent_core::trust::{TrustKey, TrustType};
    use agent_core::version::Version;

    use crate::secret::Protection;

    /// Three keys, and a trust that wants two of them.
    fn three() -> (tempfile::TempDir, Vec<SecretKey>, Trust) {
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
            site: Name::new("s").unwrap(),
            version: 1,
            threshold: 2,
            keys: keys.iter().zip(["a", "b", "c"]).map(named).collect(),
            expires: None,
            min_serial: BTreeMap::new(),
        };
        (folder, keys, trust)
    }

    fn release() -> Manifest {
        let version = Version::parse("0.1.0").unwrap();
        Manifest {
            kind: ManifestType::Manifest,
            format: FORMAT,
            site: Name::new("s").unwrap(),
            environment: Name::new("e").unwrap(),
            serial: 1,
            trust_version: 1,
            created: Timestamp::from_seconds(1_800_000_000),
            expires: None,
            agent: AgentPin { minimum: version, version, targets: BTreeMap::new() },
            apply: Apply { engine: Engine::Puppet(PuppetEngine {}), timeout: 60, reapply: None },
            packs: Vec::new(),
            source: Source::default(),
        }
    }

    #[test]
    fn a_threshold_counts_distinct_keys() {
        let (folder, mut keys, trust) = three();
        let trusted = trust.trusted_keys();
        assert!(super::trust(&trust, &keys[..2], &trust.site).is_ok());
        assert!(manifest(&release(), &keys[1..], &trusted).is_ok());
        assert!(super::trust(&trust, &keys[..1], &trust.site).is_err());
        let error = manifest(&release(), &keys[..1], &trusted).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.hint_text().unwrap().contains("2 keys"), "{error:?}");
        let first = keys.remove(0);
        let twice = [first, SecretKey::open(&folder.path().join("a.key")).unwrap()];
        assert!(manifest(&release(), &twice, &trusted).is_err(), "one key twice counts once");
    }

    #[test]
    fn what_breaks_a_rule_is_not_signed() {
        let (_folder, keys, trust) = three();
        let trusted = trust.trusted_keys();
        let wrong = Manifest { serial: 0, ..release() };
        assert!(manifest(&wrong, &keys, &trusted).is_err());
        let wrong = Manifest { apply: Apply { timeout: 0, ..release().apply }, ..release() };
        assert!(manifest(&wrong, &keys, &trusted).is_err());
    }
}
