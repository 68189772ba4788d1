//! Heads: which release nodes follow, in a site with fleet keys.

use std::path::Path;

use stringless_core::document::Document;
use stringless_core::fleet::duty::Duty;
use stringless_core::fleet::head::{FORMAT, Head, HeadType, ManifestRef};
use stringless_core::json;
use stringless_core::manifest::Manifest;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;
use stringless_core::verify::{self, Verified};

use crate::clock::now;
use crate::error::{Error, Result};
use crate::site::SiteDir;
use crate::trust::quorum::Quorum;
use crate::trust::secret_key::SecretKey;
use crate::trust::signer::{self, Keys};

/// What nodes read once `manifest` is published, whose signed document is the second part: that document, or with fleet
/// keys a head that follows `before`.
///
/// # Errors
/// As [`signed`].
pub fn pointer(
    site: &SiteDir,
    before: Option<&Head>,
    (manifest, document): (&Verified<Manifest>, &[u8]),
    trust: &Trust,
    keys: Keys<'_>,
) -> Result<Vec<u8>> {
    if trust.fleet.is_empty() {
        return Ok(document.to_vec());
    }
    signed(site, &stable(before, manifest, trust, now()), trust, keys)
}

/// The head after `before`, by which every node follows `release`.
fn stable(before: Option<&Head>, release: &Verified<Manifest>, trust: &Trust, now: Timestamp) -> Head {
    Head {
        kind: HeadType::Head,
        format: FORMAT,
        needs: Vec::new(),
        site: release.site.clone(),
        environment: release.environment.clone(),
        trust_version: trust.version,
        version: after(before, trust),
        created: now,
        expires: expiry(release, now),
        stable: ManifestRef {
            trust_version: release.trust_version,
            serial: release.serial,
            sha256: release.sha256(),
        },
        next: None,
        gathered: before.map(|before| before.gathered.clone()).unwrap_or_default(),
        marks: before.map(|before| before.marks.clone()).unwrap_or_default(),
    }
}

/// The same head with a new date; `None` while less than half of its life is over. `newest` is the newest release that
/// it names.
#[must_use]
pub fn renewed(head: &Head, newest: &Manifest, trust: &Trust, now: Timestamp) -> Option<Head> {
    let life = head.expires?.seconds().saturating_sub(head.created.seconds());
    (now >= head.created.plus(life / 2)).then(|| Head {
        trust_version: trust.version,
        version: after(Some(head), trust),
        created: now,
        expires: expiry(newest, now),
        ..head.clone()
    })
}

/// The number of the head after `before`. One that a stolen key has raised ends with the trust that it was made under.
fn after(before: Option<&Head>, trust: &Trust) -> u64 {
    let version = before.map_or(0, |before| before.version);
    let poisoned =
        version >= Manifest::LAST_SERIAL && before.is_some_and(|before| before.trust_version < trust.version);
    if poisoned { 1 } else { version.saturating_add(1) }
}

/// A head lives for thirty days, and not longer than its release.
fn expiry(release: &Manifest, now: Timestamp) -> Option<Timestamp> {
    release.expires.map(|expires| expires.min(now.plus(LIFE)))
}

/// Signs a head: with a fleet key on this machine that may, otherwise with the release keys. What comes out is what a
/// node accepts.
///
/// # Errors
/// When no key on this machine may sign heads, or a key cannot be used.
pub fn signed(site: &SiteDir, head: &Head, trust: &Trust, keys: Keys<'_>) -> Result<Vec<u8>> {
    head.check().map_err(|why| {
        Error::refused(format!("signing `{}`: {why}", head.comment()))
            .hint("nodes would refuse it: nothing was signed")
    })?;
    let payload = json::write(head);
    let blocks = blocks(site, head, trust, keys, &payload)?;
    let document = Document::assemble(&blocks, &payload);
    verify::head(&document, &trust.trusted_keys(), &head.site, &head.environment).map_err(|refusal| {
        Error::refusal("verifying", format!("the head of `{}`", head.environment), &refusal)
            .hint("nodes would refuse it: nothing was published")
    })?;
    Ok(document)
}

/// The signatures: one by a fleet key, or as many by release keys as must sign.
fn blocks(site: &SiteDir, head: &Head, trust: &Trust, keys: Keys<'_>, payload: &[u8]) -> Result<Vec<String>> {
    let (trusted, comment) = (trust.trusted_keys(), head.comment());
    let is_fleet = |path: &Path| {
        let key = signer::public_key(path).ok();
        key.is_some_and(|key| trusted.fleet.iter().any(|one| one.may(Duty::Head) && one.key.same_key(&key)))
    };
    let here = site.secret_keys();
    if let Some(path) = keys.given.iter().chain(&here).find(|path| is_fleet(path)) {
        return Ok(vec![SecretKey::open(path)?.sign(payload, &comment)?]);
    }
    let (quorum, mut signed, mut blocks) = (Quorum::new(trust), Vec::new(), Vec::new());
    let helps =
        |path: &Path, signed: &[_]| signer::public_key(path).is_ok_and(|key| quorum.helps(signed, &key));
    for path in keys.given.iter().chain(&here) {
        if helps(path, &signed) {
            let key = SecretKey::open(path)?;
            blocks.push(key.sign(payload, &comment)?);
            signed.push(key.public().clone());
        }
    }
    if quorum.reached(&signed) {
        return Ok(blocks);
    }
    let names: Vec<&str> = trust.fleet.iter().map(|key| key.name.as_str()).collect();
    Err(Error::configuration(format!(
        "signing `{comment}`: no key on this machine may sign heads, and too few of the release keys are here"
    ))
    .hint(format!("put the secret key of a fleet key into keys/ ({})", names.join(", "))))
}

/// Thirty days, in seconds.
const LIFE: u64 = 30 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::tests::NOW;
    use crate::trust::rotation::tests::{key, trust};

    fn head(version: u64, made_under: u64) -> Head {
        let sha256 = stringless_core::hash::Sha256::of(b"x");
        Head {
            kind: HeadType::Head,
            format: FORMAT,
            needs: Vec::new(),
            site: stringless_core::name::Name::new("s").unwrap(),
            environment: stringless_core::name::Name::new("e").unwrap(),
            trust_version: made_under,
            version,
            created: NOW,
            expires: Some(NOW.plus(1000)),
            stable: ManifestRef { trust_version: 1, serial: 3, sha256 },
            next: None,
            gathered: Default::default(),
            marks: vec![0; 256],
        }
    }

    #[test]
    fn a_head_is_renewed_after_half_of_its_life() {
        let (release, one) = (crate::release::plan::tests::manifest("a", 3), trust(2, 1, &[&key("a")]));
        let old = head(7, 1);
        assert_eq!(renewed(&old, &release, &one, NOW.plus(499)), None);
        let new = renewed(&old, &release, &one, NOW.plus(500)).unwrap();
        assert_eq!((new.version, new.trust_version, new.created), (8, 2, NOW.plus(500)));
        assert_eq!((new.stable, new.marks), (old.stable, old.marks.clone()));
        assert_eq!(renewed(&Head { expires: None, ..old }, &release, &one, NOW.plus(500)), None);
    }

    #[test]
    fn the_version_rises_by_one_and_a_raised_one_ends_with_its_trust() {
        let one = trust(2, 1, &[&key("a")]);
        assert_eq!(after(None, &one), 1);
        assert_eq!(after(Some(&head(7, 2)), &one), 8);
        assert_eq!(after(Some(&head(7, 1)), &one), 8);
        assert_eq!(after(Some(&head(u64::MAX, 1)), &one), 1);
    }
}
