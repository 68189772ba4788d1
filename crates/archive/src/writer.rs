//! Writes an archive from a list of files. It depends on no clock, owner or random number: the same input gives the
//! same bytes. No IO.
//!
//! The format is old GNU tar: names over 100 bytes are in an `L` record, which every tar can read, including BusyBox.
//! Sizes stay below the limit that would need an extension.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use stringless_core::hash::Sha256;
use stringless_core::pack::Pack;
use tar::{Builder, EntryType, Header};

/// A file, folder or link of a pack, with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its path in the pack.
    pub path: String,
    /// Its kind and content.
    pub kind: ItemKind,
}

/// The kind of an [`Item`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A folder.
    Folder,
    /// A regular file.
    File {
        /// Mode 0755 instead of 0644.
        executable: bool,
        /// Its bytes.
        content: Vec<u8>,
    },
    /// A symbolic link.
    Link {
        /// The target of the link.
        target: String,
    },
}

/// Packs `items` for the folder `path` of the release. The order of `items` does not matter.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn bundle(path: &str, mut items: Vec<Item>) -> (Pack, Vec<u8>) {
    items.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
    let gzip = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut tar = Builder::new(gzip.write(Vec::new(), Compression::new(LEVEL)));
    let mut unpacked = 0;
    for item in &items {
        unpacked += append(&mut tar, item).expect("writing to memory does not fail");
    }
    let gzip = tar.into_inner().expect("writing to memory does not fail");
    let bytes = gzip.finish().expect("writing to memory does not fail");
    let (sha256, size) = (Sha256::of(&bytes), bytes.len() as u64);
    (Pack { path: path.to_owned(), sha256, size, unpacked, files: items.len() as u64 }, bytes)
}

/// Writes one item; returns the bytes of its content.
fn append<W: Write>(tar: &mut Builder<W>, item: &Item) -> std::io::Result<u64> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    match &item.kind {
        ItemKind::Folder => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            tar.append_data(&mut header, format!("{}/", item.path), std::io::empty())?;
            Ok(0)
        }
        ItemKind::File { executable, content } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, &item.path, content.as_slice())?;
            Ok(content.len() as u64)
        }
        ItemKind::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            // Every tar writes this mode for a link, and every system ignores it.
            header.set_mode(0o777);
            // `append_link` would change the target: `././x` and `x` are different links.
            let target = target.as_bytes();
            if target.len() > SHORT {
                let mut record = Header::new_gnu();
                record.as_gnu_mut().ok_or(std::io::ErrorKind::Other)?.name[..LONG_NAME.len()]
                    .copy_from_slice(LONG_NAME);
                record.set_mode(0o644);
                record.set_uid(0);
                record.set_gid(0);
                record.set_mtime(0);
                record.set_entry_type(EntryType::GNULongLink);
                record.set_size(target.len() as u64 + 1);
                record.set_cksum();
                tar.append(&record, [target, b"\0"].concat().as_slice())?;
            }
            header.set_link_name_literal(&target[..target.len().min(SHORT)])?;
            tar.append_data(&mut header, &item.path, std::io::empty())?;
            Ok(0)
        }
    }
}

/// RFC 1952: 255 means "unknown", so it is the same on every machine.
const UNKNOWN_SYSTEM: u8 = 255;
const LEVEL: u32 = 6;
/// The longest name in a header, in bytes.
const SHORT: usize = 100;
/// The name that GNU tar gives to a long-name record.
const LONG_NAME: &[u8] = b"././@LongLink";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader;
    use proptest::prelude::*;

    fn file(path: &str, content: &[u8]) -> Item {
        Item { path: path.into(), kind: ItemKind::File { executable: false, content: content.to_vec() } }
    }

    fn folder(path: &str) -> Item {
        Item { path: path.into(), kind: ItemKind::Folder }
    }

    /// A change here gives every pack of every site a new hash, so that all are sent again. It needs a new version.
    #[test]
    fn the_bytes_are_these() {
        let run = ItemKind::File { executable: true, content: b"#!/bin/sh\n".repeat(1000) };
        let link = ItemKind::Link { target: "b".into() };
        let items = vec![
            folder("d"),
            file(&format!("d/{}", "long".repeat(50)), b"x"),
            Item { path: "run".into(), kind: run },
            Item { path: "l".into(), kind: link },
            file("b", b""),
        ];
        let (pack, _) = bundle("", items);
        assert_eq!(
            pack.sha256.to_string(),
            "1aa5d40eed2817ce9cbefe7c220ec9157f1bab5d09703290e9486cc87960077b"
        );
    }

    #[test]
    fn order_does_not_matter_and_folders_come_first() {
        let items = vec![file("a/x", b"1"), file("a-b", b"2"), folder("a"), file("a.c", b"3")];
        let mut other = items.clone();
        other.reverse();
        let (pack, bytes) = bundle("p", items);
        assert_eq!((pack.clone(), bytes.clone()), bundle("p", other));
        let mut names = Vec::new();
        reader::each(&pack, &bytes, |item| names.push(item.path)).unwrap();
        assert_eq!(names, ["a", "a/x", "a-b", "a.c"]);
    }

    fn trees() -> impl Strategy<Value = Vec<Item>> {
        let name = "[a-zé .%~-]{1,20}|[a-z]{120}".prop_filter("a plain name", |n| n != "." && n != "..");
        let content = proptest::collection::vec(any::<u8>(), 0..2000);
        let entry = (proptest::collection::vec(name, 1..6), content, any::<bool>(), 0..5u8);
        proptest::collection::vec(entry, 0..12).prop_map(|entries| {
            let mut items: Vec<Item> = Vec::new();
            for (parts, content, executable, what) in entries {
                let path = parts.join("/");
                let known =
                    |items: &[Item], path: &str| items.iter().any(|i| i.path.eq_ignore_ascii_case(path));
                let mut parents = Vec::new();
                for (at, _) in path.match_indices('/') {
                    parents.push(path[..at].to_owned());
                }
                let blocked = parents.iter().any(|p| {
                    items.iter().any(|i| {
                        i.path.to_lowercase() == p.to_lowercase()
                            && (i.kind != ItemKind::Folder || i.path != *p)
                    })
                });
                if blocked || known(&items, &path) {
                    continue;
                }
                for parent in parents {
                    if !known(&items, &parent) {
                        items.push(folder(&parent));
                    }
                }
                let kind = match what {
                    0 => ItemKind::Folder,
                    1 => ItemKind::Link {
                        target: format!(
                            "{}{}x",
                            "../".repeat(parts.len() - 1),
                            "./".repeat(content.len() / 10)
                        ),
                    },
                    _ => ItemKind::File { executable, content },
                };
                items.push(Item { path, kind });
            }
            items
        })
    }

    proptest! {
        #[test]
        fn random_trees_come_back(items in trees()) {
            let (pack, bytes) = bundle("p", items.clone());
            let mut back = Vec::new();
            reader::each(&pack, &bytes, |item| back.push(item)).unwrap();
            let mut items = items;
            items.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
            prop_assert_eq!(back, items);
        }
    }
}
