//! The labels of a node: what its user-data says about it, for engines.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::hash::{Hasher, Sha256};
use crate::name::Name;

/// The labels of a node, by key.
///
/// Engines see a label as a variable or a fact, whose name is made of its key. So no two keys may give the
/// same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend(
        "maxProperties" = 32,
        "additionalProperties" = false,
        "patternProperties" = {
            "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$": { "type": "string", "pattern": "^[!-~]([ -~]{0,126}[!-~])?$" },
        },
    ))
)]
#[serde(try_from = "BTreeMap<Name, String>", into = "BTreeMap<Name, String>")]
pub struct Labels(BTreeMap<Name, String>);

/// Why labels are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabelError(String);

impl Labels {
    /// The most labels of a node.
    pub const MAX: usize = 32;
    /// The longest value, in bytes.
    pub const MAX_VALUE: usize = 128;

    /// Checks labels.
    ///
    /// # Errors
    /// A sentence that names the label at fault.
    pub fn new(labels: BTreeMap<Name, String>) -> Result<Self, LabelError> {
        if labels.len() > Self::MAX {
            return Err(LabelError(format!(
                "{} labels, and at most {} are allowed",
                labels.len(),
                Self::MAX
            )));
        }
        let mut names: BTreeMap<String, &Name> = BTreeMap::new();
        for (key, value) in &labels {
            if !is_value(value) {
                return Err(LabelError(format!(
                    "label `{key}`: its value is not allowed: use 1 to {} printable ASCII characters, without \
                     spaces at the ends",
                    Self::MAX_VALUE
                )));
            }
            let name = variable(key);
            if let Some(other) = names.insert(name.clone(), key) {
                return Err(LabelError(format!(
                    "labels `{other}` and `{key}`: both would be the variable {PREFIX}{name}"
                )));
            }
        }
        Ok(Self(labels))
    }

    /// These labels, and those of `own`, which replace them.
    ///
    /// # Errors
    /// A sentence that names the label at fault.
    pub fn replaced_by(&self, own: &Self) -> Result<Self, LabelError> {
        let mut labels = self.0.clone();
        // Another spelling of the key is the same label.
        labels.retain(|key, _| !own.0.keys().any(|other| variable(other) == variable(key)));
        labels.extend(own.0.clone());
        Self::new(labels)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value)
    }

    /// Each key and its value, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &str)> {
        self.0.iter().map(|(key, value)| (key, value.as_str()))
    }

    /// Each label as a variable of an engine's environment, as `STRINGLESS_LABEL_DC` for the key `dc`.
    pub fn variables(&self) -> impl Iterator<Item = (String, &str)> {
        self.iter().map(|(key, value)| (format!("{PREFIX}{}", variable(key)), value))
    }
}

/// Identifies a role and labels: none for a node that has neither.
#[must_use]
pub fn identity(role: Option<&Name>, labels: &Labels) -> Option<Sha256> {
    if role.is_none() && labels.is_empty() {
        return None;
    }
    let mut hasher = Hasher::default();
    hasher.update(format!("role {}\n", role.map_or("", Name::as_str)).as_bytes());
    for (key, value) in labels.iter() {
        hasher.update(format!("label {key}={value}\n").as_bytes());
    }
    Some(hasher.finish())
}

/// The beginning of each variable that holds a label.
pub const PREFIX: &str = "STRINGLESS_LABEL_";

/// A key as the end of a variable's name: in capital letters, `_` for the characters that names of variables
/// do not have.
fn variable(key: &Name) -> String {
    key.as_str().to_ascii_uppercase().replace(['-', '.'], "_")
}

fn is_value(value: &str) -> bool {
    let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
    (1..=Labels::MAX_VALUE).contains(&value.len())
        && value.bytes().all(printable)
        && value.trim_matches(' ') == value
}

impl TryFrom<BTreeMap<Name, String>> for Labels {
    type Error = LabelError;
    fn try_from(labels: BTreeMap<Name, String>) -> Result<Self, LabelError> {
        Self::new(labels)
    }
}

impl From<Labels> for BTreeMap<Name, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, String> {
        let pairs = pairs.iter().map(|(key, value)| (Name::new(key).unwrap(), (*value).to_string()));
        Labels::new(pairs.collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_label_is_a_variable() {
        let labels = labels(&[("dc", "fra1"), ("rack.row-2", "a b=c; $(x) 'y'")]).unwrap();
        let found: Vec<_> = labels.variables().collect();
        assert_eq!(found[0], ("STRINGLESS_LABEL_DC".into(), "fra1"));
        assert_eq!(found[1], ("STRINGLESS_LABEL_RACK_ROW_2".into(), "a b=c; $(x) 'y'"));
    }

    #[test]
    fn refusals_name_the_label() {
        let long = "x".repeat(Labels::MAX_VALUE + 1);
        for value in ["", " x", "x ", "a\nb", "a\0", "\u{e9}", "\u{7f}", &long] {
            let why = labels(&[("dc", value)]).unwrap_err();
            assert!(why.starts_with("label `dc`: its value is not allowed"), "{why}");
        }
        assert!(labels(&[("dc", &long[1..])]).is_ok());
        for (one, two, name) in [("dc", "DC", "DC"), ("a-b", "a.b", "A_B"), ("a_b", "A-b", "A_B")] {
            let why = labels(&[(one, "x"), (two, "x")]).unwrap_err();
            assert!(why.contains(&format!("`{one}`")) && why.contains(&format!("`{two}`")), "{why}");
            assert!(why.ends_with(&format!("the variable STRINGLESS_LABEL_{name}")), "{why}");
        }
        let many = |n| {
            let all = (0..n).map(|n| (Name::new(&format!("k{n}")).unwrap(), "v".to_string()));
            Labels::new(all.collect()).map_err(|error| error.to_string())
        };
        assert!(many(Labels::MAX).is_ok());
        assert_eq!(many(Labels::MAX + 1).unwrap_err(), "33 labels, and at most 32 are allowed");
    }

    #[test]
    fn labels_replace_those_of_the_same_variable() {
        let (site, own) = (labels(&[("dc", "fra1"), ("tier", "one")]), labels(&[("DC", "ams2")]));
        let merged = site.unwrap().replaced_by(&own.unwrap()).unwrap();
        assert_eq!(merged, labels(&[("DC", "ams2"), ("tier", "one")]).unwrap());
    }

    #[test]
    fn json_keeps_the_rules() {
        let read = |text: &str| crate::json::parse::<Labels>(text.as_bytes()).map_err(|e| e.to_string());
        let good = labels(&[("dc", "fra1")]).unwrap();
        assert_eq!(read(r#"{"dc": "fra1"}"#).as_ref(), Ok(&good));
        assert_eq!(crate::json::parse(&crate::json::write(&good)), Ok(good));
        for (text, expected) in [
            (r#"{"a b": "x"}"#, "name `a b`"),
            (r#"{"a": ""}"#, "label `a`"),
            (r#"{"a": "1", "A": "2"}"#, "labels `A` and `a`"),
            (r#"{"a": 1}"#, "expected a text"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn the_identity_changes_with_each_part() {
        let (web, db) = (Name::new("web").unwrap(), Name::new("db").unwrap());
        let none = Labels::default();
        let dc = labels(&[("dc", "fra1")]).unwrap();
        assert_eq!(identity(None, &none), None);
        let all = [
            identity(Some(&web), &none),
            identity(Some(&db), &none),
            identity(None, &dc),
            identity(Some(&web), &dc),
            identity(Some(&web), &labels(&[("dc", "fra2")]).unwrap()),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(one.is_some() && !all[n + 1..].contains(one), "{n}");
        }
    }
}
