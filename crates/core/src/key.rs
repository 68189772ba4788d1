//! Public keys in minisign's format.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

/// A minisign public key: an Ed25519 key with a key id.
///
/// Its text form is the second line of a `.pub` file: 56 characters of base64.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^RW[A-Za-z0-9+/]{54}$")))]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    text: String,
    id: u64,
    bytes: [u8; 32],
    verifier: minisign_verify::PublicKey,
}

/// Why a text is not a [`PublicKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a minisign public key: expected the 56 characters of base64 that start with `RW`")]
pub struct KeyError;

impl PublicKey {
    /// Parses the base64 line of a minisign public key.
    ///
    /// # Errors
    /// [`KeyError`] when the text is not canonical base64 of 42 bytes that start with `Ed`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let raw: Vec<u8> = Base64::decode_vec(text).map_err(|_| KeyError)?;
        let Some((b"Ed", rest)) = raw.split_first_chunk::<2>() else { return Err(KeyError) };
        let Some((id, key)) = rest.split_first_chunk::<8>() else { return Err(KeyError) };
        Ok(Self {
            text: text.to_owned(),
            id: u64::from_le_bytes(*id),
            bytes: key.try_into().map_err(|_| KeyError)?,
            verifier: minisign_verify::PublicKey::from_base64(text).map_err(|_| KeyError)?,
        })
    }

    /// The key id as minisign prints it: 16 upper-case hex digits.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{:016X}", self.id)
    }

    /// The base64 line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both hold the same Ed25519 key, even if their ids differ.
    #[must_use]
    pub fn same_key(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }

    /// The trusted comment of `block`, if `block` is a valid prehashed signature of `payload` by this key.
    pub(crate) fn verify(&self, block: &str, payload: &[u8]) -> Option<String> {
        let signature = minisign_verify::Signature::decode(block).ok()?;
        self.verifier.verify(payload, &signature, false).ok()?;
        Some(signature.trusted_comment().to_owned())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::parse(&text)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.text
    }
}
