//! Strict parsing of our JSON: a size limit, no unknown keys, and errors that name the line and the nearest
//! key.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::suggest::nearest;

/// The largest JSON text that is parsed, and the largest signed document: 1 MiB.
pub const MAX_BYTES: usize = 1 << 20;

/// Why a JSON text could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Longer than [`MAX_BYTES`].
    #[error("longer than the limit of {MAX_BYTES} bytes")]
    TooLong,
    /// It does not have the expected shape. The text names line, column and, if there is one, a similar valid
    /// key.
    #[error("{0}")]
    Shape(String),
}

/// Parses `bytes` as `T`.
///
/// # Errors
/// [`JsonError`], with the line and column.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLong);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let mut text = error.to_string();
        if let Some(key) = nearest(&text).map(ToString::to_string) {
            text.push_str("; did you mean `");
            text.push_str(&key);
            text.push_str("`?");
        }
        JsonError::Shape(text)
    })
}

/// `value` as indented JSON with a final newline, readable for people.
///
/// # Panics
/// Never for the types of this crate: their keys are strings and their numbers finite.
#[must_use]
pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a type with a JSON form");
    bytes.push(b'\n');
    bytes
}
