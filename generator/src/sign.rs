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
