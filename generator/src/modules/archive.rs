//! A module's archive → its files. Authors use many versions of tar. No IO.
//!
//! Everything that a pack must not hold is refused here, by name. Harmless oddities (missing folders, odd
//! modes, `./` before names) are corrected.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use stringless_archive::writer::{Item, ItemKind};
use stringless_core::pack::MAX_FILES;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::tree::quoted;

/// Where an archive holds the files of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Below one folder, which is not part of the module, as in releases of a forge.
    OneFolder,
    /// At the top level.
    Plain,
}

/// The files and links of a compressed archive.
///
/// # Errors
/// A sentence about the archive, or about the first entry that a module must not hold.
pub fn read(bytes: &[u8], layout: Layout) -> Result<Vec<Item>, String> {
    let broken = |e: std::io::Error| format!("it is not a readable archive: {e}");
    // Allows for headers and padding besides the content; a decompression bomb ends here.
    let cap = MAX_CONTENT + MAX_FILES * 4096;
    let mut archive = Archive::new(MultiGzDecoder::new(bytes).take(cap));
    let (mut items, mut left, mut count) = (Vec::new(), MAX_CONTENT, 0);
    let mut names = Names::default();
    // Raw entries: otherwise the library would read records before an entry into memory, at any length.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        count += 1;
        if count > 2 * MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} entries"));
        }
        if names.take(&mut entry)? {
            continue;
        }
        let Some(item) = item(&mut entry, &mut names, &mut left)? else { continue };
        items.push(item);
    }
    let mut rest = archive.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(broken)?;
    if rest.limit() == 0 {
        return Err(TOO_LARGE.into());
    }
    if layout == Layout::OneFolder { without_folder(items) } else { Ok(items) }
}

/// Names for the next entry, from records before it.
#[derive(Default)]
struct Names {
    path: Option<String>,
    target: Option<String>,
}

impl Names {
    /// Whether the entry is such a record.
    fn take<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<bool, String> {
        let kind = entry.header().entry_type();
        let known = matches!(
            kind,
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
        );
        if !known {
            return Ok(false);
        }
        let mut record = Vec::new();
        let read = entry.take(MAX_RECORD + 1).read_to_end(&mut record);
        read.map_err(|e| format!("it is not a readable archive: {e}"))?;
        if record.len() as u64 > MAX_RECORD {
            return Err(format!("a record before an entry is longer than {MAX_RECORD} bytes"));
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NOT_UTF8.to_owned());
        match kind {
            EntryType::GNULongName => self.path = Some(text(record.strip_suffix(b"\0").unwrap_or(&record))?),
            EntryType::GNULongLink => {
                self.target = Some(text(record.strip_suffix(b"\0").unwrap_or(&record))?);
            }
            _ => self.extensions(&record, kind == EntryType::XGlobalHeader)?,
        }
        Ok(true)
    }

    /// POSIX records: names are used; a record that would change the end of an entry is refused.
    fn extensions(&mut self, record: &[u8], global: bool) -> Result<(), String> {
        for extension in PaxExtensions::new(record) {
            let extension = extension.map_err(|e| format!("it is not a readable archive: {e}"))?;
            let key = extension.key().map_err(|_| NOT_UTF8)?;
            let value = || extension.value().map(str::to_owned).map_err(|_| NOT_UTF8.to_owned());
            match key {
                "size" => return Err("an extension sets the size of an entry".into()),
                "path" | "linkpath" if global => return Err("an extension gives all entries one name".into()),
                "path" => self.path = Some(value()?),
                "linkpath" => self.target = Some(value()?),
                _ if key.starts_with("GNU.sparse.") => return Err("it holds a sparse file".into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A file or link; `None` for a folder, because folders follow from the files.
fn item<R: Read>(
    entry: &mut Entry<'_, R>,
    names: &mut Names,
    left: &mut u64,
) -> Result<Option<Item>, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NOT_UTF8.to_owned());
    let name = names.path.take().map_or_else(|| text(&entry.path_bytes()), Ok)?;
    let target = names.target.take();
    let path = tidy(&name);
    let refused = |why: &str| format!("`{}` {why}", quoted(&name));
    let kind = entry.header().entry_type();
    match kind {
        EntryType::Directory => return Ok(None),
        EntryType::Regular | EntryType::Continuous if name.ends_with('/') => return Ok(None),
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::Symlink => {
            let target = target.map_or_else(|| text(&entry.link_name_bytes().unwrap_or_default()), Ok)?;
            return Ok(Some(Item { path, kind: ItemKind::Link { target } }));
        }
        EntryType::Link => return Err(refused("is a hard link")),
        EntryType::Block | EntryType::Char => return Err(refused("is a device")),
        EntryType::Fifo => return Err(refused("is a named pipe")),
        _ => return Err(refused("is neither a file, a folder nor a symbolic link")),
    }
    let size = entry.header().entry_size().map_err(|e| refused(&format!("has no size: {e}")))?;
    *left = left.checked_sub(size).ok_or(TOO_LARGE)?;
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(|e| format!("it is not a readable archive: {e}"))?;
    if content.len() as u64 != size {
        return Err(format!("it ends in the middle of `{}`", quoted(&name)));
    }
    let executable = entry.header().mode().unwrap_or(0o644) & 0o100 != 0;
    Ok(Some(Item { path, kind: ItemKind::File { executable, content } }))
}

/// Removes `./` at the start; the allow-list refuses other oddities.
fn tidy(name: &str) -> String {
    let mut rest = name;
    while let Some(after) = rest.strip_prefix("./") {
        rest = after;
    }
    rest.to_owned()
}

fn without_folder(items: Vec<Item>) -> Result<Vec<Item>, String> {
    let mut folder: Option<String> = None;
    let mut inner = Vec::new();
    for item in items {
        let odd =
            || format!("`{}` is not in the one folder that a release of a forge has", quoted(&item.path));
        let (first, rest) = item.path.split_once('/').ok_or_else(odd)?;
        if folder.get_or_insert_with(|| first.to_owned()) != first || first == ".." || first.is_empty() {
            return Err(odd());
        }
        inner.push(Item { path: rest.to_owned(), kind: item.kind });
    }
    Ok(inner)
}

/// The largest total size of a module's files: 1 GiB.
const MAX_CONTENT: u64 = 1 << 30;
/// The longest record: names have at most 4096 bytes, other records (times, owners) are short.
const MAX_RECORD: u64 = 64 * 1024;
const TOO_LARGE: &str = "it holds more than 1 GiB";
const NOT_UTF8: &str = "a name in it is not UTF-8";

#[cfg(test)]
mod tests;
