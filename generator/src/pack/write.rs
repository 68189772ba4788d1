//! One pack: read, held against what may not be published and against the node's allow-list, written.

use std::fs;
use std::path::Path;

use stringless_archive::reader;
use stringless_archive::writer::{self, Item, ItemKind};
use stringless_core::hash::Sha256;
use stringless_core::pack::{MAX_FILES, MAX_UNPACKED_BYTES, Pack, title};
use stringless_render::rerender::Rendering;

use super::cache::pack_file;
use crate::error::{Error, Result};
use crate::fs::write_whole;
use crate::source::content::Content;
use crate::source::{Found, FoundKind, IGNORE_FILE};
use crate::trust::secret_key;

/// Reads what was found for the pack at `path`.
///
/// # Errors
/// When it cannot be read, or is more than fits into a pack.
pub fn read(path: &str, found: &[Found]) -> Result<Vec<Item>> {
    check_size(path, found)?;
    let contents = found.iter().filter_map(|one| match &one.kind {
        FoundKind::Folder => None,
        FoundKind::File { content, .. } | FoundKind::Link { target: content } => Some(content),
    });
    let mut contents = Content::read_all(&contents.collect::<Vec<_>>())?.into_iter();
    let items = found.iter().map(|one| {
        let mut content = || contents.next().unwrap_or_default();
        let kind = match &one.kind {
            FoundKind::Folder => ItemKind::Folder,
            FoundKind::File { executable, .. } => {
                ItemKind::File { executable: *executable, content: content() }
            }
            FoundKind::Link { .. } => {
                let target = String::from_utf8(content())
                    .map_err(|_| may_not(path, &one.path, "it is a link whose target is not UTF-8"))?;
                ItemKind::Link { target }
            }
        };
        Ok(Item { path: one.path.clone(), kind })
    });
    items.collect()
}

/// Packs `items` into `folder`, if a node would take them. `archive` spares the packing where it holds
/// just them.
///
/// # Errors
/// Refused for what may not be where every node reads it, or what a node would refuse.
pub fn write(path: &str, items: Vec<Item>, archive: Option<Vec<u8>>, folder: &Path) -> Result<Pack> {
    for item in &items {
        if let ItemKind::File { content, .. } = &item.kind
            && let Some(why) = unfit(content)
        {
            return Err(may_not(path, &item.path, why));
        }
    }
    let (pack, bytes) = match archive.and_then(|bytes| holding(path, &items, bytes)) {
        Some(known) => known,
        None => packed(path, items)?,
    };
    let file = pack_file(folder, &pack);
    if fs::read(&file).is_ok_and(|there| there == bytes) {
        return Ok(pack);
    }
    write_whole(&file, &bytes)?;
    Ok(pack)
}

fn packed(path: &str, items: Vec<Item>) -> Result<(Pack, Vec<u8>)> {
    let (pack, bytes) = writer::bundle(path, items);
    // What a node would refuse is refused here, where somebody can mend it.
    reader::each(&pack, &bytes, drop).map_err(|refusal| {
        Error::refusal("building", "the release", &refusal)
            .hint(format!("remove it, or name it in `{IGNORE_FILE}`"))
    })?;
    Ok((pack, bytes))
}

/// The pack that `archive` is, if a node unpacks just `items` from it.
fn holding(path: &str, items: &[Item], archive: Vec<u8>) -> Option<(Pack, Vec<u8>)> {
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

/// What is too large is refused before it fills the memory.
fn check_size(path: &str, found: &[Found]) -> Result<()> {
    let contents = found.iter().filter_map(|one| match &one.kind {
        FoundKind::File { content, .. } => Some(content.size()),
        _ => None,
    });
    let bytes: u64 = contents.sum();
    if bytes <= MAX_UNPACKED_BYTES && found.len() as u64 <= MAX_FILES {
        return Ok(());
    }
    Err(Error::refused(format!(
        "building {}: {} files with {bytes} bytes; {MAX_FILES} with {MAX_UNPACKED_BYTES} are the most of a pack",
        title(path),
        found.len()
    ))
    .hint(format!("name in `{IGNORE_FILE}` what nodes do not need")))
}

/// Why `content` may not be where all nodes, and whoever reads the bucket, can read it, or is not what it
/// should be.
fn unfit(content: &[u8]) -> Option<&'static str> {
    if secret_key::holds_secret_key(content) {
        return Some("it holds a secret key");
    }
    if content.starts_with(LFS) {
        return Some("it is a pointer of Git LFS, and the file itself is elsewhere");
    }
    let head = &content[..content.len().min(HEAD)];
    // Indented inside of a cloud-config.
    let rendered = head.split(|&b| b == b'\n').any(|line| line.trim_ascii_start().starts_with(USER_DATA));
    // Or packed, encoded, or a document with the node's configuration in it.
    let keyed = || Rendering::read(content).is_ok_and(|rendering| rendering.static_keys().is_some());
    (rendered || content.len() <= MAX_USER_DATA && keyed())
        .then_some("it is rendered user-data, which may hold keys")
}

fn may_not(pack: &str, path: &str, why: &str) -> Error {
    let path = [pack, path].join("/");
    let path = path.trim_start_matches('/');
    let hint = if why.contains("LFS") {
        format!("`git lfs pull`, and build from that folder; or name it in `{IGNORE_FILE}`")
    } else {
        format!("move it out of the source tree, or name it in `{IGNORE_FILE}`")
    };
    Error::refused(format!("building from `{path}`: {why}")).hint(hint)
}

/// How a file begins that Git LFS keeps elsewhere.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
/// How user-data begins, whatever its form; the head of a file is searched for it.
const USER_DATA: &[u8] = b"# Stringless bootstrap: site ";
const HEAD: usize = 4096;
/// No cloud takes more.
const MAX_USER_DATA: usize = 512 * 1024;
