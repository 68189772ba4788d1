//! The content of a module: checked against the node's allow-list, and named by its hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use stringless_archive::writer::{Item, ItemKind};
use stringless_core::entry::{AllowList, Kind};
use stringless_core::hash::Sha256;
use stringless_core::pack::{MAX_FILES, MAX_UNPACKED_BYTES, Pack, check_path};

/// The content of a module, as a node would unpack it: sorted by path, every folder before its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    items: Vec<Item>,
}

impl Tree {
    /// Makes a tree of the files and links of a module. `given` may omit folders, and empty folders are dropped:
    /// git has none, and archives differ in whether they list folders.
    ///
    /// # Errors
    /// The reason why a node would refuse it: a sentence with the path.
    pub fn new(given: Vec<Item>) -> Result<Self, String> {
        let mut by_path: BTreeMap<Vec<String>, Item> = BTreeMap::new();
        for item in given.into_iter().filter(|item| item.kind != ItemKind::Folder) {
            check_path(&item.path).map_err(|why| format!("entry `{}` {why}", quoted(&item.path)))?;
            for (at, _) in item.path.match_indices('/') {
                let folder = item.path[..at].to_owned();
                let known = by_path.entry(parts(&folder));
                let known = known.or_insert_with(|| Item { path: folder, kind: ItemKind::Folder });
                if known.kind != ItemKind::Folder {
                    return Err(format!("`{}` is below something that is not a folder", quoted(&item.path)));
                }
            }
            let place = parts(&item.path);
            let path = item.path.clone();
            if by_path.insert(place, item).is_some() {
                return Err(format!("`{}` is in it twice", quoted(&path)));
            }
        }
        let tree = Self { items: by_path.into_values().collect() };
        tree.check()?;
        Ok(tree)
    }

    /// The same, without the folder `spec` if `exclude_spec` is set: then nothing in it is checked.
    ///
    /// # Errors
    /// As [`Tree::new`].
    pub fn read(mut given: Vec<Item>, exclude_spec: bool) -> Result<Self, String> {
        given.retain(|item| !exclude_spec || item.path != "spec" && !item.path.starts_with("spec/"));
        Self::new(given)
    }

    /// Its files, folders and links.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The same, by value.
    #[must_use]
    pub fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// The bytes of one of its files.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.items.iter().find_map(|item| match &item.kind {
            ItemKind::File { content, .. } if item.path == path => Some(content.as_slice()),
            _ => None,
        })
    }

    /// The hash of its content, independent of its archive or repository: the hash of the lines
    /// `MODE SHA256 PATH`, sorted by path; for a link the line is `120000 TARGET PATH`.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        let mut lines = BTreeMap::new();
        for item in &self.items {
            let line = match &item.kind {
                ItemKind::Folder => continue,
                ItemKind::File { executable, content } => {
                    let mode = if *executable { "100755" } else { "100644" };
                    format!("{mode} {} ", Sha256::of(content))
                }
                ItemKind::Link { target } => format!("120000 {target} "),
            };
            lines.insert(&item.path, line);
        }
        let mut text = String::new();
        for (path, line) in lines {
            let _ = writeln!(text, "{line}{path}");
        }
        Sha256::of(text.as_bytes())
    }

    fn check(&self) -> Result<(), String> {
        let most = Pack {
            path: String::new(),
            sha256: Sha256::of(b""),
            size: 0,
            unpacked: MAX_UNPACKED_BYTES,
            files: MAX_FILES,
        };
        let mut allowed = AllowList::new(&most);
        for item in &self.items {
            let (kind, mode) = match &item.kind {
                ItemKind::Folder => (Kind::Directory, 0o755),
                ItemKind::File { content, .. } => (Kind::File { size: content.len() as u64 }, 0o644),
                ItemKind::Link { target } => (Kind::Symlink { target }, 0o777),
            };
            allowed.admit(&item.path, &kind, mode).map_err(|entry| entry.to_string())?;
        }
        Ok(())
    }
}

/// What to do about a module that a node would refuse because of `why`.
#[must_use]
pub fn cure(why: &str) -> &'static str {
    match why.contains("`spec/") {
        true => "`exclude_spec: true` in its line of the Puppetfile leaves out `spec/`",
        false => "use another release of it, or your own copy without this file",
    }
}

/// A path, escaped for a message.
#[must_use]
pub fn quoted(path: &str) -> String {
    path.chars().take(200).flat_map(char::escape_debug).collect()
}

fn parts(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn file(path: &str, content: &str) -> Item {
        let kind = ItemKind::File { executable: false, content: content.as_bytes().to_vec() };
        Item { path: path.into(), kind }
    }

    fn link(path: &str, target: &str) -> Item {
        Item { path: path.into(), kind: ItemKind::Link { target: target.into() } }
    }

    #[test]
    fn the_hash_is_independent_of_order_and_folders() {
        let folder = Item { path: "manifests".into(), kind: ItemKind::Folder };
        let one = Tree::new(vec![folder, file("manifests/init.pp", "a"), file("README", "b")]).unwrap();
        let two = Tree::new(vec![file("README", "b"), file("manifests/init.pp", "a")]).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.file("README"), Some(&b"b"[..]));
        assert_eq!(one.items().len(), 3);
        // The format must not change: lock files hold these hashes.
        assert_eq!(
            one.sha256().to_string(),
            Sha256::of(
                format!(
                    "100644 {} README\n100644 {} manifests/init.pp\n",
                    Sha256::of(b"b"),
                    Sha256::of(b"a")
                )
                .as_bytes()
            )
            .to_string()
        );
        assert_ne!(one.sha256(), Tree::new(vec![file("README", "b")]).unwrap().sha256());
    }

    #[test]
    fn spec_can_be_left_out() {
        let given = || {
            let fixture = link("spec/fixtures/modules/a", "/home/a");
            vec![file("spec/a_spec.rb", ""), file("spec.md", ""), file("lib/spec/x", ""), fixture]
        };
        let why = Tree::read(given(), false).unwrap_err();
        assert!(cure(&why).contains("`exclude_spec: true`"), "{why}");
        let left: Vec<_> =
            Tree::read(given(), true).unwrap().into_items().into_iter().map(|item| item.path).collect();
        assert_eq!(left, ["lib", "lib/spec", "lib/spec/x", "spec.md"]);
    }

    #[test]
    fn refuses_what_a_node_would_refuse() {
        let cases = [
            (vec![link("a", "../../etc/passwd")], "leaves the pack"),
            (vec![link("a", "/etc/passwd")], "absolute"),
            (vec![file("a", ""), file("A", "")], "only in case"),
            (vec![file("a/x", ""), file("A/x", "")], "only in case"),
            (vec![file("a", ""), file("a", "")], "twice"),
            (vec![file("../a", "")], "`..`"),
            (vec![file("/a", "")], "absolute"),
            (vec![file("a\nb", "")], "control character"),
            (vec![link("a", "b"), file("a/x", "")], "not a folder"),
            (vec![file("a/x", ""), link("a", "b")], "twice"),
        ];
        for (items, why) in cases {
            let error = Tree::new(items.clone()).unwrap_err();
            assert!(error.contains(why), "{items:?}: {error}");
        }
    }
}
