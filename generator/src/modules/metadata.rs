//! `metadata.json` of a module: its name, version and dependencies. No IO.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tree::{Tree, quoted};
use crate::puppetfile::name::{is_full, slug};

/// What is read of the file. Puppet runs modules whose file is missing or odd, so neither is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// `author-name`, or `author/name`.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its dependencies: `author/name`, and the range of versions; an empty range is any version.
    pub needs: BTreeMap<String, String>,
    /// Why something of it was not read.
    pub fault: Option<String>,
}

impl Metadata {
    /// The metadata of a module; the default if it has no `metadata.json`.
    ///
    /// # Errors
    /// A sentence, when the file is too large.
    pub fn of(tree: &Tree) -> Result<Self, String> {
        let Some(bytes) = tree.file(FILE) else { return Ok(Self::default()) };
        if bytes.len() > MAX_BYTES {
            return Err(format!(
                "its `{FILE}` has {} bytes, more than the limit of {MAX_BYTES}",
                bytes.len()
            ));
        }
        let faulty = |why: String| Self { fault: Some(format!("its `{FILE}` {why}")), ..Self::default() };
        if bytes.starts_with(BYTE_ORDER_MARK) {
            return Ok(faulty("begins with a byte order mark".into()));
        }
        Ok(match serde_json::from_slice(bytes) {
            Ok(value) => Self::of_value(&value),
            Err(e) => faulty(format!("is not JSON: {e}")),
        })
    }

    /// The metadata in a value of JSON.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        let (mut needs, mut faults) = (BTreeMap::new(), Vec::new());
        let mut text = |key: &str| {
            let found = value.get(key).and_then(Value::as_str)?;
            if is_printable(found) {
                return Some(found.to_owned());
            }
            faults.push(format!("has a `{key}` with a control character: `{}`", quoted(found)));
            None
        };
        let (name, version) = (text("name"), text("version"));
        if !value.is_object() {
            faults.push("is not an object of JSON".to_owned());
        }
        match value.get("dependencies") {
            None => {}
            Some(Value::Array(all)) => {
                for one in all {
                    let range = match one.get("version_requirement") {
                        None | Some(Value::Null) => Some(""),
                        Some(range) => range.as_str(),
                    };
                    match (one.get("name").and_then(Value::as_str), range) {
                        (Some(name), Some(range)) if is_full(name) && is_printable(range) => {
                            needs.insert(slug(name).replacen('-', "/", 1), range.to_owned());
                        }
                        _ => faults
                            .push(format!("has a dependency that is none: `{}`", quoted(&one.to_string()))),
                    }
                }
            }
            Some(_) => faults.push("has `dependencies` that are not a list".into()),
        }
        let fault = faults.first().map(|why| format!("its `{FILE}` {why}"));
        Self { name, version, needs, fault }
    }
}

/// Whether it can be shown as it is. Puppet takes any text for a version or a range.
fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

const FILE: &str = "metadata.json";
/// In UTF-8. Puppet's reader refuses it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The largest known files have about ten thousand bytes.
const MAX_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use stringless_archive::writer::{Item, ItemKind};

    fn read(text: &[u8]) -> Result<Metadata, String> {
        let kind = ItemKind::File { executable: false, content: text.to_vec() };
        Metadata::of(&Tree::new(vec![Item { path: FILE.into(), kind }]).unwrap())
    }

    #[test]
    fn reads_its_keys_and_ignores_others() {
        let text = br#"{"name": "a-b", "version": "1.2.3", "dependencies": [{"name": "c-d"}, {"name": "e/f", "version_requirement": ">= 1.0.0"}], "other": {}}"#;
        let read = read(text).unwrap();
        assert_eq!((read.name.as_deref(), read.version.as_deref()), (Some("a-b"), Some("1.2.3")));
        let needs =
            [("c/d", ""), ("e/f", ">= 1.0.0")].map(|(name, range)| (name.to_owned(), range.to_owned()));
        assert_eq!((read.needs, read.fault), (BTreeMap::from(needs), None));
        assert_eq!(Metadata::of(&Tree::default()), Ok(Metadata::default()));
    }

    #[test]
    fn an_odd_file_has_no_needs_and_says_why() {
        for (text, why) in [
            (&b"{"[..], "is not JSON"),
            (b"[1]", "is not an object"),
            (br#"{"name": "a-b", "dependencies": [],}"#, "is not JSON: trailing comma"),
            (b"\xef\xbb\xbf{\"dependencies\": [{\"name\": \"c/d\"}]}", "begins with a byte order mark"),
            (br#"{"dependencies": null}"#, "has `dependencies` that are not a list"),
            (br#"{"dependencies": {}}"#, "has `dependencies` that are not a list"),
            (br#"{"dependencies": 1}"#, "has `dependencies` that are not a list"),
            (br#"{"dependencies": ["c/d"]}"#, "has a dependency that is none"),
            (
                br#"{"dependencies": [{"name": "c/d", "version_requirement": 1}]}"#,
                "has a dependency that is none",
            ),
            (br#"{"dependencies": [{"name": ""}]}"#, "has a dependency that is none"),
            (br#"{"dependencies": [{"name": "stdlib"}]}"#, "has a dependency that is none"),
            (br#"{"dependencies": [{"name": "../evil"}]}"#, "has a dependency that is none"),
            (br#"{"dependencies": [{"name": "c/d/e"}]}"#, "has a dependency that is none"),
            (br#"{"dependencies": [{"name": "c\nd/e"}]}"#, "has a dependency that is none"),
            (
                br#"{"dependencies": [{"name": "c/d", "version_requirement": "\u001b[31m"}]}"#,
                "has a dependency that is none",
            ),
            (br#"{"version": "1\u001b[31m"}"#, "has a `version` with a control character: `1\\u{1b}[31m`"),
        ] {
            let read = read(text).unwrap();
            assert!(read.needs.is_empty() && read.fault.as_ref().unwrap().contains(why), "{read:?}");
        }
        let read = read(br#"{"version": "1.0.0", "dependencies": [1, {"name": "c/d"}]}"#).unwrap();
        assert!(read.needs.contains_key("c/d") && read.fault.is_some() && read.version.is_some());
    }

    #[test]
    fn refuses_a_file_that_is_too_large() {
        let error = read(&vec![b' '; MAX_BYTES + 1]).unwrap_err();
        assert!(error.contains("1048577 bytes"), "{error}");
    }
}
