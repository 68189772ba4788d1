//! `metadata.json` of a module: what it is, and what it needs. No IO.

use serde::Deserialize;

use super::tree::Tree;

/// What is read of it; everything else is for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// `author-name`, or `author/name`.
    #[serde(default)]
    pub name: Option<String>,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// What it needs.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
}

/// A module that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Dependency {
    /// `author/name`, or `author-name`.
    pub name: String,
    /// In which versions; none: in any.
    #[serde(default)]
    pub version_requirement: Option<String>,
}

impl Metadata {
    /// That of a module; nothing where it has none.
    ///
    /// # Errors
    /// A sentence, when it is too large or no such file.
    pub fn of(tree: &Tree) -> Result<Self, String> {
        let Some(bytes) = tree.file(FILE) else { return Ok(Self::default()) };
        if bytes.len() > MAX_BYTES {
            return Err(format!("its `{FILE}` has {} bytes, {MAX_BYTES} are the most", bytes.len()));
        }
        serde_json::from_slice(bytes).map_err(|e| format!("its `{FILE}`: {e}"))
    }
}

const FILE: &str = "metadata.json";
/// The largest known have some ten thousand.
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
    fn reads_what_it_needs_and_no_more() {
        let text = br#"{"name": "a-b", "version": "1.2.3", "dependencies": [{"name": "c/d"}], "other": {}}"#;
        let read = read(text).unwrap();
        assert_eq!((read.name.as_deref(), read.version.as_deref()), (Some("a-b"), Some("1.2.3")));
        assert_eq!(read.dependencies[0].version_requirement, None);
        assert_eq!(Metadata::of(&Tree::default()), Ok(Metadata::default()));
    }

    #[test]
    fn refuses_what_is_none_or_too_large() {
        assert!(read(b"[1]").is_err() && read(b"{").is_err() && read(br#"{"dependencies": 1}"#).is_err());
        let told = read(&vec![b' '; MAX_BYTES + 1]).unwrap_err();
        assert!(told.contains("1048577 bytes"), "{told}");
    }
}
