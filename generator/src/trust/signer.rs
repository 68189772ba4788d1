//! Gets a document signed: with the keys on this machine, and with signatures that were made elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::key::PublicKey;

use crate::error::{Error, Result};
use crate::site::SiteDir;
use crate::trust::pending::signature::Signature;
use crate::trust::pending::{self, Pending, PendingDocument};
use crate::trust::quorum::Quorum;
use crate::trust::secret_key::{SecretKey, public_path};

/// The keys that sign on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// The keys on the command line. If there are none: the keys in `keys/` that count.
    pub given: &'a [PathBuf],
    /// Whether no key on this machine signs.
    pub offline: bool,
}

/// The result of signing.
#[derive(Debug)]
pub enum Signed {
    /// Every threshold is reached: the signed document.
    Complete(Vec<u8>),
    /// More signatures are needed.
    Waiting(Waiting),
}

/// A document that waits for signatures.
#[derive(Debug)]
pub struct Waiting {
    /// The document.
    pub pending: Pending,
    /// The keys that have signed it.
    pub signed: Vec<PublicKey>,
}

/// Signs `content` with the keys on this machine. A document that does not reach the threshold is saved and waits for
/// more signatures.
///
/// `old` is the document that already waits for the same environment, or for the trust.
///
/// # Errors
/// When a key cannot be used, or `old` has other content and is signed.
pub fn sign(
    site: &SiteDir,
    content: PendingDocument,
    old: Option<Pending>,
    quorum: &Quorum<'_>,
    keys: Keys<'_>,
) -> Result<Signed> {
    let (content, old) = reconcile(content, old)?;
    let mut signatures = match &old {
        Some(pending) => pending.signatures(quorum)?,
        None => Vec::new(),
    };
    let payload = old.as_ref().map_or_else(|| content.payload(), |pending| pending.payload.clone());
    let comment = content.comment();
    let mut new = Vec::new();
    for key in available_keys(site, keys, quorum, &signed_by(&signatures))? {
        let Some(by) = quorum.key(&key.public().id()) else { continue };
        new.push(Signature { by: by.clone(), block: key.sign(&payload, &comment)? });
    }
    signatures.extend(new.iter().cloned());
    let signed = signed_by(&signatures);
    if quorum.reached(&signed) {
        return Ok(Signed::Complete(pending::assemble(&signatures, &payload)));
    }
    let pending = match old {
        Some(pending) => pending,
        None => Pending::write(site, content)?,
    };
    for signature in &new {
        pending.save(signature)?;
    }
    Ok(Signed::Waiting(Waiting { pending, signed }))
}

/// Assembles `pending` and the signatures that were made elsewhere.
///
/// # Errors
/// Refused when a signature does not count.
pub fn collect(pending: Pending, quorum: &Quorum<'_>) -> Result<Signed> {
    let signatures = pending.signatures(quorum)?;
    let signed = signed_by(&signatures);
    if quorum.reached(&signed) {
        return Ok(Signed::Complete(pending::assemble(&signatures, &pending.payload)));
    }
    Ok(Signed::Waiting(Waiting { pending, signed }))
}

/// Decides between the new content and the document that waits. If both say the same, the waiting one stays: people may
/// have signed it. If it differs and is not signed, it is removed. Two documents with the same number must never both
/// be signed.
fn reconcile(content: PendingDocument, old: Option<Pending>) -> Result<(PendingDocument, Option<Pending>)> {
    match old {
        None => Ok((content, None)),
        Some(pending) if pending.content.same_content(&content) => {
            Ok((pending.content.clone(), Some(pending)))
        }
        Some(pending) if !pending.is_signed() => {
            pending.remove()?;
            Ok((content, None))
        }
        Some(pending) => Err(Error::refused(format!(
            "signing `{}`: `{}` has other content, and is signed already",
            content.comment(),
            pending.file.display()
        ))
        .hint(format!(
            "`stringless submit` publishes that document; to discard it: rm {}*",
            pending.file.display()
        ))),
    }
}

/// Opens the keys on the command line, or those in `keys/` that help to reach the threshold. Each key is opened once.
fn available_keys(
    site: &SiteDir,
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
    let (found, unknown) = keys_that_count(site, quorum);
    for (path, public) in found {
        if quorum.helps(&signed, &public) {
            let key = SecretKey::open(&path)?;
            signed.push(key.public().clone());
            opened.push(key);
        }
    }
    match unknown {
        // The key beside it may be the one that is missing: do not ask for signatures from elsewhere.
        Some(error) if !quorum.reached(&signed) => Err(error),
        _ => Ok(opened),
    }
}

/// The secret keys in `keys/` that count, according to the public keys beside them. A key that counts in both trusts
/// comes first. The second part: the error of the first key whose public key cannot be read.
fn keys_that_count(site: &SiteDir, quorum: &Quorum<'_>) -> (Vec<(PathBuf, PublicKey)>, Option<Error>) {
    let (mut found, mut unknown) = (Vec::new(), None);
    for path in site.secret_keys() {
        match public_key(&path) {
            Ok(public) if quorum.counts(&public) => found.push((path, public)),
            Ok(_) => {}
            Err(error) => unknown = unknown.or(Some(error)),
        }
    }
    found.sort_by_key(|(_, public)| std::cmp::Reverse(quorum.weight(public)));
    (found, unknown)
}

/// The public key in the file beside a secret key.
///
/// # Errors
/// When that file is missing, or holds no public key.
pub fn public_key(secret: &Path) -> Result<PublicKey> {
    let path = public_path(secret);
    let failed = |why: &str| {
        Error::configuration(format!("reading public key `{}`: {why}", path.display())).hint(format!(
            "it says whose key `{0}` is; `minisign -R -s {0} -p {1}` makes it again",
            secret.display(),
            path.display()
        ))
    };
    let bytes = fs::read(&path).map_err(|e| failed(&e.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let key = text.lines().find_map(|line| PublicKey::parse(line.trim()).ok());
    key.ok_or_else(|| failed("it is not a minisign public key"))
}

fn signed_by(signatures: &[Signature]) -> Vec<PublicKey> {
    signatures.iter().map(|signature| signature.by.key.clone()).collect()
}

fn foreign(path: &Path, key: &PublicKey, quorum: &Quorum<'_>) -> Error {
    Error::refused(format!(
        "signing with `{}`: key {} does not belong to {}",
        path.display(),
        key.id(),
        quorum.title()
    ))
    .hint(format!("these keys count: {}", quorum.names()))
}
