//! What a fleet key may sign.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::name::Name;

/// A kind of document that fleet keys sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Heads: when a release reaches a node.
    Head,
    /// Records: who a node is.
    Record,
    /// Sealed data of a node.
    Sealed,
    /// Launch records.
    Launch,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 4] = [Self::Head, Self::Record, Self::Sealed, Self::Launch];

    /// The name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Record => "record",
            Self::Sealed => "sealed",
            Self::Launch => "launch",
        }
    }
}

/// A fleet key, as a trust document names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetKey {
    /// The name of its owner.
    pub name: Name,
    /// Minisign's key id: 16 upper-case hex digits, the same as in the key.
    pub id: String,
    /// The base64 line of the public key.
    pub key: PublicKey,
    /// The duties, by name; none: all. A newer version may know more names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may: Option<Vec<String>>,
}

/// The part of a fleet key that verification needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedFleetKey {
    /// The key.
    pub key: PublicKey,
    /// See [`FleetKey::may`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may: Option<Vec<String>>,
}

impl TrustedFleetKey {
    /// Whether the key may sign documents of this kind.
    #[must_use]
    pub fn may(&self, duty: Duty) -> bool {
        self.may.as_ref().is_none_or(|names| names.iter().any(|name| name == duty.as_str()))
    }
}

impl FleetKey {
    /// The part that verification needs.
    #[must_use]
    pub fn trusted(&self) -> TrustedFleetKey {
        TrustedFleetKey { key: self.key.clone(), may: self.may.clone() }
    }

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.id != self.key.id() {
            return Err(format!("fleet key `{}` has the id {}, not {}", self.name, self.key.id(), self.id));
        }
        Ok(())
    }
}

/// Reads duties that people write.
///
/// # Errors
/// A sentence that names the word that is no duty.
pub fn parse(words: &[String]) -> Result<Vec<String>, String> {
    let names = Duty::ALL.map(Duty::as_str);
    match words.iter().find(|word| !names.contains(&&***word)) {
        Some(word) => Err(format!("`{word}` is no duty of a fleet key: expected {}", names.join(", "))),
        None => Ok(names
            .into_iter()
            .filter(|name| words.iter().any(|word| word == name))
            .map(ToOwned::to_owned)
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn key(may: Option<Vec<String>>) -> TrustedFleetKey {
        let key = PublicKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
        TrustedFleetKey { key, may }
    }

    #[test]
    fn a_key_without_a_list_may_everything_and_one_with_a_list_only_that() {
        for duty in Duty::ALL {
            assert!(key(None).may(duty));
            assert!(!key(Some(vec![])).may(duty));
            assert!(!key(Some(vec!["newer".into()])).may(duty));
            assert_eq!(key(Some(vec!["newer".into(), "head".into()])).may(duty), duty == Duty::Head);
        }
    }

    #[test]
    fn duties_are_read_once_each_and_unknown_ones_are_refused() {
        let words = |words: &[&str]| words.iter().map(|word| String::from(*word)).collect::<Vec<_>>();
        assert_eq!(parse(&words(&["sealed", "head", "head"])).unwrap(), words(&["head", "sealed"]));
        for word in ["", "Head", "heads", "all"] {
            assert!(parse(&words(&["head", word])).unwrap_err().contains("expected head, record"), "{word}");
        }
    }
}
