//! Heads: which release nodes follow, in a site with fleet keys.

use std::path::{Path, PathBuf};

use serde_json::Value;
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
use crate::remote::Published;
use crate::site::SiteDir;
use crate::trust::quorum::Quorum;
use crate::trust::secret_key::SecretKey;
use crate::trust::signer::{self, Keys};

/// What nodes read once `manifest` is published, whose signed document is the second part: that document, or with fleet
/// keys a head that follows the one in `before`.
///
/// # Errors
/// As [`signed`].
pub fn pointer(
    site: &SiteDir,
    before: Option<&Published>,
    (manifest, document): (&Verified<Manifest>, &[u8]),
    trust: &Trust,
    keys: Keys<'_>,
) -> Result<Vec<u8>> {
    if trust.fleet.is_empty() {
        return Ok(document.to_vec());
    }
    let before = before.and_then(|published| counting(published, trust));
    let head = stable(before, manifest, trust, now());
    signed(site, &head, &json::write(&head), trust, keys)
}

/// The head of what is published, if keys of the newest trust signed it. Nothing is taken from another one.
fn counting<'a>(published: &'a Published, trust: &Trust) -> Option<&'a Head> {
    published.head.as_deref().filter(|_| published.pointer_trust >= trust.version)
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
        version: after(before, trust, now),
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

/// The published head with a new date, and its payload; `None` while less than half of its life is over. What this
/// version does not know of it stays.
///
/// # Errors
/// When the head needs a newer version of this program.
pub fn renewed(published: &Published, trust: &Trust, now: Timestamp) -> Result<Option<(Head, Vec<u8>)>> {
    let Some(head) = counting(published, trust) else { return Ok(None) };
    let Some(expires) = head.expires else { return Ok(None) };
    let life = expires.seconds().saturating_sub(head.created.seconds());
    if now < head.created.plus(life / 2) {
        return Ok(None);
    }
    refuse_newer(head)?;
    let next = Head {
        trust_version: trust.version,
        version: after(Some(head), trust, now),
        created: now,
        expires: expiry(&published.manifest, now),
        ..head.clone()
    };
    let payload = Document::parse(&published.pointer).map(|document| document.payload).unwrap_or_default();
    let mut value: Value = json::parse(payload).map_err(|why| unreadable(head, &why.to_string()))?;
    let fields = [
        ("trust_version", Value::from(next.trust_version)),
        ("version", Value::from(next.version)),
        ("created", Value::from(next.created.to_string())),
        ("expires", next.expires.map_or(Value::Null, |expires| expires.to_string().into())),
    ];
    for (key, new) in fields {
        value[key] = new;
    }
    Ok(Some((next, json::write(&value))))
}

/// Refuses a head that needs what this version does not know: it would be lost.
///
/// # Errors
/// Configuration.
pub fn refuse_newer(head: &Head) -> Result<()> {
    let check = json::check_needs(head.needs.clone());
    check.map_err(|error| Error::newer(format!("following `{}`", head.comment()), error))
}

fn unreadable(head: &Head, why: &str) -> Error {
    Error::refused(format!("signing `{}` again: {why}", head.comment()))
        .hint("`stringless publish` makes another head")
}

/// The number of the head after `before`: the time in seconds, or one more than before. So whatever head a store has
/// lost, or shows again, the next one is newer. What was made under an older trust does not count: a stolen key may have
/// raised it.
fn after(before: Option<&Head>, trust: &Trust, now: Timestamp) -> u64 {
    let before = before.filter(|before| before.trust_version >= trust.version);
    before.map_or(0, |before| before.version.saturating_add(1)).max(now.seconds())
}

/// A head lives for thirty days, and not longer than its release; for ever if the release does.
fn expiry(release: &Manifest, now: Timestamp) -> Option<Timestamp> {
    release.expires.map(|expires| expires.min(now.plus(LIFE)))
}

/// Signs a head: with the fleet keys on this machine that may, otherwise with the release keys. What comes out is what a
/// node accepts.
///
/// # Errors
/// When no key on this machine may sign heads, or a key cannot be used.
pub fn signed(site: &SiteDir, head: &Head, payload: &[u8], trust: &Trust, keys: Keys<'_>) -> Result<Vec<u8>> {
    head.check().map_err(|why| {
        let hint = match head.version >= Manifest::LAST_SERIAL {
            true => {
                "no honest program reaches that version: a stolen fleet key may have written the one before. `stringless \
                 keys fleet add` a new key, `keys fleet remove` the old one, and publish"
            }
            false => "nodes would refuse it: no head was written",
        };
        Error::refused(format!("signing `{}`: {why}", head.comment())).hint(hint)
    })?;
    let blocks = blocks(site, head, trust, keys, payload)?;
    let document = Document::assemble(&blocks, payload);
    verify::head(&document, &trust.trusted_keys(), &head.site, &head.environment).map_err(|refusal| {
        Error::refusal("verifying", format!("the head of `{}`", head.environment), &refusal)
            .hint("nodes would refuse it: nothing was published")
    })?;
    Ok(document)
}

/// The signatures: by each fleet key that is here, so that the head outlives the removal of one, or as many by release
/// keys as must sign.
fn blocks(site: &SiteDir, head: &Head, trust: &Trust, keys: Keys<'_>, payload: &[u8]) -> Result<Vec<String>> {
    let (trusted, comment) = (trust.trusted_keys(), head.comment());
    let is_fleet = |path: &Path| {
        let key = signer::public_key(path).ok();
        key.is_some_and(|key| trusted.fleet.iter().any(|one| one.may(Duty::Head) && one.key.same_key(&key)))
    };
    let here = site.secret_keys();
    let mut fleet: Vec<&PathBuf> = keys.given.iter().chain(&here).filter(|path| is_fleet(path)).collect();
    fleet.sort();
    fleet.dedup();
    if !fleet.is_empty() {
        return fleet.into_iter().map(|path| SecretKey::open(path)?.sign(payload, &comment)).collect();
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
    fn the_version_is_the_time_or_one_more_and_a_raised_one_ends_with_its_trust() {
        let one = trust(2, 1, &[&key("a")]);
        let seconds = NOW.seconds();
        assert_eq!(after(None, &one, NOW), seconds);
        assert_eq!(after(Some(&head(7, 2)), &one, NOW), seconds);
        assert_eq!(after(Some(&head(seconds + 5, 2)), &one, NOW), seconds + 6);
        assert_eq!(after(Some(&head(u64::MAX, 1)), &one, NOW), seconds);
        assert_eq!(after(Some(&head(u64::MAX, 2)), &one, NOW), u64::MAX);
    }
}
