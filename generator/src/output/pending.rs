//! What is said of a document that waits for signatures: where it lies, and which command signs it.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::trust::quorum::{Quorum, title};
use crate::trust::signer::Waiting;

/// For programs.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The file to sign.
    file: String,
    /// The trusted comment that each signature needs.
    comment: String,
    /// Names of those who have signed.
    signed: Vec<String>,
    /// Names of those whose signatures would still help.
    missing: Vec<String>,
    /// How many more are needed.
    needed: usize,
    /// What signs it, in the folder of the file.
    command: String,
}

impl Report {
    /// What is to be said of `waiting`, whose signatures count by `quorum`.
    #[must_use]
    pub fn of(waiting: &Waiting, quorum: &Quorum<'_>) -> Self {
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

    /// For people.
    #[must_use]
    pub fn told(&self) -> String {
        let mut text = format!("waiting for signatures: {}\n  file     {}\n", self.comment, self.file);
        for name in &self.signed {
            text.push_str(&format!("  signed   {name}\n"));
        }
        text.push_str(&format!("  missing  {} more, of {}\n", self.needed, self.missing.join(", ")));
        text.push_str(&format!(
            "\nwhere the key is, with a copy of the file:\n  {}\nput the .minisig that it writes beside the file here, then: stringless submit\n",
            self.command
        ));
        text
    }

    /// The end of a command that was to publish: 0 where `asked` to leave it waiting, else temporary.
    ///
    /// # Errors
    /// When nobody asked for it.
    pub fn end(&self, asked: bool) -> Result<u8> {
        if asked {
            return Ok(0);
        }
        let word = if self.needed == 1 { "signature is" } else { "signatures are" };
        Err(Error::temporary(format!("publishing `{}`: {} more {word} needed", self.comment, self.needed)).hint(
            "`--key FILE` signs with another key of this machine; `stringless submit` takes signatures from elsewhere",
        ))
    }
}

/// The fewest signatures that could be enough: one key may count for both trusts of a step.
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
