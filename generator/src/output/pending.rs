//! The report of a document that waits for signatures: its file, and the command that signs it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::trust::quorum::{Quorum, title};
use crate::trust::signer::Waiting;

/// The report as JSON.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The file to sign.
    file: String,
    /// The trusted comment that each signature needs.
    comment: String,
    /// The names of the keys that have signed.
    signed: Vec<String>,
    /// The names of the keys whose signatures would still count.
    missing: Vec<String>,
    /// The number of missing signatures.
    needed: usize,
    /// The command that signs it, run in the folder of the file.
    command: String,
}

impl Report {
    /// The report of `waiting`; signatures count by `quorum`.
    #[must_use]
    pub fn new(waiting: &Waiting, quorum: &Quorum<'_>) -> Self {
        let pending = &waiting.pending;
        let comment = pending.content.comment();
        let signed = waiting.signed.iter().filter_map(|key| quorum.key(&key.id()));
        Self {
            file: pending.file.display().to_string(),
            command: format!("minisign -S -s KEY -m {} -t '{comment}'", pending.name()),
            comment,
            signed: signed.map(title).collect(),
            missing: quorum.missing(&waiting.signed).into_iter().map(title).collect(),
            needed: needed(quorum, waiting),
        }
    }

    /// The report as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("waiting for signatures: {}\n  file     {}\n", self.comment, self.file);
        for name in &self.signed {
            text.push_str(&format!("  signed   {name}\n"));
        }
        text.push_str(&format!("  missing  {} more, of {}\n", self.needed, self.missing.join(", ")));
        text.push_str(&format!(
            "\non the machine with the key, with a copy of the file:\n  {}\nput the new .minisig file beside the file on this machine, then: stringless submit\n",
            self.command
        ));
        text
    }

    /// The end of a command that was to publish: exit code 0 with `offline`, which asked for the document only.
    ///
    /// # Errors
    /// Temporary without `offline`.
    pub fn end(&self, offline: bool) -> Result<u8> {
        if offline {
            return Ok(0);
        }
        let word = if self.needed == 1 { "signature is" } else { "signatures are" };
        Err(Error::temporary(format!("publishing `{}`: {} more {word} needed", self.comment, self.needed)).hint(
            "`--key FILE` signs with another key of this machine; `stringless submit` takes signatures from elsewhere",
        ))
    }
}

/// The smallest number of signatures that could be enough: one key may count for both trusts of a change.
fn needed(quorum: &Quorum<'_>, waiting: &Waiting) -> usize {
    let mut signed = waiting.signed.clone();
    let mut needed = 0;
    while !quorum.reached(&signed) {
        let best = quorum.missing(&signed).into_iter().max_by_key(|key| quorum.weight(&key.key));
        let Some(key) = best else { break };
        signed.push(key.key.clone());
        needed += 1;
    }
    needed
}
