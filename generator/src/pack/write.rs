//! Makes one pack: reads its files, checks that they may be published and that a node would accept them, writes it.

use std::path::Path;

use stringless_archive::reader;
use stringless_archive::writer::{self, Item, ItemKind};
use stringless_core::hash::Sha256;
use stringless_core::pack::{MAX_FILES, MAX_UNPACKED_BYTES, Pack, join_path, title};
use stringless_core::refusal::Refusal;
use stringless_render::rerender::Rendering;

use super::cache::pack_file;
use crate::cache;
use crate::error::{Error, Result};
use crate::fs::write_atomic;
use crate::source::content::FileContent;
use crate::source::{Entry, EntryKind, IGNORE_FILE};
use crate::trust::secret_key;

/// Reads the files `found` for the pack at `path`.
///
/// # Errors
/// When a file cannot be read, or the files exceed the limits of a pack.
pub fn read(path: &str, found: &[Entry]) -> Result<Vec<Item>> {
    check_size(path, found)?;
    let contents = found.iter().filter_map(|one| match &one.kind {
        EntryKind::Folder => None,
        EntryKind::File { content, .. } | EntryKind::Link { target: content } => Some(content),
    });
    let mut contents = FileContent::read_all(&contents.collect::<Vec<_>>())?.into_iter();
    let items = found.iter().map(|one| {
        let mut content = || contents.next().unwrap_or_default();
        let kind = match &one.kind {
            EntryKind::Folder => ItemKind::Folder,
            EntryKind::File { executable, .. } => {
                ItemKind::File { executable: *executable, content: content() }
            }
            EntryKind::Link { .. } => {
                let target = String::from_utf8(content())
                    .map_err(|_| not_allowed(path, &one.path, "it is a link whose target is not UTF-8"))?;
                ItemKind::Link { target }
            }
        };
        Ok(Item { path: one.path.clone(), kind })
    });
    items.collect()
}

/// Packs `items` into `folder`. `archive` is used as the pack if it contains exactly `items`.
///
/// # Errors
/// Refused when an item may not be published, or a node would refuse it.
pub fn write(path: &str, items: Vec<Item>, archive: Option<Vec<u8>>, folder: &Path) -> Result<Pack> {
    check(path, &items)?;
    let (pack, bytes) = match archive.and_then(|bytes| as_pack(path, &items, bytes)) {
        Some(known) => known,
        None => packed(path, items)?,
    };
    let file = pack_file(folder, &pack);
    if cache::read_up_to(&file, pack.size.saturating_add(1)).is_ok_and(|there| there.as_ref() == Some(&bytes))
    {
        return Ok(pack);
    }
    write_atomic(&file, &bytes)?;
    Ok(pack)
}

/// Refuses files that may not be published.
///
/// # Errors
/// With the first such file.
pub fn check(path: &str, items: &[Item]) -> Result<()> {
    for item in items {
        if let ItemKind::File { content, .. } = &item.kind
            && let Some(why) = why_not_allowed(content)
        {
            return Err(not_allowed(path, &item.path, why));
        }
    }
    Ok(())
}

fn packed(path: &str, items: Vec<Item>) -> Result<(Pack, Vec<u8>)> {
    let (pack, bytes) = writer::bundle(path, items);
    // Refuse here what a node would refuse: here it can be fixed.
    reader::each(&pack, &bytes, drop)
        .map_err(|refusal| Error::refusal("building", "the release", &refusal).hint(cure(&refusal)))?;
    Ok((pack, bytes))
}

/// What to do about content that a node would refuse.
fn cure(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Archive { path, entry } if entry.why.starts_with("is a link") => format!(
            "make it a relative link to something in the same pack, or leave it out: add `/{}` to `{IGNORE_FILE}`",
            join_path(path, &entry.path)
        ),
        _ => format!("remove it, or add it to `{IGNORE_FILE}`"),
    }
}

/// `archive` as a pack, if a node would unpack exactly `items` from it.
fn as_pack(path: &str, items: &[Item], archive: Vec<u8>) -> Option<(Pack, Vec<u8>)> {
    let length = |item: &Item| match &item.kind {
        ItemKind::File { content, .. } => content.len() as u64,
        _ => 0,
    };
    let (sha256, size) = (Sha256::of(&archive), archive.len() as u64);
    let (unpacked, files) = (items.iter().map(length).sum(), items.len() as u64);
    let pack = Pack { path: path.to_owned(), sha256, size, unpacked, files };
    let mut expected = items.iter();
    let mut same = true;
    reader::each(&pack, &archive, |item| same &= expected.next() == Some(&item)).ok()?;
    (same && expected.next().is_none()).then_some((pack, archive))
}

/// Refuses files that exceed the limits of a pack, before they are read into memory.
fn check_size(path: &str, found: &[Entry]) -> Result<()> {
    let contents = found.iter().filter_map(|one| match &one.kind {
        EntryKind::File { content, .. } => Some(content.size()),
        _ => None,
    });
    let bytes: u64 = contents.sum();
    if bytes <= MAX_UNPACKED_BYTES && found.len() as u64 <= MAX_FILES {
        return Ok(());
    }
    Err(Error::refused(format!(
        "building {}: {} files with {bytes} bytes; a pack may have at most {MAX_FILES} files with {MAX_UNPACKED_BYTES} bytes",
        title(path),
        found.len()
    ))
    .hint(format!("add files that nodes do not need to `{IGNORE_FILE}`")))
}

/// Why `content` may not be published, where all nodes and all readers of the bucket can read it; `None` if it may.
fn why_not_allowed(content: &[u8]) -> Option<&'static str> {
    if secret_key::holds_secret_key(content) {
        return Some("it contains a secret key");
    }
    if content.starts_with(LFS) {
        return Some("it is a Git LFS pointer, not the file itself");
    }
    let head = &content[..content.len().min(HEAD)];
    // Lines may be indented, inside a cloud-config.
    let rendered = head.split(|&b| b == b'\n').any(|line| line.trim_ascii_start().starts_with(USER_DATA));
    // Or the content is compressed or encoded user-data, or a document that contains the node's configuration.
    let keyed = || Rendering::read(content).is_ok_and(|rendering| rendering.static_keys().is_some());
    (rendered || content.len() <= MAX_USER_DATA && keyed())
        .then_some("it is rendered user-data, which may contain keys")
}

fn not_allowed(pack: &str, path: &str, why: &str) -> Error {
    let path = join_path(pack, path);
    let hint = if why.contains("LFS") {
        format!("run `git lfs pull` and build from that folder; or add it to `{IGNORE_FILE}`")
    } else {
        format!("move it out of the source tree, or add it to `{IGNORE_FILE}`")
    };
    Error::refused(format!("building from `{path}`: {why}")).hint(hint)
}

/// How a Git LFS pointer begins.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
/// How user-data begins in every form. Only the first [`HEAD`] bytes of a file are searched.
const USER_DATA: &[u8] = b"# Stringless bootstrap: site ";
const HEAD: usize = 4096;
/// The highest limit of any cloud.
const MAX_USER_DATA: usize = 512 * 1024;
