//! A signature file → the key that made it, or the exact reason why it does not count.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use minisign::SignatureBox;
use stringless_core::key::PublicKey;
use stringless_core::trust::TrustKey;

use crate::error::{Error, Result};
use crate::trust::quorum::Quorum;

/// What a signature must match.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The signed bytes.
    pub payload: &'a [u8],
    /// The trusted comment.
    pub comment: &'a str,
    /// The keys that count.
    pub quorum: &'a Quorum<'a>,
}

/// A signature that counts.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The key that made it.
    pub by: TrustKey,
    /// The four lines of the signature.
    pub block: String,
}

/// Reads the signature file at `path`, in the format that minisign writes.
///
/// # Errors
/// Refused with the first fault of the signature, and a hint that says how to fix it.
pub fn read(path: &Path, expected: &Expected<'_>) -> Result<Signature> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| Error::io("reading", path, e))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io("reading", path, e))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= MAX_BYTES);
    let text = text.ok_or_else(|| no_signature(path))?;
    check(path, &text, expected)
}

/// Checks one signature. The code that nodes run verifies the complete document later.
fn check(path: &Path, text: &str, expected: &Expected<'_>) -> Result<Signature> {
    let lines: Vec<&str> = text.lines().collect();
    let signature = SignatureBox::from_string(text).ok().filter(|_| lines.len() == LINES);
    let signature = signature.ok_or_else(|| no_signature(path))?;
    let block = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    if !signature.is_prehashed() {
        return Err(refused(path, "it has minisign's legacy format, which nodes refuse")
            .hint("sign again with minisign 0.10 or newer, without `-l`"));
    }
    let id: [u8; 8] = signature.keynum().try_into().map_err(|_| no_signature(path))?;
    let id = format!("{:016X}", u64::from_le_bytes(id));
    let by = expected.quorum.key(&id).ok_or_else(|| {
        refused(
            path,
            &format!("it was made by key {id}, which does not belong to {}", expected.quorum.title()),
        )
        .hint(format!("these keys count: {}", expected.quorum.names()))
    })?;
    if !fits(&signature, &by.key, expected.payload) {
        return Err(refused(
            path,
            &format!("it names key {id}, but does not match the file beside it"),
        )
        .hint("another file was signed, or the file was changed during transfer: copy it byte for byte, and sign again"));
    }
    let comment = signature.trusted_comment().unwrap_or_default();
    if comment != expected.comment {
        return Err(refused(
            path,
            &format!("its trusted comment is `{comment}`, not `{}`", expected.comment),
        )
        .hint(format!("sign again with `-t '{}'`", expected.comment)));
    }
    Ok(Signature { by: by.clone(), block })
}

fn fits(signature: &SignatureBox, key: &PublicKey, payload: &[u8]) -> bool {
    minisign::PublicKey::from_base64(key.as_str())
        .is_ok_and(|key| minisign::verify(&key, signature, Cursor::new(payload), true, false, false).is_ok())
}

fn no_signature(path: &Path) -> Error {
    refused(path, "it is no minisign signature").hint("copy the file of four lines that `minisign -S` writes")
}

fn refused(path: &Path, why: &str) -> Error {
    Error::refused(format!("checking signature `{}`: {why}", path.display()))
}

/// Two comments and two signatures.
const LINES: usize = 4;
const MAX_BYTES: u64 = 8192;
