//! What `--json` prints: one object with the version of its format, the site, and the command's own content.

use schemars::generate::Contract;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use stringless_core::name::Name;
use stringless_render::schema;

use super::print;
use crate::error::{Error, Result};

/// The version of the objects that `--json` prints: their `format`.
pub const FORMAT: u32 = 1;

#[derive(Serialize, JsonSchema)]
struct Document<'a, T> {
    /// The version of this object's format. It stays the same while readers that pass over keys that they do not know
    /// can read it.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The site.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a Name>,
    #[serde(flatten)]
    content: &'a T,
}

/// The schema of what is printed with a `T` as content.
#[must_use]
pub fn schema<T: Serialize + JsonSchema>(title: &str) -> Schema {
    growing::<Document<'_, T>>(title)
}

/// The schema of an object that may get more keys.
#[must_use]
pub fn growing<T: JsonSchema>(title: &str) -> Schema {
    let mut schema = schema::of::<T>(Contract::Serialize, title);
    RecursiveTransform(open).transform(&mut schema);
    schema.insert("$comment".into(), GROWTH.into());
    schema
}

fn open(schema: &mut Schema) {
    if schema.get("additionalProperties") == Some(&false.into()) {
        schema.remove("additionalProperties");
    }
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

const GROWTH: &str = "Keys may be added: pass over those that you do not know. A key is removed, or changes its meaning, only with another `format`.";
