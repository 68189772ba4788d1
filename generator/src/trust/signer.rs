//! Gets a document signed: by the keys at hand, and by those whose signatures were brought back.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::key::PublicKey;

use crate::error::{Error, Result};
use crate::site::SiteFolder;
use crate::trust::pending::signature::Signature;
use crate::trust::pending::{self, Content, Pending};
use crate::trust::quorum::Quorum;
use crate::trust::secret_key::{SecretKey, public_path};

/// Which keys sign here.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// Named on the command line; none: those of `keys/` that count.
    pub given: &'a [PathBuf],
    /// No key of this machine signs.
    pub offline: bool,
}

/// How far a document has come.
#[derive(Debug)]
pub enum Signed {
    /// Every threshold is reached: the document.
    Whole(Vec<u8>),
    /// More signatures are needed.
    Waiting(Waiting),
}

/// A document that waits for signatures.
#[derive(Debug)]
pub struct Waiting {
    /// Where it lies.
    pub pending: Pending,
    /// Whose signatures are there.
    pub signed: Vec<PublicKey>,
}

/// Signs `content` with the keys at hand. What does not reach the threshold waits in the site's folder.
///
/// `old` is what waited there before for the same place.
///
/// # Errors
/// When a key cannot be used, or what waits there says something else and was signed.
pub fn sign(
    site: &SiteFolder,
    content: Content,
    old: Option<Pending>,
    quorum: &Quorum<'_>,
    keys: Keys<'_>,
) -> Result<Signed> {
    let (content, old) = settle(content, old)?;
    let mut signatures = match &old {
        Some(pending) => pending.signatures(quorum)?,
        None => Vec::new(),
    };
    let payload = old.as_ref().map_or_else(|| content.payload(), |pending| pending.payload.clone());
    let comment = content.comment();
    let mut new = Vec::new();
    for key in at_hand(site, keys, quorum, &signed_by(&signatures))? {
        let Some(by) = quorum.key(&key.public().id()) else { continue };
        new.push(Signature { by: by.clone(), block: key.sign(&payload, &comment)? });
    }
    signatures.extend(new.iter().cloned());
    let signed = signed_by(&signatures);
    if quorum.reached(&signed) {
        return Ok(Signed::Whole(pending::assemble(&signatures, &payload)));
    }
    let pending = match old {
        Some(pending) => pending,
        None => Pending::write(site, content)?,
    };
    for signature in &new {
        pending.keep(signature)?;
    }
    Ok(Signed::Waiting(Waiting { pending, signed }))
}

/// Puts together what was brought back for `pending`.
///
/// # Errors
/// Refused: a signature that does not count.
pub fn collect(pending: Pending, quorum: &Quorum<'_>) -> Result<Signed> {
    let signatures = pending.signatures(quorum)?;
    let signed = signed_by(&signatures);
    if quorum.reached(&signed) {
        return Ok(Signed::Whole(pending::assemble(&signatures, &pending.payload)));
    }
    Ok(Signed::Waiting(Waiting { pending, signed }))
}

/// What waits and says the same is what people have signed, or are about to; what says something else
/// makes room while nobody has. Two documents under one number must never both be signed.
fn settle(content: Content, old: Option<Pending>) -> Result<(Content, Option<Pending>)> {
    match old {
        None => Ok((content, None)),
        Some(pending) if pending.content.same(&content) => Ok((pending.content.clone(), Some(pending))),
        Some(pending) if !pending.is_signed() => {
            pending.remove()?;
            Ok((content, None))
        }
        Some(pending) => Err(Error::refused(format!(
            "signing `{}`: `{}` says something else, and was signed already",
            content.comment(),
            pending.file.display()
        ))
        .hint(format!(
            "`stringless submit` publishes that one; to give it up: rm {}*",
            pending.file.display()
        ))),
    }
}

/// The keys named on the command line, or as many of `keys/` as help; each opened, and each once.
fn at_hand(
    site: &SiteFolder,
    keys: Keys<'_>,
    quorum: &Quorum<'_>,
    signed: &[PublicKey],
) -> Result<Vec<SecretKey>> {
    let mut signed = signed.to_vec();
    let mut opened: Vec<SecretKey> = Vec::new();
    if keys.offline {
        return Ok(opened);
    }
    for path in keys.given {
        let key = SecretKey::open(path)?;
        if !quorum.counts(key.public()) {
            return Err(foreign(path, key.public(), quorum));
        }
        if !signed.iter().any(|one| one.same_key(key.public())) {
            signed.push(key.public().clone());
            opened.push(key);
        }
    }
    if !keys.given.is_empty() {
        return Ok(opened);
    }
    for (path, public) in found(site, quorum) {
        if quorum.helps(&signed, &public) {
            let key = SecretKey::open(&path)?;
            signed.push(key.public().clone());
            opened.push(key);
        }
    }
    Ok(opened)
}

/// The secret keys of `keys/` that count here, by the public keys beside them; who counts twice first.
fn found(site: &SiteFolder, quorum: &Quorum<'_>) -> Vec<(PathBuf, PublicKey)> {
    let paths = site.secret_keys().into_iter();
    let mut found: Vec<_> = paths.filter_map(|path| Some((public_key(&path)?, path))).collect();
    found.retain(|(public, _)| quorum.counts(public));
    found.sort_by_key(|(public, _)| std::cmp::Reverse(quorum.weight(public)));
    found.into_iter().map(|(public, path)| (path, public)).collect()
}

/// The public key that lies beside a secret one.
#[must_use]
pub fn public_key(secret: &Path) -> Option<PublicKey> {
    let text = fs::read_to_string(public_path(secret)).ok()?;
    text.lines().find_map(|line| PublicKey::parse(line).ok())
}

fn signed_by(signatures: &[Signature]) -> Vec<PublicKey> {
    signatures.iter().map(|signature| signature.by.key.clone()).collect()
}

fn foreign(path: &Path, key: &PublicKey, quorum: &Quorum<'_>) -> Error {
    Error::refused(format!(
        "signing with `{}`: key {} is not of {}",
        path.display(),
        key.id(),
        quorum.title()
    ))
    .hint(format!("signatures count by {}", quorum.names()))
}
