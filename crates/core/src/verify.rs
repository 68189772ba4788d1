//! The one verifier: bytes and trusted keys in, a [`Verified`] value or a [`Refusal`] out.
//!
//! Nothing else creates a `Verified`. The generator uses this verifier for what it has signed.

use alloc::string::{String, ToString};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::Document;
use crate::fleet::duty::Duty;
use crate::fleet::head::{self, Head};
use crate::hash::Sha256;
use crate::json::{self, HeadError};
use crate::key::PublicKey;
use crate::manifest::{self, FORMAT, Manifest};
use crate::name::Name;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::trust::{self, Trust, TrustedKeys};
use crate::upgrade::Pinned;

/// A value whose signatures, type, site and rules have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    sha256: Sha256,
}

impl<T> Verified<T> {
    /// The SHA-256 of the signed payload.
    ///
    /// It is not the hash of the whole document: a mirror can add signatures by unknown keys or change the
    /// untrusted comment, and this hash stays the same.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }
}

impl<T> core::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// Verifies a manifest for one site and environment.
///
/// It does not check rollback and expiry: [`crate::plan::admit`] does.
///
/// # Errors
/// [`Refusal`] of the first check that fails: form, signatures, payload, site, environment, comment, rules.
pub fn manifest(
    bytes: &[u8],
    trusted: &TrustedKeys,
    site: &Name,
    environment: &Name,
) -> Result<Verified<Manifest>, Refusal> {
    let document = Document::parse(bytes).map_err(Refusal::Form)?;
    signatures(&document, trusted)?;
    expect_type(&document, trusted, "manifest")?;
    // Another format may have other fields, so the format comes first.
    json::check_head(document.payload, FORMAT)?;
    let manifest: Manifest = payload(&document)?;
    expect("site", &manifest.site, site)?;
    expect("environment", &manifest.environment, environment)?;
    comments(&document, trusted, &manifest.comment())?;
    manifest.check().map_err(Refusal::Invalid)?;
    Ok(Verified { value: manifest, sha256: Sha256::of(document.payload) })
}

/// Verifies a head for one site and environment: a fleet key that may sign heads has signed it, or enough release keys.
///
/// If the head needs what this version does not know, it comes without `next`: the stable release needs nothing.
///
/// It does not check rollback and expiry: [`crate::fleet::admit`] does.
///
/// # Errors
/// [`Refusal`] of the first check that fails: form, signatures, type, payload, site, environment, comment, rules.
pub fn head(
    bytes: &[u8],
    trusted: &TrustedKeys,
    site: &Name,
    environment: &Name,
) -> Result<Verified<Head>, Refusal> {
    let document = Document::parse(bytes).map_err(Refusal::Form)?;
    fleet_signatures(&document, trusted, Duty::Head)?;
    expect_type(&document, trusted, "head")?;
    let head = match json::check_head(document.payload, head::FORMAT) {
        Err(HeadError::Needs(_)) => without_next(&document)?,
        known => known.map_err(Refusal::from).and_then(|()| payload::<Head>(&document))?,
    };
    expect("site", &head.site, site)?;
    expect("environment", &head.environment, environment)?;
    let keys = trusted.keys.iter().chain(trusted.fleet_keys(Duty::Head));
    comments_of(&document, keys, &head.comment())?;
    head.check().map_err(Refusal::Invalid)?;
    Ok(Verified { value: head, sha256: Sha256::of(document.payload) })
}

/// A head without what is not understood.
fn without_next(document: &Document<'_>) -> Result<Head, Refusal> {
    let mut value: Value = payload(document)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("next");
    }
    // By way of text, so that an agent holds one reader of heads.
    json::parse(value.to_string().as_bytes()).map_err(Refusal::Payload)
}

/// Verifies of a manifest no more than what leads to another agent: for one that this version cannot read.
///
/// # Errors
/// As [`manifest`], but for the rules of what it leaves out.
pub fn pinned(
    bytes: &[u8],
    trusted: &TrustedKeys,
    site: &Name,
    environment: &Name,
) -> Result<Verified<Pinned>, Refusal> {
    let document = Document::parse(bytes).map_err(Refusal::Form)?;
    signatures(&document, trusted)?;
    expect_type(&document, trusted, "manifest")?;
    let pinned: Pinned = payload(&document)?;
    expect("site", &pinned.site, site)?;
    expect("environment", &pinned.environment, environment)?;
    comments(&document, trusted, &manifest::comment(site, environment, pinned.serial))?;
    Ok(Verified { value: pinned, sha256: Sha256::of(document.payload) })
}

/// Verifies the trust document that follows `current`: version N+1, signed by enough keys of version N and by
/// enough of its own keys. It does not check expiry: that matters only for the newest version, when a
/// manifest is verified with it ([`crate::plan::admit`]).
///
/// # Errors
/// [`Refusal`] of the first check that fails.
pub fn next_trust(bytes: &[u8], current: &TrustedKeys, site: &Name) -> Result<Verified<Trust>, Refusal> {
    let document = Document::parse(bytes).map_err(Refusal::Form)?;
    signatures(&document, current)?;
    let trust = own_trust(&document, site)?;
    if Some(trust.version) != current.version.checked_add(1) {
        return Err(Refusal::TrustOrder { found: trust.version, current: current.version });
    }
    comments(&document, current, &trust.comment())?;
    Ok(Verified { value: trust, sha256: Sha256::of(document.payload) })
}

/// Verifies a trust document by its own keys only: for the first version of a site, and for a document that
/// the node accepted before and saved.
///
/// # Errors
/// [`Refusal`] of the first check that fails.
pub fn own_trust_document(bytes: &[u8], site: &Name) -> Result<Verified<Trust>, Refusal> {
    let document = Document::parse(bytes).map_err(Refusal::Form)?;
    let trust = own_trust(&document, site)?;
    Ok(Verified { value: trust, sha256: Sha256::of(document.payload) })
}

/// Refuses an expired document.
///
/// # Errors
/// [`Refusal::Expired`] if `now` is at or after `expires`.
pub fn not_expired(what: &'static str, expires: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match expires {
        Some(expires) if now >= expires => Err(Refusal::Expired { what, expires, now }),
        _ => Ok(()),
    }
}

fn own_trust(document: &Document<'_>, site: &Name) -> Result<Trust, Refusal> {
    json::check_head(document.payload, trust::FORMAT)?;
    let trust: Trust = payload(document)?;
    expect("site", &trust.site, site)?;
    trust.check().map_err(Refusal::Invalid)?;
    let own = trust.trusted_keys();
    signatures(document, &own)?;
    comments(document, &own, &trust.comment())?;
    Ok(trust)
}

/// Counts the distinct trusted keys with a valid signature. Two signatures by one key count once.
fn signatures(document: &Document<'_>, trusted: &TrustedKeys) -> Result<(), Refusal> {
    trusted.check().map_err(Refusal::Invalid)?;
    let signed =
        |key: &&PublicKey| document.blocks.iter().any(|block| key.verify(block, document.payload).is_some());
    let valid = trusted.keys.iter().filter(signed).count();
    if valid >= trusted.threshold {
        return Ok(());
    }
    Err(Refusal::Signatures { valid, threshold: trusted.threshold, version: trusted.version })
}

/// One fleet key that may sign such documents is enough; the release keys may sign all that fleet keys may.
fn fleet_signatures(document: &Document<'_>, trusted: &TrustedKeys, duty: Duty) -> Result<(), Refusal> {
    let by_release_keys = signatures(document, trusted);
    if let Err(Refusal::Invalid(_)) = by_release_keys {
        return by_release_keys;
    }
    let signed =
        |key: &PublicKey| document.blocks.iter().any(|block| key.verify(block, document.payload).is_some());
    match by_release_keys.is_ok() || trusted.fleet_keys(duty).any(signed) {
        true => Ok(()),
        false => Err(Refusal::FleetSignature { what: duty.as_str(), version: trusted.version }),
    }
}

/// Each valid signature by a trusted key must carry the comment that belongs to the payload.
fn comments(document: &Document<'_>, trusted: &TrustedKeys, expected: &str) -> Result<(), Refusal> {
    comments_of(document, trusted.keys.iter(), expected)
}

fn comments_of<'k>(
    document: &Document<'_>,
    keys: impl Iterator<Item = &'k PublicKey>,
    expected: &str,
) -> Result<(), Refusal> {
    for key in keys {
        for block in &document.blocks {
            match key.verify(block, document.payload) {
                Some(found) if found != expected => {
                    return Err(Refusal::Comment { found, expected: expected.into() });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Refuses a document of another type, before anything else of it is read. If it was made under a newer trust, that trust
/// decides which type it may have.
fn expect_type(document: &Document<'_>, trusted: &TrustedKeys, expected: &str) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        trust_version: u64,
    }
    // What is no such object is refused by its parser, which names the fault.
    let Ok(found) = payload::<Typed>(document) else { return Ok(()) };
    if found.kind == expected {
        return Ok(());
    }
    if found.trust_version > trusted.version {
        return Err(Refusal::TrustMissing { needed: found.trust_version, current: trusted.version });
    }
    Err(Refusal::Foreign { what: "type", found: found.kind, expected: expected.into() })
}

fn payload<T: DeserializeOwned>(document: &Document<'_>) -> Result<T, Refusal> {
    json::parse(document.payload).map_err(Refusal::Payload)
}

fn expect(what: &'static str, found: &Name, expected: &Name) -> Result<(), Refusal> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.as_str().into(), expected.as_str().into());
    Err(Refusal::Foreign { what, found, expected })
}
