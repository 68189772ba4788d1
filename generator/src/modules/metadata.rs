//! `metadata.json` of a module: its name, version and dependencies. No IO.

use serde::Deserialize;

use super::tree::Tree;

/// The keys that are read; other keys are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// `author-name`, or `author/name`.
    #[serde(default)]
    pub name: Option<String>,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// Its dependencies.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Dependency {
    /// `author/name`, or `author-name`.
    pub name: String,
    /// The range of versions; `None`: any version.
    #[serde(default)]
    pub version_requirement: Option<String>,
}

impl Metadata {
    /// The metadata of a module; the default if it has no `metadata.json`.
    ///
    /// # Errors
    /// A sentence, when the file is too large or invalid.
    pub fn of(tree: &Tree) -> Result<Self, String> {
        let Some(bytes) = tree.file(FILE) else { return Ok(Self::default()) };
        if bytes.len() > MAX_BYTES {
            return Err(format!(
                "its `{FILE}` has {} bytes, more than the limit of {MAX_BYTES}",
                bytes.len()
            ));
        }
        serde_json::from_slice(bytes).map_err(|e| format!("its `{FILE}`: {e}"))
    }
}

const FILE: &str = "metadata.json";
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
        let text = br#"{"name": "a-b", "version": "1.2.3", "dependencies": [{"name": "c/d"}], "other": {}}"#;
        let read = read(text).unwrap();
        assert_eq!((read.name.as_deref(), read.version.as_deref()), (Some("a-b"), Some("1.2.3")));
        assert_eq!(read.dependencies[0].version_requirement, None);
        assert_eq!(Metadata::of(&Tree::default()), Ok(Metadata::default()));
    }

    #[test]
    fn refuses_invalid_and_too_large_files() {
        assert!(read(b"[1]").is_err() && read(b"{").is_err() && read(br#"{"dependencies": 1}"#).is_err());
        let error = read(&vec![b' '; MAX_BYTES + 1]).unwrap_err();
        assert!(error.contains("1048577 bytes"), "{error}");
    }
}
