//! Names that become path segments: sites, environments, nodes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// A name that is safe as one path segment and as one word of a trusted comment.
///
/// ASCII letters, digits, `_`, `-` and `.`; starts with a letter, a digit or `_`; at most
/// [`Name::MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")))]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "name `{0}` is not allowed: use 1 to 63 letters, digits, `_`, `-` or `.`, starting with a letter, a digit or `_`"
)]
pub struct NameError(String);

impl Name {
    /// The longest name, in bytes.
    pub const MAX: usize = 63;

    /// Parses a name.
    ///
    /// # Errors
    /// When a character or the length is outside the rule of [`Name`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let ok = bytes.len() <= Self::MAX
            && bytes.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
            && bytes.iter().all(inside);
        if ok { Ok(Self(text.to_owned())) } else { Err(NameError(escaped(text))) }
    }

    /// The name for an instance id: the id itself or, if it is too long, the part after its last dot.
    #[must_use]
    pub fn from_instance_id(id: &str) -> Option<Self> {
        let last = || Self::new(id.rsplit('.').next()?).ok();
        Self::new(id).ok().or_else(|| if id.len() > Self::MAX { last() } else { None })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 80 characters of a rejected text, control characters escaped.
fn escaped(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn accepts_usual_names() {
        for text in ["production", "feature_x", "a", "web-01.example.org", "9", "_x", "__"] {
            assert_eq!(Name::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn an_instance_name_is_its_id_or_the_end_of_its_id() {
        let end = "anyhqljr3kf6wrycw2nyvwsxnhlqkvbd5kvsr2ms5v6tjzmjnsfjvtgkuqxq";
        let long = format!("ocid1.instance.oc1.eu-frankfurt-1.{end}");
        assert_eq!(Name::from_instance_id("i-0abc.x").unwrap().as_str(), "i-0abc.x");
        assert_eq!(Name::from_instance_id(&long).unwrap().as_str(), end);
        for text in ["", ".", "a b.c", &"a".repeat(64), &format!("{long}."), &format!("{long} x")] {
            assert_eq!(Name::from_instance_id(text), None, "{text:?}");
        }
    }

    #[test]
    fn refuses_names_that_could_leave_a_path() {
        let long = "a".repeat(64);
        for text in ["", ".", "..", ".hidden", "a/b", "a b", "é", "-x", "a\n", "a\0", &long] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
    }
}
