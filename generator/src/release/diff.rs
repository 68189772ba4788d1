//! Compares the items of two releases, file by file. No IO.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use stringless_archive::writer::ItemKind;

/// The items of a release, by their path in it.
pub type Items = BTreeMap<String, ItemKind>;

/// One changed file, link or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Its path in the release.
    pub path: String,
    /// The third-party module that it belongs to; null for the site's own code.
    pub module: Option<String>,
    /// How it changes.
    pub kind: ChangeKind,
    /// What it was; null if it is added.
    pub old: Option<Form>,
    /// What it becomes; null if it is removed.
    pub new: Option<Form>,
    /// Whether the content changes, and is not text on both sides, or too long to be compared line by line.
    pub binary: bool,
    /// Added lines; 0 if it is binary.
    pub added: usize,
    /// Removed lines; 0 if it is binary.
    pub removed: usize,
    /// The change as text, in the format of `diff -u`.
    #[serde(skip)]
    pub text: String,
}

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Form {
    /// `file, mode 0644` or another kind.
    #[serde(rename = "kind")]
    pub words: &'static str,
    /// The size of a file, or of the target of a link, in bytes.
    pub size: usize,
}

/// How a file, link or folder changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is added.
    Added,
    /// It is removed.
    Removed,
    /// Its content, mode or kind changes.
    Changed,
}

/// Every change from `old` to `new`, by path, each as the site's own. A folder that is added or removed with its content
/// is not listed.
#[must_use]
pub fn between(old: &Items, new: &Items) -> Vec<Change> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let holds_more = |items: &Items, path: &str| {
        let below = format!("{path}/");
        items.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    };
    let mut changes = Vec::new();
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        let listed = match (before, after) {
            (Some(before), Some(after)) => before != after,
            (Some(ItemKind::Folder), None) => !holds_more(old, path),
            (None, Some(ItemKind::Folder)) => !holds_more(new, path),
            _ => true,
        };
        if listed {
            changes.push(change(path, before, after));
        }
    }
    changes
}

fn change(path: &str, before: Option<&ItemKind>, after: Option<&ItemKind>) -> Change {
    let kind = match (before, after) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    };
    let mut text = format!("diff {path}\n");
    let (old_mode, new_mode) = (before.map(mode), after.map(mode));
    match (old_mode, new_mode) {
        (Some(old), Some(new)) if old != new => text.push_str(&format!("old {old}\nnew {new}\n")),
        (None, Some(new)) => text.push_str(&format!("new {new}\n")),
        (Some(old), None) => text.push_str(&format!("removed {old}\n")),
        _ => {}
    }
    let (mut added, mut removed, mut binary) = (0, 0, false);
    let (old_bytes, new_bytes) = (bytes(before), bytes(after));
    if old_bytes != new_bytes {
        match (plain(old_bytes), plain(new_bytes)) {
            (Some(old), Some(new)) => {
                let diff = TextDiff::configure().timeout(LIMIT).diff_lines(old, new);
                for line in diff.iter_all_changes() {
                    added += usize::from(line.tag() == ChangeTag::Insert);
                    removed += usize::from(line.tag() == ChangeTag::Delete);
                }
                let side = |there: Option<&ItemKind>, side| match there {
                    Some(_) => format!("{side}/{path}"),
                    None => "/dev/null".to_owned(),
                };
                let header = (side(before, "a"), side(after, "b"));
                text.push_str(
                    &diff.unified_diff().context_radius(3).header(&header.0, &header.1).to_string(),
                );
            }
            _ => {
                binary = true;
                text.push_str(&format!("not text: {} to {} bytes\n", old_bytes.len(), new_bytes.len()));
            }
        }
    }
    let (old, new) = (before.map(form), after.map(form));
    Change { path: path.to_owned(), module: None, kind, old, new, binary, added, removed, text }
}

impl Change {
    /// What changes besides lines: kind, mode, and the size of what is not text. Empty if nothing does.
    #[must_use]
    pub fn remark(&self) -> String {
        let mut words = Vec::new();
        if let (Some(old), Some(new)) = (self.old, self.new)
            && old.words != new.words
        {
            words.push(format!("{} to {}", old.words, new.words));
        }
        if self.binary {
            let size = |form: Option<Form>| form.map_or(0, |form| form.size);
            words.push(format!("not text, {} to {} bytes", size(self.old), size(self.new)));
        }
        words.join("; ")
    }
}

fn form(kind: &ItemKind) -> Form {
    Form { words: mode(kind), size: bytes(Some(kind)).len() }
}

fn mode(kind: &ItemKind) -> &'static str {
    match kind {
        ItemKind::Folder => "folder",
        ItemKind::File { executable: true, .. } => "file, mode 0755",
        ItemKind::File { .. } => "file, mode 0644",
        ItemKind::Link { .. } => "symbolic link",
    }
}

fn bytes(kind: Option<&ItemKind>) -> &[u8] {
    match kind {
        Some(ItemKind::File { content, .. }) => content,
        Some(ItemKind::Link { target }) => target.as_bytes(),
        Some(ItemKind::Folder) | None => &[],
    }
}

/// `bytes` as text that can be compared line by line; `None` if they are no text, or too long.
fn plain(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > MAX_TEXT || bytes.contains(&0) {
        return None;
    }
    str::from_utf8(bytes).ok()
}

const MAX_TEXT: usize = 1 << 20;
const LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], executable: bool) -> ItemKind {
        ItemKind::File { executable, content: content.to_vec() }
    }

    fn items(all: &[(&str, ItemKind)]) -> Items {
        all.iter().map(|(path, kind)| ((*path).to_owned(), kind.clone())).collect()
    }

    #[test]
    fn each_change_is_shown_as_a_diff() {
        let old = items(&[
            ("a", file(b"one\ntwo\n", false)),
            ("gone", file(b"x\n", false)),
            ("run", file(b"x\n", false)),
            ("same", file(b"x\n", false)),
            ("bin", file(b"\0", false)),
        ]);
        let new = items(&[
            ("a", file(b"one\n2\n", false)),
            ("d", ItemKind::Folder),
            ("d/new", file(b"y\n", true)),
            ("empty", ItemKind::Folder),
            ("run", file(b"x\n", true)),
            ("same", file(b"x\n", false)),
            ("bin", file(b"\0\0", false)),
            ("l", ItemKind::Link { target: "a".into() }),
        ]);
        let changes = between(&old, &new);
        let texts: Vec<&str> = changes.iter().map(|change| change.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "diff a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n",
                "diff bin\nnot text: 1 to 2 bytes\n",
                "diff d/new\nnew file, mode 0755\n--- /dev/null\n+++ b/d/new\n@@ -0,0 +1 @@\n+y\n",
                "diff empty\nnew folder\n",
                "diff gone\nremoved file, mode 0644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
                "diff l\nnew symbolic link\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n",
                "diff run\nold file, mode 0644\nnew file, mode 0755\n",
            ]
        );
        assert_eq!((changes[0].added, changes[0].removed), (1, 1));
        let remarks: Vec<String> = changes.iter().map(Change::remark).collect();
        let expected = ["", "not text, 1 to 2 bytes", "", "", "", "", "file, mode 0644 to file, mode 0755"];
        assert_eq!(remarks, expected);
    }

    #[test]
    fn equal_releases_have_no_changes() {
        let one = items(&[("a", file(b"x", false)), ("d", ItemKind::Folder)]);
        assert_eq!(between(&one, &one), []);
    }
}
