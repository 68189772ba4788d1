//! Strict parsing of our JSON: a size limit, no unknown keys, and errors that name the line and the nearest
//! key.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::suggest::nearest;
use crate::words;

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
    /// It ends too early. The text names line and column.
    #[error("{0}")]
    Truncated(String),
}

impl JsonError {
    /// Whether the text ends too early: it was cut off, or it is empty.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated(_))
    }
}

/// Parses `bytes` as `T`.
///
/// # Errors
/// [`JsonError`], with the line and column.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLong);
    }
    serde_json::from_slice(bytes).map_err(|error| describe(&error))
}

/// One function for all types: an agent holds it once.
#[inline(never)]
fn describe(error: &serde_json::Error) -> JsonError {
    let mut text = words::plain(&error.to_string());
    if error.is_eof() {
        return JsonError::Truncated(text);
    }
    if let Some(key) = nearest(&text).map(ToString::to_string) {
        text.push_str("; did you mean `");
        text.push_str(&key);
        text.push_str("`?");
    }
    JsonError::Shape(text)
}

/// The number in the key `format` of a JSON object of any shape; `None` if it has none.
#[must_use]
pub fn format_of(bytes: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    parse::<Format>(bytes).ok().map(|found| found.format)
}

/// Checks the format of a document, before or after the rest of it.
///
/// # Errors
/// A sentence: this version reads only the format `known`.
pub fn check_format(found: u32, known: u32) -> Result<(), String> {
    if found == known {
        return Ok(());
    }
    let newer = if found > known { ": a newer version wrote it" } else { "" };
    Err(format!("format {found} is not supported, only {known}{newer}"))
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
