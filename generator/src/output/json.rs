//! What `--json` prints: one object with the version of its format, the site, and the command's own content.

use serde::Serialize;
use stringless_core::name::Name;

use super::print;
use crate::error::{Error, Result};

/// The version of the objects that `--json` prints: their `format`.
pub const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Document<'a, T> {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a Name>,
    #[serde(flatten)]
    content: &'a T,
}

/// Prints `content` as an indented JSON object; `site` is missing for commands that need no site.
///
/// # Errors
/// When standard output cannot be written.
pub fn print<T: Serialize>(site: Option<&Name>, content: &T) -> Result<()> {
    let document = Document { format: FORMAT, site, content };
    let text = serde_json::to_string_pretty(&document)
        .map_err(|e| Error::temporary(format!("writing JSON: {e}")))?;
    print::out(&format!("{text}\n"))
}
