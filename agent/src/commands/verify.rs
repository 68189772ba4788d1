//! `verify`: checks whether this node would accept a document.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::Deserialize;
use stringless_core::document::Document;
use stringless_core::name::Name;
use stringless_core::report::Outcome;
use stringless_core::{json, verify};

use crate::error::{At, Error, Result};
use crate::output::print;
use crate::session::Session;
use crate::trust::TrustInUse;

/// The two keys that every payload contains.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    site: Name,
}

/// The bytes of a file of the user, which may be a pipe: at most one more than the limit.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("opening", path),
    };
    let mut bytes = Vec::new();
    file.take(json::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).at("reading", path)?;
    Ok(Some(bytes))
}

/// Verifies a file with the trust of the layer that has the document's site.
///
/// # Errors
/// The document is refused, or the file cannot be read.
pub fn verify(session: &Session<'_>, file: &Path) -> Result<Outcome> {
    let none = || Error::usage(format!("reading `{}`: there is no such file", file.display()));
    let bytes = read(file)?.ok_or_else(none)?;
    let what = format!("`{}`", file.display());
    let refused = |refusal| Error::refused(&what, &refusal);
    let document =
        Document::parse(&bytes).map_err(|error| refused(stringless_core::refusal::Refusal::Form(error)))?;
    let head: Head = json::parse(document.payload)
        .map_err(|error| refused(stringless_core::refusal::Refusal::Payload(error)))?;
    let layer = session.config.layers.iter().find(|layer| layer.site == head.site).ok_or_else(|| {
        Error::configuration(format!("verifying {what}: this node follows no site `{}`", head.site))
    })?;
    let disk = session.io.disk.layer(&layer.site);
    let trust = TrustInUse::load(&layer.trust, &layer.site, &disk)?;
    let comment = match head.kind.as_str() {
        "trust" => {
            let own = verify::own_trust_document(&bytes, &layer.site).map_err(refused)?;
            if own.trusted_keys() == trust.keys {
                own.comment()
            } else {
                verify::next_trust(&bytes, &trust.keys, &layer.site).map_err(refused)?.comment()
            }
        }
        _ => {
            let environment = session.environment(layer);
            verify::manifest(&bytes, &trust.keys, &layer.site, environment).map_err(refused)?.comment()
        }
    };
    print(&format!("{what} is good: {comment}\n"))
}
