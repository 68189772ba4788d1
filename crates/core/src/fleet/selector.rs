//! A selector: which nodes are meant. `role=web|db,dc!=fra1`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::label::Labels;
use crate::name::Name;

/// Terms that must all hold, separated by commas: `key=value`, `key=one|other`, `key!=value`. Keys are `node`,
/// `role` and the keys of labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: String,
    negated: bool,
    values: Vec<String>,
}

/// Why a text is no [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("selector: {0}")]
pub struct SelectorError(String);

/// What a selector looks at: what the site says of a node.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The node's id.
    pub node: &'a str,
    /// Role and labels of its signed record; `None`: it has none, and only `node=` can select it.
    pub record: Option<(Option<&'a Name>, &'a Labels)>,
}

impl Selector {
    /// The longest text, in bytes.
    pub const MAX: usize = 1024;

    /// Parses a selector.
    ///
    /// # Errors
    /// A sentence that names the term at fault.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let wrong = |why: String| Err(SelectorError(why));
        if text.len() > Self::MAX {
            return wrong(format!("longer than {} bytes", Self::MAX));
        }
        let mut terms = Vec::new();
        for part in text.split(',') {
            let Some((key, values)) = part.split_once('=') else {
                let shown: String = part.chars().flat_map(char::escape_debug).take(80).collect();
                return wrong(format!("`{shown}`: expected KEY=VALUE or KEY!=VALUE"));
            };
            let (key, negated) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
            Name::new(key).map_err(|why| SelectorError(format!("{why}")))?;
            let values: Vec<String> = values.split('|').map(ToOwned::to_owned).collect();
            if !values.iter().all(|value| is_value(value)) {
                return wrong(format!(
                    "the values of `{key}`: expected printable ASCII without `,`, `|` and `=`"
                ));
            }
            terms.push(Term { key: key.into(), negated, values });
        }
        Ok(Self { text: text.into(), terms })
    }

    /// Whether the node is meant.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.terms.iter().all(|term| term.holds(subject))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Term {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        let is_one = |value: &str| self.values.iter().any(|one| one == value);
        if self.key == "node" {
            return is_one(subject.node) != self.negated;
        }
        let Some((role, labels)) = subject.record else { return false };
        let value = match &*self.key {
            "role" => role.map(Name::as_str),
            key => labels.get(key),
        };
        value.is_some_and(is_one) != self.negated
    }
}

/// Whether a label could have this value: what separates terms and values stands in none.
fn is_value(value: &str) -> bool {
    let inside = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b',' | b'|' | b'=');
    !value.is_empty() && value.bytes().all(inside)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Selector {
    type Error = SelectorError;
    fn try_from(text: String) -> Result<Self, SelectorError> {
        Self::parse(&text)
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.text
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;

    fn matches(text: &str, record: Option<(&str, &[(&str, &str)])>) -> bool {
        let record = record.map(|(role, labels)| {
            let labels = labels.iter().map(|(key, value)| (Name::new(key).unwrap(), String::from(*value)));
            (Name::new(role).ok(), Labels::new(labels.collect::<BTreeMap<_, _>>()).unwrap())
        });
        let record = record.as_ref().map(|(role, labels)| (role.as_ref(), labels));
        Selector::parse(text).unwrap().matches(&Subject { node: "i-1", record })
    }

    #[test]
    fn all_terms_must_hold() {
        let web: Option<(&str, &[(&str, &str)])> = Some(("web", &[("dc", "fra1"), ("note", "a b")]));
        for text in ["role=web", "node=i-1", "dc=fra1", "role=db|web,dc!=ams1", "note=a b", "tier!=data"] {
            assert!(matches(text, web), "{text}");
        }
        for text in ["role=db", "node=i-2", "node!=i-1", "role=web,dc=ams1", "tier=data", "role!=web|db"] {
            assert!(!matches(text, web), "{text}");
        }
    }

    #[test]
    fn a_node_without_a_record_is_selected_by_its_id_alone() {
        assert!(matches("node=i-1", None) && matches("node!=i-2", None));
        for text in ["role=web", "role!=web", "dc!=fra1", "node=i-1,role!=db"] {
            assert!(!matches(text, None), "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        let long = alloc::format!("role={}", "x".repeat(Selector::MAX));
        for text in [
            "",
            "role",
            "role=",
            "=web",
            "role=web,",
            "ro le=web",
            "role==web",
            "role=a||b",
            "r/x=a",
            "role=w\u{e9}b",
            "role=a\nb",
            &long,
        ] {
            let why = Selector::parse(text).unwrap_err();
            assert!(alloc::format!("{why}").starts_with("selector: "), "{text:?}");
        }
    }
}
