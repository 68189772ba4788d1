//! Pack bytes → its items, through the allow-list of the node. No IO.

use std::io::Read;

use flate2::read::GzDecoder;
use stringless_core::entry::{AllowList, Kind, Long, LongNames};
use stringless_core::hash::Sha256;
use stringless_core::pack::Pack;
use stringless_core::refusal::Refusal;
use tar::{Archive, EntryType};

use crate::writer::{Item, ItemKind};

/// Checks a pack against its line of the manifest as a node does, and hands out its items in order.
///
/// # Errors
/// The [`Refusal`] of the first rule that is broken.
pub fn each(pack: &Pack, bytes: &[u8], mut visit: impl FnMut(Item)) -> Result<(), Refusal> {
    let path = || pack.path.clone();
    if bytes.len() as u64 != pack.size {
        return Err(Refusal::Size { path: path(), what: "bytes", expected: pack.size });
    }
    let found = Sha256::of(bytes);
    if found != pack.sha256 {
        return Err(Refusal::Hash { path: path(), found, expected: pack.sha256 });
    }
    let broken = |e: std::io::Error| Refusal::Invalid(format!("not a readable archive: {e}"));
    let mut allowed = AllowList::new(pack);
    // Headers, padding and long names, beside the content: as far as a node reads.
    let cap = pack.unpacked + (pack.files + 4) * 4096;
    let mut archive = Archive::new(GzDecoder::new(bytes).take(cap));
    let mut long = LongNames::default();
    let invalid = |why: &str| Refusal::Invalid(why.to_owned());
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let mode = entry.header().mode().map_err(broken)?;
        let kind = entry.header().entry_type();
        if let EntryType::GNULongName | EntryType::GNULongLink = kind {
            let which = if kind == EntryType::GNULongName { Long::Name } else { Long::Target };
            let mut record = Vec::new();
            entry.take(LongNames::MAX as u64 + 1).read_to_end(&mut record).map_err(broken)?;
            long.take(which, &record).map_err(invalid)?;
            continue;
        }
        let (mut name, target) = long
            .of_entry(&entry.path_bytes(), &entry.link_name_bytes().unwrap_or_default())
            .map_err(invalid)?;
        if kind == EntryType::Directory && name.ends_with('/') {
            name.pop();
        }
        let claim = match kind {
            EntryType::Regular => Kind::File { size: entry.size() },
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink { target: &target },
            _ => Kind::Other,
        };
        let admitted = allowed.admit(&name, &claim, mode);
        admitted.map_err(|entry| Refusal::Archive { path: path(), entry })?;
        let kind = match kind {
            EntryType::Directory => ItemKind::Folder,
            EntryType::Symlink => ItemKind::Link { target },
            _ => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(broken)?;
                ItemKind::File { executable: mode & 0o100 != 0, content }
            }
        };
        visit(Item { path: name, kind });
    }
    long.finish().map_err(invalid)?;
    allowed.finish().map_err(|what| {
        let expected = if what == "files" { pack.files } else { pack.unpacked };
        Refusal::Size { path: path(), what, expected }
    })
}
