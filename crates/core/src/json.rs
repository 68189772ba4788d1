//! Parsing of the JSON that machines write: a size limit, and errors that name the line and the nearest key.
//!
//! Formats outlive agents. So a reader passes over a key that it does not know; where that would do harm, the
//! writer puts a name into `needs`, and a reader that does not know the name refuses the document.

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

/// Why a document is for a newer version of its reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Another number in `format`.
    #[error("{0}")]
    Format(String),
    /// Unknown names in `needs`.
    #[error("{}", needs(NEWER_AGENT, .0))]
    Needs(Vec<String>),
}

/// What every document says of itself, whatever else it holds.
#[derive(Deserialize)]
struct Head {
    format: Option<u32>,
    #[serde(default)]
    needs: Vec<String>,
}

/// Checks that this version can read a document of any shape: that its `format` is `known`, and that it
/// `needs` nothing unknown. Call it before anything else is read. Bytes that are no such JSON object pass: the
/// parser names their fault.
///
/// # Errors
/// [`HeadError`].
pub fn check_head(bytes: &[u8], known: u32) -> Result<(), HeadError> {
    let Ok(head) = parse::<Head>(bytes) else { return Ok(()) };
    if let Some(format) = head.format {
        check_format(format, known).map_err(HeadError::Format)?;
    }
    check_needs(head.needs)
}

/// Checks that a document needs nothing that this version does not know.
///
/// # Errors
/// [`HeadError::Needs`].
pub fn check_needs(needs: Vec<String>) -> Result<(), HeadError> {
    let unknown: Vec<String> = needs.into_iter().filter(|name| !KNOWN.contains(&&**name)).collect();
    if unknown.is_empty() { Ok(()) } else { Err(HeadError::Needs(unknown)) }
}

/// The words for unknown names in `needs`: `newer` is [`NEWER_AGENT`] or its like.
#[must_use]
pub fn needs(newer: &str, names: &[String]) -> String {
    format!("{newer}: `{}` is unknown to this one", names.join("`, `"))
}

/// The start of the words for a document of the agent.
pub const NEWER_AGENT: &str = "this needs a newer agent";
/// The names in `needs` that this version understands: none so far.
const KNOWN: &[&str] = &[];

/// Whether these bytes are a JSON object with a number as `format`.
#[must_use]
pub fn has_format(bytes: &[u8]) -> bool {
    parse::<Head>(bytes).is_ok_and(|head| head.format.is_some())
}

/// Checks the format of a document.
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

/// Parses `bytes` as `T`. Also returns the path of each key that was passed over, as `layers.0.colour`.
///
/// # Errors
/// [`JsonError`], with the line and column.
pub fn parse_and_list_unknown<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLong);
    }
    let mut unknown = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_ignored::deserialize(&mut reader, |path| unknown.push(path.to_string()));
    let value = value.and_then(|value| reader.end().map(|()| value)).map_err(|error| describe(&error))?;
    Ok((value, unknown))
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
